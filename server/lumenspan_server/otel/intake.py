"""What OTLP over HTTP and over gRPC share: who is calling, what is refused, and the way to the gate."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from lumenspan.clock import now_nanos
from lumenspan.errors import AccessDenied, InvalidInput, Unauthenticated
from lumenspan.identity.domain import KeyPrincipal, OrganizationKeyPrincipal
from lumenspan.identity.service import IdentityService
from lumenspan.ingest import otlp
from lumenspan.ingest.envelope import FrameHeader
from lumenspan_server.services import Services

_DENIED = "Access denied - insufficient permissions for this endpoint"
_MAX_VERSION = 4
RESOURCE = "ingestion"
"""Bucket of the rate limits in which exports count."""
_INTEGER = re.compile(r"\s*[+-]?\d+")
# Inflating and parsing more than this takes milliseconds, which other calls on the loop would wait.
IN_THREAD_BYTES = 128 << 10
# Protobuf is parsed at a gigabyte a second: handing less than this to a thread costs more than the parsing.
_IN_THREAD_PROTOBUF_BYTES = 512 << 10


class RefusedExport(InvalidInput):
    """Nothing of the export can be used; the message is the reason, for the sender."""


def takes_long(size_bytes: int, content_type: str, *, is_compressed: bool = False) -> bool:
    """Whether opening and examining a body of that size would hold up other calls on the loop."""
    is_quick = otlp.PROTOBUF in content_type and not is_compressed
    return size_bytes > (_IN_THREAD_PROTOBUF_BYTES if is_quick else IN_THREAD_BYTES)


async def authenticate(identity: IdentityService, authorization: str | None) -> KeyPrincipal:
    """The project key behind a call; Unauthenticated or AccessDenied with the documented texts."""
    principal = await identity.authenticate(authorization)
    if isinstance(principal, OrganizationKeyPrincipal):
        raise AccessDenied(_DENIED)
    if not isinstance(principal, KeyPrincipal):
        raise Unauthenticated("Invalid credentials. Confirm that you've configured the correct host.")
    if principal.is_public_key_only:
        raise AccessDenied(_DENIED)
    return principal


def examine(content_type: str, body: bytes) -> otlp.Export:
    """What of an inflated body will be taken; RefusedExport when it is no export or no span is usable."""
    try:
        export = otlp.count(body, content_type)
    except otlp.MalformedOtlp as error:
        raise RefusedExport(error.reason) from None
    if export.rejected and not export.spans:
        raise RefusedExport(f"Invalid OTLP trace export: {export.reasons}")
    return export


async def store(
    services: Services, principal: KeyPrincipal, content_type: str, body: bytes, headers: Mapping[str, str]
) -> None:
    """Make an examined body durable. RefusedExport for an unknown ingestion version, Unavailable."""
    version = _header(headers, "ingestion-version")
    if version and not _is_known_version(version):
        raise RefusedExport(
            f'Unsupported x-langfuse-ingestion-version: "{version}". Maximum supported: "{_MAX_VERSION}".'
        )
    await services.gate.accept(frame_header(principal, content_type, headers), body)


def frame_header(principal: KeyPrincipal, content_type: str, headers: Mapping[str, str]) -> FrameHeader:
    """What is kept beside the body of a call: who sent it, what it is, and that it came now."""
    return FrameHeader(
        project_id=principal.project_id,
        content_type=content_type,
        received_at=now_nanos(),
        public_key=principal.public_key,
        api_key_id=principal.api_key_id,
        sdk_name=_header(headers, "sdk-name"),
        sdk_version=_header(headers, "sdk-version"),
        ingestion_version=_header(headers, "ingestion-version"),
    )


async def take_in(
    services: Services, body: bytes, content_type: str, headers: Mapping[str, str]
) -> otlp.Export:
    """The whole way of an inflated body whose ``headers`` hold its credentials."""
    principal = await authenticate(services.identity, headers.get("authorization"))
    await services.rate_limits.count(principal.organization_id, RESOURCE)
    if takes_long(len(body), content_type):
        export = await asyncio.to_thread(examine, content_type, body)
    else:
        export = examine(content_type, body)
    if not export.is_empty:
        await store(services, principal, content_type, body, headers)
    return export


def answer(content_type: str, export: otlp.Export) -> bytes:
    """The OTLP answer in the form of the request; ``partial_success`` names what was not taken."""
    rejected = len(export.rejected)
    if content_type == otlp.PROTOBUF:
        message = ExportTraceServiceResponse()
        if rejected:
            message.partial_success.rejected_spans = rejected
            message.partial_success.error_message = export.reasons
        return message.SerializeToString()
    partial = (
        {"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": export.reasons}}
        if rejected
        else {}
    )
    return orjson.dumps(partial)


def _header(headers: Mapping[str, str], name: str) -> str:
    """``x-langfuse-<name>`` in its hyphen or underscore form; empty where it is not sent."""
    return headers.get(f"x-langfuse-{name}") or headers.get(f"x_langfuse_{name.replace('-', '_')}") or ""


def _is_known_version(text: str) -> bool:
    match = _INTEGER.match(text)
    return match is not None and int(match[0]) <= _MAX_VERSION
