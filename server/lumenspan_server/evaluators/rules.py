"""REST routes of evaluation rules, second version (contract, section 10)."""

from typing import Any

from litestar import Request, Response, Router, delete, get, patch, post
from litestar.params import FromPath
from msgspec import UNSET, UnsetType

from lumenspan.clock import datetime_to_iso
from lumenspan.cursors import time_and_id
from lumenspan.evaluators.rules import Chosen, NewAssignment, NewRule, Rule, RuleChange
from lumenspan_server.access import require_project_key
from lumenspan_server.evaluators.bodies import AnyMapping, Creator, Deleted, of_any_mapping, of_person
from lumenspan_server.evaluators.errors import SECOND_HANDLERS
from lumenspan_server.evaluators.rest import to_meta
from lumenspan_server.evaluators.shapes import (
    CursorQuery,
    MappingInput,
    RuleFilter,
    of_conditions,
    to_conditions,
    to_mapping,
)
from lumenspan_server.operations import (
    CursorMeta,
    Instant,
    StrictWire,
    Wire,
    answer,
    operation,
    read_body,
    read_query,
)
from lumenspan_server.services import Services

_PATH = "/api/public/v2/evaluation-rules"
_ONE = _PATH + "/{evaluation_rule_id:str}"


class AssignmentInput(StrictWire):
    """An evaluator to use; without a mapping it takes over the evaluator's."""

    evaluator_id: str
    variable_mapping: tuple[MappingInput, ...] | None = None


class CreateRule(StrictWire):
    """A new rule; without a filter it takes every observation."""

    name: str
    enabled: bool
    evaluator_assignments: tuple[AssignmentInput, ...]
    sampling: float = 1.0
    filter: tuple[RuleFilter, ...] | None = None


class UpdateRule(StrictWire):
    """What is to be another; lists replace what is there."""

    name: str | UnsetType | None = UNSET
    enabled: bool | UnsetType | None = UNSET
    sampling: float | UnsetType = UNSET
    filter: tuple[RuleFilter, ...] | UnsetType | None = UNSET
    evaluator_assignments: tuple[AssignmentInput, ...] | UnsetType | None = UNSET


class AssignmentAnswer(Wire):
    """An evaluator that is used; null where its own mapping is taken over."""

    evaluator_id: str
    variable_mapping: tuple[AnyMapping, ...] | None


class RuleAnswer(Wire):
    """A rule."""

    id: str
    name: str
    created_by: Creator | None
    enabled: bool
    sampling: float
    filter: tuple[RuleFilter, ...]
    evaluator_assignments: tuple[AssignmentAnswer, ...]
    created_at: Instant
    updated_at: Instant


class RulesPage(Wire):
    """Rules, newest first."""

    data: tuple[RuleAnswer, ...]
    meta: CursorMeta


def to_assignments(given: tuple[AssignmentInput, ...]) -> tuple[NewAssignment, ...]:
    """The evaluators of a body."""
    return tuple(
        NewAssignment(Chosen(each.evaluator_id), to_mapping(each.variable_mapping)) for each in given
    )


def of_rule(rule: Rule) -> RuleAnswer:
    """A rule in answers."""
    return RuleAnswer(
        id=rule.id,
        name=rule.name,
        created_by=of_person(rule.created_by),
        enabled=rule.is_enabled,
        sampling=rule.sampling,
        filter=of_conditions(rule.conditions),
        evaluator_assignments=tuple(
            AssignmentAnswer(
                evaluator_id=each.evaluator.id,
                variable_mapping=None if each.mapping is None else of_any_mapping(each.mapping),
            )
            for each in rule.assignments
        ),
        created_at=datetime_to_iso(rule.created_at),
        updated_at=datetime_to_iso(rule.updated_at),
    )


@post(_PATH, summary="Make an evaluation rule", **operation(body=CreateRule, answer=RuleAnswer))
async def create_rule(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The rule. Enabled ones need an evaluator."""
    principal = await require_project_key(request)
    given = await read_body(request, CreateRule)
    services: Services = request.app.state.services
    new = NewRule(
        name=given.name,
        is_enabled=given.enabled,
        assignments=to_assignments(given.evaluator_assignments),
        conditions=to_conditions(given.filter),
        sampling=given.sampling,
    )
    return answer(of_rule(await services.evaluation_rules.create(principal.project_id, new)))


@get(
    _PATH,
    summary="Evaluation rules of the project, newest first",
    **operation(query=CursorQuery, answer=RulesPage),
)
async def list_rules(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Rules, also old ones on traces and datasets, and a cursor where there are more."""
    principal = await require_project_key(request)
    query = read_query(request, CursorQuery)
    services: Services = request.app.state.services
    position = time_and_id(query.cursor)
    found, has_more = await services.evaluation_rules.after(principal.project_id, position, query.limit)
    meta = to_meta(found[-1].created_at, found[-1].id) if has_more else CursorMeta()
    return answer(RulesPage(data=tuple(map(of_rule, found)), meta=meta))


@get(_ONE, summary="One evaluation rule", **operation(answer=RuleAnswer))
async def get_rule(request: Request[Any, Any, Any], evaluation_rule_id: FromPath[str]) -> Response[bytes]:
    """The rule."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    return answer(of_rule(await services.evaluation_rules.get(principal.project_id, evaluation_rule_id)))


@patch(_ONE, summary="Change an evaluation rule", **operation(body=UpdateRule, answer=RuleAnswer))
async def update_rule(
    request: Request[Any, Any, Any], evaluation_rule_id: FromPath[str]
) -> Response[bytes]:
    """The rule. An empty list of evaluators disables it; old rules can only be disabled."""
    principal = await require_project_key(request)
    given = await read_body(request, UpdateRule)
    services: Services = request.app.state.services
    change = RuleChange(
        name=given.name or None,
        is_enabled=None if given.enabled is UNSET else given.enabled,
        sampling=None if given.sampling is UNSET else given.sampling,
        conditions=to_conditions(given.filter) if isinstance(given.filter, tuple) else None,
        assignments=to_assignments(given.evaluator_assignments)
        if isinstance(given.evaluator_assignments, tuple)
        else None,
    )
    changed = await services.evaluation_rules.update(principal.project_id, evaluation_rule_id, change)
    return answer(of_rule(changed))


@delete(_ONE, summary="Delete an evaluation rule", **operation(answer=Deleted))
async def delete_rule(
    request: Request[Any, Any, Any], evaluation_rule_id: FromPath[str]
) -> Response[bytes]:
    """Its id. Evaluators and scores stay."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    await services.evaluation_rules.delete(principal.project_id, evaluation_rule_id)
    return answer(Deleted(id=evaluation_rule_id))


routes = Router(
    path="/",
    route_handlers=[create_rule, list_rules, get_rule, update_rule, delete_rule],
    exception_handlers=SECOND_HANDLERS,
)
