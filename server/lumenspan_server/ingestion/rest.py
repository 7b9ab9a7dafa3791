"""``POST /api/public/ingestion`` and the deprecated routes of single events (contract, section 3)."""

from typing import Any

from litestar import Request, Response, patch, post
from litestar.types import ControllerRouterHandler

from lumenspan.errors import InvalidInput, Unauthenticated
from lumenspan.ingest.events.batch import EventError
from lumenspan.ingest.events.schema import InvalidEvent
from lumenspan_server.access import require_key, require_project_key
from lumenspan_server.errors import json_response
from lumenspan_server.ingestion import bodies, wire
from lumenspan_server.operations import answer as encoded
from lumenspan_server.operations import operation

_INVALID = "Invalid request data"


@post(
    "/api/public/ingestion",
    summary="Take in a batch of events",
    request_max_body_size=None,
    **operation(body=wire.Batch, answer=wire.BatchResults, status=207, resource="legacy-ingestion"),
)
async def ingest_batch(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Take in a batch of events: 207 with a result for each.

    A public key alone may send scores; its other events are answered with 401 each.
    """
    try:
        principal = await require_key(request)
    except Unauthenticated as error:
        return json_response({"error": "UnauthorizedError", "message": error.message}, 401)
    body = await bodies.read(request)
    header = bodies.header(request, principal)
    events = request.app.state.services.events
    try:
        answer = await events.batch(header, body, is_scores_only=principal.is_public_key_only)
    except InvalidInput as error:
        if error.http_status != 400:
            raise
        return json_response({"message": _INVALID, "errors": [error.message]}, 400)
    return encoded(
        wire.BatchResults(
            successes=[wire.EventSuccess(id=id_, status=201) for id_ in answer.successes],
            errors=[_to_error(each) for each in answer.errors],
        ),
        207,
    )


def _to_error(error: EventError) -> wire.EventFailure:
    return wire.EventFailure(id=error.id, status=error.status, message=error.message, error=error.error)


@post(
    "/api/public/traces",
    summary="Take in a trace",
    request_max_body_size=None,
    **operation(body=wire.TraceBody, answer=wire.EventId, resource="legacy-ingestion"),
)
async def create_trace(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``trace-create`` of the body; ``{id}``."""
    return await _one(request, "trace-create")


@post(
    "/api/public/events",
    summary="Take in an event",
    request_max_body_size=None,
    **operation(body=wire.EventBody, answer=wire.EventId, resource="legacy-ingestion"),
)
async def create_event(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``event-create`` of the body; ``{id}``."""
    return await _one(request, "event-create")


@post(
    "/api/public/spans",
    summary="Take in a span",
    request_max_body_size=None,
    **operation(body=wire.SpanBody, answer=wire.EventId, resource="legacy-ingestion"),
)
async def create_span(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``span-create`` of the body; ``{id}``."""
    return await _one(request, "span-create")


@patch(
    "/api/public/spans",
    summary="Change a span",
    request_max_body_size=None,
    **operation(body=wire.SpanUpdate, answer=wire.EventId, resource="legacy-ingestion"),
)
async def update_span(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``span-update`` of the body, whose ``spanId`` (or ``id``) says which; ``{id}``."""
    return await _one(request, "span-update")


@post(
    "/api/public/generations",
    summary="Take in a generation",
    request_max_body_size=None,
    **operation(body=wire.GenerationBody, answer=wire.EventId, resource="legacy-ingestion"),
)
async def create_generation(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``generation-create`` of the body; ``{id}``."""
    return await _one(request, "generation-create")


@patch(
    "/api/public/generations",
    summary="Change a generation",
    request_max_body_size=None,
    **operation(body=wire.GenerationUpdate, answer=wire.EventId, resource="legacy-ingestion"),
)
async def update_generation(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``generation-update`` of the body, whose ``generationId`` (or ``id``) says which; ``{id}``."""
    return await _one(request, "generation-update")


async def _one(request: Request[Any, Any, Any], type_: str) -> Response[bytes]:
    principal = await require_project_key(request)
    body = await bodies.read(request)
    try:
        id_ = await request.app.state.services.events.one(bodies.header(request, principal), type_, body)
    except InvalidEvent as error:
        return json_response({"message": _INVALID, "error": error.message}, 400)
    return encoded(wire.EventId(id=id_))


routes: list[ControllerRouterHandler] = [
    ingest_batch,
    create_trace,
    create_event,
    create_span,
    update_span,
    create_generation,
    update_generation,
]
