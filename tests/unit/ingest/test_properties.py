"""What holds for any ids, times and values that a client may send."""

from __future__ import annotations

import json
import math
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lumenspan.ids import BlobKey
from lumenspan.ingest import otlp
from lumenspan.ingest.attributes import to_text
from lumenspan.ingest.envelope import Frame, FrameHeader
from lumenspan.ingest.mapped import map_frames
from lumenspan.observations.rows import COLUMNS
from tests.unit.ingest.build import END, START, export, proto

O = "langfuse.observation."  # noqa: E741
Row = dict[str, Any]
MIB = 1 << 20
# Texts that JSON and protobuf can both carry.
TEXTS = st.text(st.characters(codec="utf-8"))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats()
    | TEXTS
    | st.binary(max_size=8)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def rows(body: bytes, kind: str) -> list[Row]:
    found = map_frames(BlobKey("key"), [Frame(FrameHeader("p", kind, START), body)])
    assert found.dead == []
    return [dict(zip(COLUMNS, row, strict=True)) for row in zip(*found.columns.values, strict=True)]


def row(body: Any) -> Row:
    (found,) = rows(orjson.dumps(body), otlp.JSON)
    return found


def put_value(message: Any, value: Any) -> None:
    """Write ``value`` into a protobuf AnyValue; None leaves it empty."""
    if isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, int):
        message.int_value = value
    elif isinstance(value, float):
        message.double_value = value
    elif isinstance(value, str):
        message.string_value = value
    elif isinstance(value, bytes):
        message.bytes_value = value
    elif isinstance(value, list):
        message.array_value.SetInParent()
        for each in value:
            put_value(message.array_value.values.add(), each)
    elif isinstance(value, dict):
        message.kvlist_value.SetInParent()
        for key, each in value.items():
            put_value(message.kvlist_value.values.add(key=key).value, each)


def proto_row(attributes: dict[str, Any]) -> Row:
    """The row of one protobuf span."""
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"t" * 16, span_id=b"s" * 8)
    for key, value in attributes.items():
        put_value(span.attributes.add(key=key).value, value)
    (found,) = rows(request.SerializeToString(), otlp.PROTOBUF)
    return found


def is_number(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)


class TestIds:
    @settings(deadline=None)
    @given(trace=TEXTS.filter(bool), span=TEXTS.filter(bool), parent=TEXTS)
    def test_texts_are_kept_as_they_are(self, trace: str, span: str, parent: str) -> None:
        found = row(export(traceId=trace, spanId=span, parentSpanId=parent))
        assert (found["trace_id"], found["id"], found["parent_id"]) == (trace, span, parent)

    @settings(deadline=None)
    @given(trace=st.binary(min_size=1), span=st.binary(min_size=1), parent=st.binary())
    def test_bytes_of_any_length_are_lower_case_hex(self, trace: bytes, span: bytes, parent: bytes) -> None:
        request = ExportTraceServiceRequest()
        spans = request.resource_spans.add().scope_spans.add().spans
        spans.add(trace_id=trace, span_id=span, parent_span_id=parent)
        (found,) = rows(request.SerializeToString(), otlp.PROTOBUF)
        expected = (trace.hex(), span.hex(), parent.hex())
        assert (found["trace_id"], found["id"], found["parent_id"]) == expected
        listed = row(
            export(
                traceId=list(trace),
                spanId={"type": "Buffer", "data": list(span)},
                parentSpanId=list(parent),
            )
        )
        assert (listed["trace_id"], listed["id"], listed["parent_id"]) == expected

    @settings(deadline=None)
    @given(
        value=st.floats(allow_nan=False, allow_infinity=False)
        | st.booleans()
        | st.lists(st.integers(256, 999), min_size=1)
        | st.integers()
    )
    def test_what_is_no_id_is_refused_with_a_reason(self, value: Any) -> None:
        body = json.dumps(export(traceId=value)).encode()
        found = otlp.decode(body, otlp.JSON)
        assert found.spans == []
        assert found.reasons in ("traceId:not_an_id", "traceId:absent")


