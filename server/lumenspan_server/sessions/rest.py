"""REST routes of sessions (contract, section 2)."""

from typing import Any

from litestar import Request, Response, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from lumenspan.sessions.service import Session, SessionFilter
from lumenspan.traces.domain import TraceFilter, TraceOrder
from lumenspan_server.access import require_project_key
from lumenspan_server.errors import json_response
from lumenspan_server.params import QueryParams
from lumenspan_server.rows import iso
from lumenspan_server.services import Services
from lumenspan_server.traces.rest import Known

_DEFAULT_LIMIT, _MAX_LIMIT, _MAX_PAGE = 50, 100, 10**6
_MAX_TRACES = 1_000
_PARTS = frozenset({"core", "io"})


@get("/api/public/sessions", summary="Sessions of the project, newest first")
async def list_sessions(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [{id, createdAt, projectId, environment}], meta}``."""
    principal = await require_project_key(request)
    params = QueryParams(request)
    page = params.number("page", 1, 1, _MAX_PAGE)
    limit = params.number("limit", _DEFAULT_LIMIT, 1, _MAX_LIMIT)
    where = SessionFilter(
        params.time_ns("fromTimestamp"), params.time_ns("toTimestamp"), params.texts("environment")
    )
    services: Services = request.app.state.services
    sessions, total = await services.sessions.numbered_page(principal.project_id, where, page, limit)
    meta = {"page": page, "limit": limit, "totalItems": total, "totalPages": -(-total // limit)}
    return json_response({"data": [_row(principal.project_id, each) for each in sessions], "meta": meta})


@get("/api/public/sessions/{session_id:path}", summary="One session with its traces, at most 1,000")
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
    return json_response(_row(project_id, session) | {"traces": rows})


def _row(project_id: str, session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "createdAt": iso(session.created_ns),
        "projectId": project_id,
        "environment": session.environment,
    }


routes: list[ControllerRouterHandler] = [list_sessions, get_session]
