"""Spans for tests: from a few words to OTLP bytes and to the row that they become."""

from __future__ import annotations

import base64
import copy
from typing import Any

import orjson
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lumenspan.ids import BlobKey
from lumenspan.ingest import otlp
from lumenspan.ingest.envelope import FrameHeader
from lumenspan.ingest.mapping import SpanMapper
from lumenspan.observations.rows import COLUMNS, ObservationColumns

START = 1_752_384_000_123_456_789
END = START + 1_500_000_000


def any_value(value: Any) -> dict[str, Any]:
    """A value as OTLP/JSON writes it."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"arrayValue": {"values": [any_value(each) for each in value]}}


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": any_value(value)} for key, value in attributes.items()]


def export(
    attributes: dict[str, Any] | None = None,
    *,
    scope: str = "other",
    scope_version: str = "",
    resource: dict[str, Any] | None = None,
    events: list[tuple[str, dict[str, Any]]] = (),  # type: ignore[assignment]
    **span: Any,
) -> dict[str, Any]:
    """An OTLP/JSON export of one span; ``span`` replaces its members."""
    made = {
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": "b7ad6b7169203331",
        "name": "span",
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(END),
        "attributes": pairs(attributes or {}),
        "events": [{"name": name, "attributes": pairs(each)} for name, each in events],
        **span,
    }
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": pairs(resource or {})},
                "scopeSpans": [{"scope": {"name": scope, "version": scope_version}, "spans": [made]}],
            }
        ]
    }


def map_one(attributes: dict[str, Any] | None = None, *, sdk: str = "", **options: Any) -> dict[str, Any]:
    """The row, by column, of one span sent by ``sdk`` (``python/5.0.4``)."""
    name, _, version = sdk.partition("/")
    header = FrameHeader(
        "project", otlp.JSON, 1_800_000_000_000_000_000, sdk_name=name, sdk_version=version
    )
    columns = ObservationColumns()
    decoded = otlp.decode(orjson.dumps(export(attributes, **options)), otlp.JSON)
    assert not decoded.rejected
    mapper = SpanMapper(BlobKey("key"), header, columns)
    assert not mapper.add(decoded.spans)
    return {column: values[0] for column, values in zip(COLUMNS, columns.values, strict=True)}


def proto(body: dict[str, Any]) -> bytes:
    """The same export as protobuf."""
    made = copy.deepcopy(body)
    for group in made["resourceSpans"]:
        for part in group["scopeSpans"]:
            for span in part["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if span.get(name):
                        span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    return ParseDict(made, ExportTraceServiceRequest(), ignore_unknown_fields=True).SerializeToString()
