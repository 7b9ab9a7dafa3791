"""Demo traces as OTLP: the attributes that the SDKs send, in protobuf."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Status
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

from lumenspan.clock import nanos_to_iso
from lumenspan.demo.spans import Profile, Span, Trace

# Spans of scopes with this prefix carry their attributes in fields only, not again as metadata.
SCOPE = "langfuse-sdk-demo"


def encode(traces: Iterable[Trace]) -> bytes:
    """One ``ExportTraceServiceRequest`` with every span of the traces, a resource for each service."""
    request = ExportTraceServiceRequest()
    by_service: dict[str, list[Trace]] = defaultdict(list)
    for trace in traces:
        by_service[trace.profile.service].append(trace)
    for service, members in by_service.items():
        resource = request.resource_spans.add()
        resource.resource.attributes.append(_pair("service.name", service))
        scope = resource.scope_spans.add()
        scope.scope.name, scope.scope.version = SCOPE, "1.0.0"
        for trace in members:
            _add(scope, trace)
    body: bytes = request.SerializeToString()
    return body


def _add(scope: ScopeSpans, trace: Trace) -> None:
    # As SDKs do: whatever span arrives first, the trace is known by its name, user and session.
    shared = _shared(trace.profile)
    for span in trace.spans:
        is_error = span.level == "ERROR"
        wire: WireSpan = scope.spans.add()
        wire.trace_id, wire.span_id, wire.parent_span_id = trace.id, span.id, span.parent_id
        wire.name = span.name
        wire.start_time_unix_nano, wire.end_time_unix_nano = span.start_ns, span.end_ns
        wire.attributes.extend(_pair(name, value) for name, value in attributes(span))
        wire.attributes.extend(shared)
        if is_error:
            wire.status.code = Status.STATUS_CODE_ERROR
            wire.status.message = span.status_message


def attributes(span: Span) -> list[tuple[str, str | int]]:
    """The ``langfuse.observation.*`` attributes of a span; what it does not have is left out."""
    prefix = "langfuse.observation."
    found: list[tuple[str, Any]] = [
        ("type", span.type),
        ("level", span.level),
        ("status_message", span.status_message),
        ("input", _text(span.input)),
        ("output", _text(span.output)),
        ("model.name", span.model),
        ("model.parameters", _text(span.model_parameters or None)),
        ("usage_details", _text(span.usage or None)),
        ("cost_details", _text(span.cost or None)),
        (
            "completion_start_time",
            json.dumps(nanos_to_iso(span.first_token_ns, 6)) if span.first_token_ns else "",
        ),
    ]
    if span.prompt is not None:
        found += [("prompt.name", span.prompt[0]), ("prompt.version", span.prompt[1])]
    found += [(f"metadata.{name}", value) for name, value in span.metadata.items()]
    return [(prefix + name, value) for name, value in found if value != ""]


def _shared(profile: Profile) -> list[KeyValue]:
    found: dict[str, Any] = {
        "langfuse.trace.name": profile.trace_name,
        "user.id": profile.user_id,
        "session.id": profile.session_id,
        "langfuse.environment": profile.environment,
        "langfuse.release": profile.release,
        "langfuse.version": profile.version,
    }
    found |= {f"langfuse.trace.metadata.{name}": value for name, value in profile.metadata.items()}
    pairs = [_pair(name, value) for name, value in found.items() if value]
    tags = ArrayValue(values=[AnyValue(string_value=tag) for tag in profile.tags])
    return [*pairs, KeyValue(key="langfuse.trace.tags", value=AnyValue(array_value=tags))]


def _pair(name: str, value: str | int) -> KeyValue:
    known = AnyValue(string_value=value) if isinstance(value, str) else AnyValue(int_value=value)
    return KeyValue(key=name, value=known)


def _text(value: Any) -> str:
    """Text as it is, nothing as empty, all else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
