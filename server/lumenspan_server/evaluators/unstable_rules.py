"""REST routes of evaluation rules, first version, as SDKs before 5 call them (contract, section 10)."""

from typing import Any

from litestar import Request, Response, Router, delete, get, patch, post
from litestar.params import FromPath

from lumenspan.errors import InvalidInput
from lumenspan_server.access import require_project_key
from lumenspan_server.evaluators import unstable_bodies as bodies
from lumenspan_server.evaluators.errors import FIRST_HANDLERS, of_first_evaluator
from lumenspan_server.operations import (
    Message,
    PageQuery,
    answer,
    operation,
    page_meta,
    read_body,
    read_query,
)
from lumenspan_server.services import Services

_PATH = "/api/public/unstable/evaluation-rules"
_ONE = _PATH + "/{evaluation_rule_id:str}"
_Create = bodies.CreateWithJudge | bodies.CreateWithCode | bodies.CreateWithEvaluators


@post(_PATH, summary="Make an evaluation rule", **operation(body=_Create, answer=bodies.RuleAnswer))
async def create_rule(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The rule; its name must be free."""
    principal = await require_project_key(request)
    given, has_one_evaluator = bodies.read_new_rule(await request.body())
    services: Services = request.app.state.services
    try:
        made = await services.evaluation_rules.create(principal.project_id, given)
    except InvalidInput as error:
        raise of_first_evaluator(error) if has_one_evaluator else error from error
    return answer(bodies.of_rule(made))


@get(_PATH, summary="Evaluation rules of the project", **operation(query=PageQuery, answer=bodies.RuleList))
async def list_rules(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Rules, also old ones on traces and datasets, the one made last first."""
    principal = await require_project_key(request)
    query = read_query(request, PageQuery)
    services: Services = request.app.state.services
    found, total = await services.evaluation_rules.page(principal.project_id, query.page, query.limit)
    rows = tuple(map(bodies.of_rule, found))
    return answer(bodies.RuleList(data=rows, meta=page_meta(query, total)))


@get(_ONE, summary="One evaluation rule", **operation(answer=bodies.RuleAnswer))
async def get_rule(request: Request[Any, Any, Any], evaluation_rule_id: FromPath[str]) -> Response[bytes]:
    """The rule."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    found = await services.evaluation_rules.get(principal.project_id, evaluation_rule_id)
    return answer(bodies.of_rule(found))


@patch(
    _ONE, summary="Change an evaluation rule", **operation(body=bodies.UpdateRule, answer=bodies.RuleAnswer)
)
async def update_rule(
    request: Request[Any, Any, Any], evaluation_rule_id: FromPath[str]
) -> Response[bytes]:
    """The rule; old ones on traces and datasets count as not there."""
    principal = await require_project_key(request)
    given = await read_body(request, bodies.UpdateRule)
    services: Services = request.app.state.services
    change = given.to_domain()
    try:
        changed = await services.evaluation_rules.update(principal.project_id, evaluation_rule_id, change)
    except InvalidInput as error:
        raise of_first_evaluator(error) if given.evaluators is None else error from error
    return answer(bodies.of_rule(changed))


@delete(_ONE, summary="Delete an evaluation rule", **operation(answer=Message))
async def delete_rule(
    request: Request[Any, Any, Any], evaluation_rule_id: FromPath[str]
) -> Response[bytes]:
    """A sentence; old rules on traces and datasets count as not there."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    await services.evaluation_rules.delete(principal.project_id, evaluation_rule_id, keeps_legacy=True)
    return answer(Message(message="Evaluation rule successfully deleted"))


routes = Router(
    path="/",
    route_handlers=[create_rule, list_rules, get_rule, update_rule, delete_rule],
    exception_handlers=FIRST_HANDLERS,
)
