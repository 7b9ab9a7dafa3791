"""REST routes of sessions (contract, section 2)."""

from typing import Any

from litestar import Request, Response, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from lumenspan.sessions.service import Session, SessionFilter
from lumenspan.traces.domain import TraceFilter, TraceOrder
from lumenspan_server.access import require_project_key
from lumenspan_server.operations import (
    Instant,
    Nanos,
    PageMeta,
    PageQuery,
    Wire,
    answer,
    operation,
    page_meta,
    read_query,
)
from lumenspan_server.rows import iso
from lumenspan_server.services import Services
from lumenspan_server.traces.rest import Known
from lumenspan_server.traces.wire import TraceRow

_MAX_TRACES = 1_000
_PARTS = frozenset({"core", "io"})


class SessionQuery(PageQuery):
    """What ``GET /sessions`` takes."""

    from_timestamp: Nanos | None = None
    to_timestamp: Nanos | None = None
    environment: tuple[str, ...] = ()


class SessionRow(Wire):
    """A session: when its first trace began."""

    id: str
    created_at: Instant
    project_id: str
    environment: str


class SessionWithTraces(SessionRow):
    """A session and its traces, newest first."""

    traces: list[TraceRow]


class Sessions(Wire):
    """A page of sessions."""

    data: list[SessionRow]
    meta: PageMeta


@get(
    "/api/public/sessions",
    summary="Sessions of the project, newest first",
    **operation(query=SessionQuery, answer=Sessions, resource="public-api-legacy"),
)
async def list_sessions(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [{id, createdAt, projectId, environment}], meta}``."""
    principal = await require_project_key(request)
    query = read_query(request, SessionQuery)
    where = SessionFilter(query.from_timestamp, query.to_timestamp, query.environment)
    services: Services = request.app.state.services
    sessions, total = await services.sessions.numbered_page(
        principal.project_id, where, query.page, query.limit
    )
    rows = [SessionRow(**_fields(principal.project_id, each)) for each in sessions]
    return answer(Sessions(data=rows, meta=page_meta(query, total)))


@get(
    "/api/public/sessions/{session_id:path}",
    summary="One session with its traces, at most 1,000",
    **operation(answer=SessionWithTraces, resource="public-api-legacy"),
)
async def get_session(request: Request[Any, Any, Any], session_id: FromPath[str]) -> Response[bytes]:
    """The session and ``traces``, newest first; 404 where no trace of the project names it."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    project_id = principal.project_id
    session = await services.sessions.get(project_id, session_id.removeprefix("/"))
    found, _ = await services.traces.numbered_page(
        project_id, TraceFilter(session_ids=(session.id,)), TraceOrder(), 1, _MAX_TRACES
    )
    known = await Known.of(services, project_id, found, _PARTS)
    rows = [known.row(trace, _PARTS) for trace in found]
    return answer(SessionWithTraces(**_fields(project_id, session), traces=rows))


def _fields(project_id: str, session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "created_at": iso(session.created_ns),
        "project_id": project_id,
        "environment": session.environment,
    }


routes: list[ControllerRouterHandler] = [list_sessions, get_session]
