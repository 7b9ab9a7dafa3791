"""OTLP bytes to spans: protobuf and JSON, pure; one bad span never takes its neighbours along."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
from google.protobuf.internal import api_implementation
from google.protobuf.message import DecodeError

from lumenspan.ingest import protobuf
from lumenspan.ingest.attributes import Attributes, MalformedAttributes, from_json, from_proto, to_json

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
# The rollup's time is 32 bits of seconds; what lies beyond is a broken clock and is treated as missing.
MAX_NANOS = 4_102_444_800 * 1_000_000_000
_DIGITS = re.compile(r"\d{1,20}\Z")


class MalformedOtlp(Exception):
    """The body is no OTLP trace export; ``reason`` is public."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def assert_fast_protobuf() -> None:
    """Raise RuntimeError when protobuf runs on its pure-Python fallback, which is fifty times slower."""
    kind = api_implementation.Type()
    if kind != "upb":
        raise RuntimeError(
            f"protobuf runs on its {kind!r} implementation; install the wheel that holds upb"
        )


class Event(NamedTuple):
    """One event of a span."""

    name: str
    attributes: Attributes
    time_nanos: int | None


@dataclass(slots=True)
class Origin:
    """What the spans of one scope share.

    Attributes:
        scope_extra: what the scope sent besides name, version and attributes.
    """

    resource: Attributes
    scope_name: str
    scope_version: str
    scope_attributes: Attributes


@dataclass(slots=True)
class Span:
    """One span as it came, its attributes decoded.

    Attributes:
        parent_id: empty for a root.
        start_nanos, end_nanos: None where missing or unusable.
        status_code: 0 unset, 1 ok, 2 error.
        extra: what has no field here (links, kind, trace state), for the metadata.
    """

    trace_id: str
    id: str
    parent_id: str
    name: str
    start_nanos: int | None
    end_nanos: int | None
    attributes: Attributes
    events: list[Event]
    status_code: int
    status_message: str
    origin: Origin
    size_bytes: int = 0
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Rejected:
    """A span that cannot be used: ``field:reason`` pairs, its place in the export, and what was sent."""

    reason: str
    position: int
    payload: bytes


@dataclass(slots=True)
class Export:
    """A decoded export."""

    spans: list[Span] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    is_empty: bool = False

    @property
    def reasons(self) -> str:
        """The distinct reasons in the order in which they were met."""
        parts = [part for each in self.rejected for part in each.reason.split(", ")]
        return ", ".join(dict.fromkeys(parts))


def decode(body: bytes, content_type: str) -> Export:
    """The spans of an OTLP trace export.

    Raises:
        MalformedOtlp: the body as a whole is no export.
    """
    return _decode_json(body) if content_type == JSON else _decode_proto(body)


def count(body: bytes, content_type: str) -> Export:
    """Like ``decode``, but only as far as is needed to say which spans will be rejected.

    Of protobuf only the number of ``spans`` is right: that keeps the request path short.
    """
    if content_type == JSON:
        return _decode_json(body)
    export = Export()
    request, unreadable = parse_proto(body)
    export.is_empty = not request.resource_spans
    position = 0
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                if not span.trace_id or not span.span_id:
                    export.rejected.append(_reject_proto(span, position, unreadable))
                position += 1
    export.spans = [_PLACEHOLDER] * (position - len(export.rejected))
    return export


_PLACEHOLDER = Span("", "", "", "", None, None, {}, [], 0, "", Origin({}, "", "", {}))


def parse_proto(body: bytes) -> protobuf.Parsed:
    """A protobuf export, as much of it as can be read; MalformedOtlp when it is none."""
    try:
        return protobuf.parse(body)
    except DecodeError as error:
        raise MalformedOtlp("Failed to parse OTel Protobuf Trace") from error


