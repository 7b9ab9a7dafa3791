"""OTLP over HTTP: ``POST /api/public/otel/v1/traces`` and ``/v1/metrics`` (contract, section 1)."""

import asyncio
import re
from typing import Any

import orjson
import structlog
from litestar import Request, Response, post
from litestar.types import ControllerRouterHandler
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from lumenspan.clock import now_nanos
from lumenspan.errors import AccessDenied, InvalidInput, Unauthenticated
from lumenspan.identity.domain import KeyPrincipal
from lumenspan.ingest import otlp
from lumenspan.ingest.envelope import FrameHeader
from lumenspan_server.otel import body as bodies

_log = structlog.get_logger(__name__)
_DENIED = "Access denied - insufficient permissions for this endpoint"
_MAX_VERSION = 4
_INTEGER = re.compile(r"\s*[+-]?\d+")
# Inflating and parsing more than this takes milliseconds, which other calls on the loop would wait.
_IN_THREAD_BYTES = 128 << 10


@post("/api/public/otel/v1/traces", status_code=200, request_max_body_size=None)
async def export_traces(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Take in an OTLP trace export; answered when its bytes are stored and its job is enqueued."""
    services = request.app.state.services
    principal = await _authenticate(request)
    headers = request.headers
    limit = services.settings.ingest_max_body_mib << 20
    raw = await bodies.read(request.stream(), limit, headers.get("content-length"))
    try:
        content_type, body, export = await _open(raw, headers, limit)
    except otlp.MalformedOtlp as error:
        return _refused(error.reason)
    except InvalidInput as error:
        if error.http_status != 400:
            raise
        return _refused(error.message)
    if export.is_empty:
        return _accepted(content_type)
    if export.rejected and not export.spans:
        return _refused(f"Invalid OTLP trace export: {export.reasons}")
    version = _header(headers, "ingestion-version")
    if version and not _is_known_version(version):
        return _refused(
            f'Unsupported x-langfuse-ingestion-version: "{version}". Maximum supported: "{_MAX_VERSION}".'
        )
    header = FrameHeader(
        project_id=principal.project_id,
        content_type=content_type,
        received_at=now_nanos(),
        public_key=principal.public_key,
        api_key_id=principal.api_key_id,
        sdk_name=_header(headers, "sdk-name"),
        sdk_version=_header(headers, "sdk-version"),
        ingestion_version=version,
    )
    await services.gate.accept(header, body)
    return _accepted(content_type, len(export.rejected), export.reasons)


@post("/api/public/otel/v1/metrics", status_code=200, request_max_body_size=None)
async def export_metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Exporters that also send metrics get their OK; the body is not read."""
    await _authenticate(request)
    return Response(b'{"message":"OK"}', media_type="application/json")


otel_routes: list[ControllerRouterHandler] = [export_traces, export_metrics]


async def _authenticate(request: Request[Any, Any, Any]) -> KeyPrincipal:
    """The project key behind the call; 401 or 403 with the documented texts."""
    principal = await request.app.state.services.identity.authenticate(request.headers.get("authorization"))
    if not isinstance(principal, KeyPrincipal):
        raise Unauthenticated("Invalid credentials. Confirm that you've configured the correct host.")
    if principal.is_public_key_only:
        raise AccessDenied(_DENIED)
    return principal


async def _open(raw: bytes, headers: Any, limit: int) -> tuple[str, bytes, otlp.Export]:
    """Content type, inflated body and what of it will be rejected."""
    encoding = headers.get("content-encoding", "")
    sent = headers.get("content-type", "")
    if len(raw) > _IN_THREAD_BYTES:
        return await asyncio.to_thread(_open_now, raw, encoding, sent, limit)
    return _open_now(raw, encoding, sent, limit)


def _open_now(raw: bytes, encoding: str, sent: str, limit: int) -> tuple[str, bytes, otlp.Export]:
    body = bodies.inflate(raw, encoding, limit)
    lowered = sent.lower()
    content_type = next((known for known in (otlp.PROTOBUF, otlp.JSON) if known in lowered), "")
    if not content_type:
        raise InvalidInput("Invalid content type")
    return content_type, body, otlp.count(body, content_type)


def _header(headers: Any, name: str) -> str:
    """``x-langfuse-<name>`` in its hyphen or underscore form; empty where it is not sent."""
    return str(
        headers.get(f"x-langfuse-{name}") or headers.get(f"x_langfuse_{name.replace('-', '_')}") or ""
    )


def _is_known_version(text: str) -> bool:
    match = _INTEGER.match(text)
    return match is not None and int(match[0]) <= _MAX_VERSION


def _accepted(content_type: str, rejected: int = 0, reasons: str = "") -> Response[bytes]:
    """The OTLP answer in the form of the request; ``partial_success`` names what was not taken."""
    if content_type == otlp.PROTOBUF:
        answer = ExportTraceServiceResponse()
        if rejected:
            answer.partial_success.rejected_spans = rejected
            answer.partial_success.error_message = reasons
        return Response(answer.SerializeToString(), media_type=otlp.PROTOBUF)
    partial = (
        {"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": reasons}} if rejected else {}
    )
    return Response(orjson.dumps(partial), media_type=otlp.JSON)


def _refused(reason: str) -> Response[bytes]:
    return Response(orjson.dumps({"error": reason}), status_code=400, media_type=otlp.JSON)
