"""Health and readiness, for load balancers and people; no credentials."""

import time
from typing import Any

from litestar import Request, Response, get
from litestar.datastructures import State

from lumenspan import telemetry
from lumenspan.errors import LumenspanError, NotFound, Unauthenticated
from lumenspan.ingest.backlog import is_admitted, metrics_text
from lumenspan.storage.clickhouse import Sql
from lumenspan_server.errors import json_response
from lumenspan_server.operations import Wire, operation, read_query
from lumenspan_server.services import Services
from lumenspan_server.version import VERSION

_RECENT_S = 180
_OK = {"status": "OK", "version": VERSION}


def _is_on(text: str | None) -> bool:
    return (text or "").lower() == "true"


class HealthQuery(Wire):
    """What else to look at: anything but ``true`` counts as no."""

    fail_if_database_unavailable: str | None = None
    fail_if_no_recent_events: str | None = None


class Health(Wire):
    """``status`` is OK, or says what is wrong."""

    status: str
    version: str


@get(
    "/api/public/health",
    summary="Whether the server runs; the query can make it look at its engines",
    **operation(query=HealthQuery, answer=Health, answers={503: Health}, resource="none"),
)
async def health(request: Request[Any, Any, Any], state: State) -> Response[bytes]:
    """200 while it serves; ``failIfDatabaseUnavailable`` and ``failIfNoRecentEvents`` ask for more."""
    services: Services = state.services
    query = read_query(request, HealthQuery)
    if _is_on(query.fail_if_database_unavailable):
        try:
            await services.postgres.ping()
        except LumenspanError:
            return _unhealthy("Database not available")
    if _is_on(query.fail_if_no_recent_events):
        try:
            if not await _has_recent_events(services):
                return _unhealthy("No traces within the last 3 minutes")
        except LumenspanError:
            return _unhealthy("Analytics database not available")
    return json_response(_OK)


@get(
    "/api/public/ready",
    summary="Whether requests should be sent here",
    **operation(answer=Health, answers={500: Health, 503: Health}, resource="none"),
)
async def ready(state: State) -> Response[bytes]:
    """500 once the process was told to stop, 503 while a database is down or the first project is made."""
    services: Services = state.services
    if services.lifecycle.is_stopping:
        return json_response({"status": "The server is stopping", "version": VERSION}, 500)
    try:
        await services.postgres.ping()
        await services.clickhouse.ping()
    except LumenspanError as error:
        return _unhealthy(error.message)
    if not services.lifecycle.is_initialized:
        return _unhealthy("The first organization, project and user are being made")
    return json_response(_OK)


@get("/metrics", summary="Numbers for Prometheus; needs the token of LUMENSPAN_METRICS_TOKEN")
async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Text of the exposition format; 404 where no token is set: this port is open to everybody."""
    services: Services = request.app.state.services
    if services.settings.metrics_token is None:
        raise NotFound("Set LUMENSPAN_METRICS_TOKEN to have metrics here")
    if not is_admitted(services.settings, request.headers.get("authorization", "")):
        raise Unauthenticated("The token of LUMENSPAN_METRICS_TOKEN is needed")
    telemetry.PENDING_BYTES.set(services.gate.pending_bytes)
    text = await metrics_text(services.backlog)
    return Response(text, media_type=telemetry.CONTENT_TYPE)


def _unhealthy(status: str) -> Response[bytes]:
    return json_response({"status": status, "version": VERSION}, 503, {"Retry-After": "2"})


async def _has_recent_events(services: Services) -> bool:
    since = int(time.time()) - _RECENT_S
    # Of every project: it says whether anything arrives at all, and nothing else leaves this function.
    rows = await services.clickhouse.query(
        Sql.unscoped(
            "SELECT 1 FROM observations WHERE start_time >= toDateTime({since:Int64}, 'UTC') LIMIT 1",
            {"since": since},
        )
    )
    return bool(rows.rows)


routes = [health, ready, metrics]
