"""OTLP as it is documented; requests are read by ``lumenspan.ingest.otlp``, which knows all of it."""

from typing import Any

from msgspec import UNSET, UnsetType

from lumenspan_server.operations import Wire


class OtlpValue(Wire):
    """A value of one kind; lists and maps come as ``arrayValue`` and ``kvlistValue``."""

    string_value: str | None = None
    int_value: int | str | None = None
    double_value: float | None = None
    bool_value: bool | None = None
    array_value: Any = None
    kvlist_value: Any = None
    bytes_value: str | None = None


class OtlpAttribute(Wire):
    """A name and its value."""

    key: str | None = None
    value: OtlpValue | None = None


class OtlpResource(Wire):
    """What sent the spans."""

    attributes: list[OtlpAttribute] | None = None


class OtlpScope(Wire):
    """The library that made the spans."""

    name: str | None = None
    version: str | None = None
    attributes: list[OtlpAttribute] | None = None


class OtlpSpan(Wire):
    """A span; ids in hexadecimal digits, times in nanoseconds as texts."""

    trace_id: Any = None
    span_id: Any = None
    parent_span_id: Any = None
    name: str | None = None
    kind: int | str | None = None
    start_time_unix_nano: Any = None
    end_time_unix_nano: Any = None
    attributes: list[OtlpAttribute] | None = None
    status: Any = None
    events: Any = None
    links: Any = None


class OtlpScopeSpans(Wire):
    """Spans of a scope."""

    scope: OtlpScope | None = None
    spans: list[OtlpSpan] | None = None


class OtlpResourceSpans(Wire):
    """Spans of a resource."""

    resource: OtlpResource | None = None
    scope_spans: list[OtlpScopeSpans] | None = None


class OtlpTraces(Wire):
    """``ExportTraceServiceRequest`` of OpenTelemetry, as JSON or protobuf, plain, gzip or deflate."""

    resource_spans: tuple[OtlpResourceSpans, ...] = ()


class OtlpPartialSuccess(Wire):
    """Spans that were refused and kept for the operator, and why."""

    rejected_spans: str
    error_message: str


class OtlpAnswer(Wire):
    """Empty, or with what was refused."""

    partial_success: OtlpPartialSuccess | UnsetType = UNSET