def _decode_proto(body: bytes) -> Export:
    request, unreadable = parse_proto(body)
    export = Export(is_empty=not request.resource_spans)
    position = 0
    for resource_spans in request.resource_spans:
        resource = from_proto(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            scope = scope_spans.scope
            origin = Origin(resource, scope.name, scope.version, from_proto(scope.attributes))
            for span in scope_spans.spans:
                if span.trace_id and span.span_id:
                    export.spans.append(_proto_span(span, origin))
                else:
                    export.rejected.append(_reject_proto(span, position, unreadable))
                position += 1
    return export


def _reject_proto(span: Any, position: int, unreadable: dict[int, bytes]) -> Rejected:
    if position in unreadable:
        return Rejected("span:unreadable", position, unreadable[position])
    absent = [name for name, value in (("traceId", span.trace_id), ("spanId", span.span_id)) if not value]
    return Rejected(", ".join(f"{name}:absent" for name in absent), position, span.SerializeToString())


def _proto_span(span: Any, origin: Origin) -> Span:
    status = span.status
    start, end, events = span.start_time_unix_nano, span.end_time_unix_nano, span.events
    # By position, in the order of the fields: names cost a microsecond.
    made = Span(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.name,
        start if 0 < start < MAX_NANOS else None,
        end if 0 < end < MAX_NANOS else None,
        from_proto(span.attributes),
        [
            Event(event.name, from_proto(event.attributes), _nanos(event.time_unix_nano or None))
            for event in events
        ]
        if events
        else [],
        status.code,
        status.message,
        origin,
        span.ByteSize(),
    )
    if span.links:
        made.extra["links"] = [
            {
                "traceId": link.trace_id.hex(),
                "spanId": link.span_id.hex(),
                "attributes": from_proto(link.attributes),
            }
            for link in span.links
        ]
    return made


def _decode_json(body: bytes) -> Export:
    data = _load(body)
    if not isinstance(data, dict):
        raise MalformedOtlp("Failed to parse OTel JSON Trace")
    groups = data.get("resourceSpans")
    if not groups:
        return Export(is_empty=True)
    if not isinstance(groups, list):
        raise MalformedOtlp("Invalid OTLP trace export: resourceSpans:not_an_array")
    export = Export()
    for position, (span, origin, problem) in enumerate(_json_spans(groups)):
        problems = [problem] if problem else _json_problems(span)
        if not problems:
            try:
                export.spans.append(_json_span(span, origin))
                continue
            except MalformedAttributes:
                problems = ["attributes:not_an_array"]
            except RecursionError:
                problems = ["attributes:too_deep"]
        export.rejected.append(Rejected(", ".join(problems), position, to_json(span).encode()))
    return export


def json_spans(body: bytes) -> Iterator[Any]:
    """Each span of a JSON export as it was sent, as positions count them; nothing if malformed."""
    try:
        data = _load(body)
    except MalformedOtlp:
        return
    groups = _object(data).get("resourceSpans")
    for span, _, _ in _json_spans(groups if isinstance(groups, list) else []):
        yield span


def _load(body: bytes) -> Any:
    """The parsed body; also of what JavaScript and Python encoders write besides JSON.

    Halves of surrogate pairs (a text that was cut), bytes that are no UTF-8, NaN and infinities: one of
    them in one attribute must not cost the whole batch.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        lenient = json.loads(body.decode("utf-8", "replace"), parse_constant=str, parse_float=_float)
        return orjson.loads(json.dumps(lenient, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise MalformedOtlp("Failed to parse OTel JSON Trace") from error


def _float(text: str) -> float | str:
    """The number, or its text where it is beyond what a double holds."""
    number = float(text)
    return number if math.isfinite(number) else text


def _json_spans(groups: list[Any]) -> Iterator[tuple[Any, Origin, str]]:
    """Each span with its origin; or what stands in the place of spans, with the reason why it is none."""
    nowhere = Origin({}, "", "", {})
    for group in groups:
        if not isinstance(group, dict):
            yield group, nowhere, "resourceSpans:not_an_object"
            continue
        try:
            resource = from_json(_object(group.get("resource")).get("attributes"))
        except MalformedAttributes:
            yield group, nowhere, "attributes:not_an_array"
            continue
        scopes = group.get("scopeSpans")
        if not isinstance(scopes, list | None):
            yield group, nowhere, "scopeSpans:not_an_array"
            continue
        for scope_spans in scopes or ():
            yield from _json_scope(scope_spans, resource)


def _json_scope(scope_spans: Any, resource: Attributes) -> Iterator[tuple[Any, Origin, str]]:
    nowhere = Origin(resource, "", "", {})
    spans = _object(scope_spans).get("spans")
    if not isinstance(spans, list | None):
        yield scope_spans, nowhere, "spans:not_an_array"
        return
    scope = _object(_object(scope_spans).get("scope"))
    try:
        attributes = from_json(scope.get("attributes"))
    except MalformedAttributes:
        yield scope_spans, nowhere, "attributes:not_an_array"
        return
    origin = Origin(resource, _string(scope.get("name")), _string(scope.get("version")), attributes)
    for span in spans or ():
        yield span, origin, ""


def _json_problems(span: Any) -> list[str]:
    if not isinstance(span, dict):
        return ["span:not_an_object"]
    problems = []
    for name in ("traceId", "spanId", "parentSpanId"):
        value = span.get(name)
        if value is None or value == "" or value == []:
            if name != "parentSpanId":
                problems.append(f"{name}:absent")
        elif _id(value) is None and (name != "parentSpanId" or value):
            problems.append(f"{name}:not_an_id")
    for name in ("attributes", "events"):
        if not isinstance(span.get(name), list | None):
            problems.append(f"{name}:not_an_array")
    for event in span.get("events") or () if isinstance(span.get("events"), list) else ():
        if not isinstance(_object(event).get("attributes"), list | None):
            problems.append("attributes:not_an_array")
    return problems


def _json_span(span: dict[str, Any], origin: Origin) -> Span:
    status = _object(span.get("status"))
    code = status.get("code")
    made = Span(
        trace_id=_id(span.get("traceId")) or "",
        id=_id(span.get("spanId")) or "",
        parent_id=_id(span.get("parentSpanId")) or "",
        name=_string(span.get("name")),
        start_nanos=_nanos(span.get("startTimeUnixNano")),
        end_nanos=_nanos(span.get("endTimeUnixNano")),
        attributes=from_json(span.get("attributes")),
        events=[
            Event(
                _string(event.get("name")),
                from_json(event.get("attributes")),
                _nanos(event.get("timeUnixNano")),
            )
            for event in span.get("events") or ()
            if isinstance(event, dict)
        ],
        # The name of the code is what the protobuf JSON mapping writes.
        status_code=2 if code in (2, "STATUS_CODE_ERROR") else 1 if code in (1, "STATUS_CODE_OK") else 0,
        status_message=_string(status.get("message")),
        origin=origin,
        size_bytes=len(to_json(span).encode()),
    )
    if isinstance(span.get("links"), list) and span["links"]:
        made.extra["links"] = span["links"]
    return made


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _string(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else to_json(value)


def _id(value: Any) -> str | None:
    """An id: text verbatim; bytes as a list of numbers or as a serialized Buffer in hex; else None."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and value.get("type") == "Buffer":
        value = value.get("data")
    if isinstance(value, list):
        try:
            return bytes(value).hex()
        except (TypeError, ValueError):
            return None
    return None


def _nanos(value: Any) -> int | None:
    """Nanoseconds since the epoch of a number, decimal text or ``{low, high}``; None when unusable."""
    if isinstance(value, str):
        value = int(value) if _DIGITS.match(value) else None
    elif isinstance(value, dict) and isinstance(value.get("low"), int):
        value = (int(value.get("high") or 0) << 32) | (value["low"] & 0xFFFFFFFF)
    elif isinstance(value, float):
        value = int(value) if value.is_integer() else None
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value < MAX_NANOS else None
