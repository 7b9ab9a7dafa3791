"""REST routes of evaluators, second version (contract, section 10)."""

from datetime import datetime
from typing import Any

from litestar import Request, Response, Router, delete, get, patch, post
from litestar.params import FromPath

from lumenspan.clock import datetime_to_nanos
from lumenspan.cursors import decode_cursor, encode_cursor, time_and_id
from lumenspan_server.access import require_project_key
from lumenspan_server.evaluators import bodies
from lumenspan_server.evaluators.errors import SECOND_HANDLERS
from lumenspan_server.evaluators.shapes import CursorQuery, Kind, read_kind
from lumenspan_server.operations import CursorMeta, answer, decode, operation, read_query
from lumenspan_server.services import Services

_PATH = "/api/public/v2/evaluators"
_ONE = _PATH + "/{evaluator_id:str}"
_MAX_VERSION = 2**31 - 1


def to_meta(made_at: datetime, id_: str) -> CursorMeta:
    """The cursor that leads past what was made then."""
    return CursorMeta(cursor=encode_cursor((datetime_to_nanos(made_at), id_)))


@post(
    _PATH,
    summary="Make an evaluator",
    **operation(body=bodies.CreateJudge | bodies.CreateCode, answer=bodies.EvaluatorAnswer),
)
async def create_evaluator(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The evaluator with version 1; names need not be unique."""
    principal = await require_project_key(request)
    given: Any = read_kind(await request.body(), bodies.CREATE, None)
    services: Services = request.app.state.services
    made = await services.evaluators.create(principal.project_id, given.to_domain())
    return answer(bodies.of_evaluator(made))


@get(
    _PATH,
    summary="Evaluators of the project, newest first",
    **operation(query=CursorQuery, answer=bodies.EvaluatorsPage),
)
async def list_evaluators(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Evaluators with their newest definitions, and a cursor where there are more."""
    principal = await require_project_key(request)
    query = read_query(request, CursorQuery)
    services: Services = request.app.state.services
    position = time_and_id(query.cursor)
    found, has_more = await services.evaluators.after(principal.project_id, position, query.limit)
    meta = to_meta(found[-1].created_at, found[-1].id) if has_more else CursorMeta()
    return answer(bodies.EvaluatorsPage(data=tuple(map(bodies.of_evaluator, found)), meta=meta))


@get(_ONE, summary="One evaluator", **operation(answer=bodies.EvaluatorAnswer))
async def get_evaluator(request: Request[Any, Any, Any], evaluator_id: FromPath[str]) -> Response[bytes]:
    """The evaluator with its newest definition."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    return answer(bodies.of_evaluator(await services.evaluators.get(principal.project_id, evaluator_id)))


@patch(
    _ONE,
    summary="Change an evaluator",
    **operation(
        body=bodies.UpdateMetadata | bodies.UpdateJudge | bodies.UpdateCode, answer=bodies.EvaluatorAnswer
    ),
)
async def update_evaluator(request: Request[Any, Any, Any], evaluator_id: FromPath[str]) -> Response[bytes]:
    """The evaluator; a definition becomes a new version, name and description do not."""
    principal = await require_project_key(request)
    body = await request.body()
    has_definition = isinstance(decode(body, Kind).type, str)
    given: Any = (
        read_kind(body, bodies.UPDATE, None) if has_definition else decode(body, bodies.UpdateMetadata)
    )
    services: Services = request.app.state.services
    changed = await services.evaluators.update(principal.project_id, evaluator_id, given.to_domain())
    return answer(bodies.of_evaluator(changed))


@delete(_ONE, summary="Delete an evaluator with all its versions", **operation(answer=bodies.Deleted))
async def delete_evaluator(request: Request[Any, Any, Any], evaluator_id: FromPath[str]) -> Response[bytes]:
    """Its id. Rules let go of it; scores stay."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    await services.evaluators.delete(principal.project_id, evaluator_id)
    return answer(bodies.Deleted(id=evaluator_id))


@get(
    _ONE + "/versions",
    summary="Versions of an evaluator, newest first",
    **operation(query=CursorQuery, answer=bodies.VersionsPage),
)
async def list_versions(request: Request[Any, Any, Any], evaluator_id: FromPath[str]) -> Response[bytes]:
    """Versions, and a cursor where there are more."""
    principal = await require_project_key(request)
    query = read_query(request, CursorQuery)
    below = None if query.cursor is None else min(int(decode_cursor(query.cursor, (int,))[0]), _MAX_VERSION)
    services: Services = request.app.state.services
    found, has_more = await services.evaluators.versions(
        principal.project_id, evaluator_id, below, query.limit
    )
    meta = CursorMeta(cursor=encode_cursor((found[-1].number,))) if has_more else CursorMeta()
    return answer(bodies.VersionsPage(data=tuple(map(bodies.of_version, found)), meta=meta))


routes = Router(
    path="/",
    route_handlers=[
        create_evaluator,
        list_evaluators,
        get_evaluator,
        update_evaluator,
        delete_evaluator,
        list_versions,
    ],
    exception_handlers=SECOND_HANDLERS,
)