class TestTimes:
    @settings(deadline=None)
    @given(nanos=st.integers(0, otlp.MAX_NANOS - 1))
    def test_every_form_is_exact_to_the_nanosecond(self, nanos: int) -> None:
        forms = [nanos, str(nanos), {"low": nanos & 0xFFFFFFFF, "high": nanos >> 32}]
        signed = nanos & 0xFFFFFFFF
        forms.append({"low": signed - (1 << 32) if signed >> 31 else signed, "high": nanos >> 32})
        assert {row(export(startTimeUnixNano=form))["start_time"] for form in forms} == {nanos}

    @settings(deadline=None)
    @given(
        value=st.floats(allow_nan=False, allow_infinity=False).filter(
            lambda number: not number.is_integer()
        )
        | st.integers(otlp.MAX_NANOS)
        | st.integers(max_value=-1)
        | TEXTS.filter(lambda text: not text.isdecimal())
        | st.none()
        | st.booleans()
        | st.dictionaries(TEXTS, TEXTS, max_size=2)
    )
    def test_an_unusable_one_is_the_other_edge(self, value: Any) -> None:
        body = json.dumps(export(startTimeUnixNano=value)).encode()
        assert rows(body, otlp.JSON)[0]["start_time"] == END
        body = json.dumps(export(endTimeUnixNano=value)).encode()
        assert rows(body, otlp.JSON)[0]["end_time"] == START

    def test_without_any_it_is_when_it_came(self) -> None:
        found = row(export(startTimeUnixNano=None, endTimeUnixNano=""))
        assert found["start_time"] == found["end_time"] == START


class TestValues:
    @settings(deadline=None)
    @given(value=VALUES)
    def test_any_value_is_kept_as_metadata(self, value: Any) -> None:
        read = proto_row({"some.key": value})["metadata"]["attributes.some.key"]
        if isinstance(value, str):
            assert read == value
        elif isinstance(value, list | dict):
            assert isinstance(json.loads(read), type(value))
        elif isinstance(value, int) or is_number(value):
            assert float(read if not isinstance(value, bool) else value) == float(value)

    @settings(deadline=None)
    @given(
        attributes=st.dictionaries(
            TEXTS
            | st.sampled_from((O + "input", O + "metadata", "input.value", "gen_ai.usage.input_tokens")),
            st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | TEXTS | st.lists(TEXTS, max_size=3),
            max_size=5,
        )
    )
    def test_json_and_protobuf_are_the_same(self, attributes: dict[str, Any]) -> None:
        body = export(attributes)
        (binary,) = rows(proto(body), otlp.PROTOBUF)
        left_out = ("event_bytes",)
        assert {k: v for k, v in binary.items() if k not in left_out} == {
            k: v for k, v in row(body).items() if k not in left_out
        }

    @pytest.mark.parametrize(
        ("value", "text"),
        [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity"), (2.0, "2")],
    )
    def test_numbers_that_json_has_not_are_text(self, value: float, text: str) -> None:
        assert proto_row({"n": value})["metadata"]["attributes.n"] == text
        nested = json.loads(proto_row({"n": [value]})["metadata"]["attributes.n"])
        assert nested == [text] or nested == [value]

    @settings(deadline=None)
    @given(text=TEXTS)
    def test_nul_and_every_other_character_read_back(self, text: str) -> None:
        sent = f"a\0{text}\0"
        found = proto_row({O + "input": sent, O + "metadata.k": sent, "user.id": sent})
        assert (found["input"], found["metadata"]["k"], found["user_id"]) == (sent, sent, sent)

    @pytest.mark.parametrize("kind", ["list", "object"])
    def test_ten_levels_are_kept_in_full(self, kind: str) -> None:
        value: Any = "leaf"
        for _ in range(10):
            value = [value] if kind == "list" else {"k": value}
        found = proto_row({O + "metadata.deep": value, O + "input": value, "other": value})
        assert found["input"] == found["metadata"]["attributes.other"] == to_text(value)
        name = "deep" + ".k" * 10 if kind == "object" else "deep"
        assert found["metadata"][name] == ("leaf" if kind == "object" else to_text(value))

    def test_ten_megabytes_are_kept_in_full(self) -> None:
        huge = "ü" * (5 * MIB)
        found = proto_row({O + "input": huge, O + "output": "[" + "1," * (5 * MIB) + "1]", "other": huge})
        assert found["input"] == found["metadata"]["attributes.other"] == huge
        assert len(found["output"]) == 10 * MIB + 3

    def test_empty_texts_are_kept_empty(self) -> None:
        found = proto_row({O + "input": "", O + "metadata.k": "", "": "", "user.id": ""})
        assert (found["input"], found["user_id"]) == ("", "")
        assert (found["metadata"]["k"], found["metadata"]["attributes."]) == ("", "")
