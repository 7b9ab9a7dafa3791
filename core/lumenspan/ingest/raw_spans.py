"""Single spans as they were sent, out of the requests of a blob: for people who look at what went wrong."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from lumenspan.ingest import otlp
from lumenspan.ingest.attributes import to_json
from lumenspan.ingest.envelope import Frame

_IDS = ("traceId", "spanId", "parentSpanId")


def raw_span(frames: Iterable[Frame], trace_id: str, span_id: str) -> bytes:
    """The span of these ids as OTLP/JSON; empty where there is none."""
    return next((span for frame in frames for span in _found(frame, trace_id, span_id)), b"")


def _found(frame: Frame, trace_id: str, span_id: str) -> Iterator[bytes]:
    if frame.header.content_type == otlp.JSON:
        for sent in otlp.json_spans(frame.body):
            if isinstance(sent, dict) and (sent.get("traceId"), sent.get("spanId")) == (trace_id, span_id):
                yield to_json(sent).encode()
    elif frame.header.content_type == otlp.PROTOBUF:
        try:
            request = otlp.parse_proto(frame.body).request
        except otlp.MalformedOtlp:
            return
        for resource_spans in request.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    if (span.trace_id.hex(), span.span_id.hex()) == (trace_id, span_id):
                        yield _span_json(span)


def request_json(body: bytes) -> dict[str, Any]:
    """A protobuf export as OTLP/JSON.

    Raises:
        MalformedOtlp: it is none.
    """
    made: dict[str, Any] = MessageToDict(otlp.parse_proto(body).request)
    for group in made.get("resourceSpans", ()):
        for scope in group.get("scopeSpans", ()):
            for span in scope.get("spans", ()):
                _hex_ids(span)
    return made


def _span_json(span: Any) -> bytes:
    """A protobuf span as OTLP/JSON, its ids in hexadecimal."""
    return orjson.dumps(_hex_ids(MessageToDict(span)))


def _hex_ids(span: dict[str, Any]) -> dict[str, Any]:
    for holder in (span, *span.get("links", ())):
        for name in _IDS:
            if name in holder:
                holder[name] = base64.b64decode(holder[name]).hex()
    return span


def readable(payload: bytes) -> str:
    """What a dead letter holds, as text: indented JSON, a protobuf span as JSON, else what can be read."""
    try:
        return json.dumps(orjson.loads(payload), indent=2, ensure_ascii=False)
    except orjson.JSONDecodeError:
        pass
    if payload[:1] in (b"\x0a", b"\x12"):
        span = Span()
        try:
            span.ParseFromString(payload)
        except DecodeError:
            pass
        else:
            return json.dumps(orjson.loads(_span_json(span)), indent=2, ensure_ascii=False)
    return payload.decode("utf-8", "replace").replace("\0", "\ufffd")
