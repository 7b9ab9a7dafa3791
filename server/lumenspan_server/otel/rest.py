"""OTLP over HTTP: ``POST /api/public/otel/v1/traces`` and ``/v1/metrics`` (contract, section 1)."""

import asyncio
from typing import Any

import orjson
from litestar import Request, Response, post
from litestar.types import ControllerRouterHandler

from lumenspan.errors import InvalidInput
from lumenspan.ingest import otlp
from lumenspan_server.operations import Message, operation
from lumenspan_server.otel import body as bodies
from lumenspan_server.otel.intake import RESOURCE, answer, authenticate, examine, store, takes_long
from lumenspan_server.otel.wire import OtlpAnswer, OtlpTraces
from lumenspan_server.rate_limits import count_call

_TYPES = (otlp.JSON, otlp.PROTOBUF)


@post(
    "/api/public/otel/v1/traces",
    summary="Take in an OTLP trace export",
    request_max_body_size=None,
    **operation(body=OtlpTraces, answer=OtlpAnswer, resource="ingestion", media_types=_TYPES),
)
async def export_traces(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Take in an OTLP trace export; answered when its bytes are stored and its job is enqueued."""
    services = request.app.state.services
    headers = request.headers
    principal = await authenticate(services.identity, headers.get("authorization"))
    await count_call(request, principal.organization_id, RESOURCE)
    limit = services.settings.ingest_max_body_mib << 20
    raw = await bodies.read(request.stream(), limit, headers.get("content-length"))
    try:
        content_type, body, export = await _open(raw, headers, limit)
        if not export.is_empty:
            await store(services, principal, content_type, body, headers)
    except InvalidInput as error:
        if error.http_status != 400:
            raise
        return Response(orjson.dumps({"error": error.message}), status_code=400, media_type=otlp.JSON)
    return Response(answer(content_type, export), media_type=content_type)


@post(
    "/api/public/otel/v1/metrics",
    summary="Accept an OTLP metrics export, and pass it over",
    request_max_body_size=None,
    **operation(body=dict[str, Any], answer=Message, resource="ingestion", media_types=_TYPES),
)
async def export_metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Exporters that also send metrics get their OK; the body is not read."""
    await authenticate(request.app.state.services.identity, request.headers.get("authorization"))
    return Response(b'{"message":"OK"}', media_type="application/json")


otel_routes: list[ControllerRouterHandler] = [export_traces, export_metrics]


async def _open(raw: bytes, headers: Any, limit: int) -> tuple[str, bytes, otlp.Export]:
    """Content type, inflated body and what of it will be rejected."""
    encoding = headers.get("content-encoding", "")
    sent = headers.get("content-type", "")
    if takes_long(len(raw), sent.lower(), is_compressed=bool(encoding)):
        return await asyncio.to_thread(_open_now, raw, encoding, sent, limit)
    return _open_now(raw, encoding, sent, limit)


def _open_now(raw: bytes, encoding: str, sent: str, limit: int) -> tuple[str, bytes, otlp.Export]:
    body = bodies.inflate(raw, encoding, limit)
    lowered = sent.lower()
    content_type = next((known for known in (otlp.PROTOBUF, otlp.JSON) if known in lowered), "")
    if not content_type:
        raise InvalidInput("Invalid content type")
    return content_type, body, examine(content_type, body)
