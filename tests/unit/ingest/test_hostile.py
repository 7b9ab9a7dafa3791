"""What no well-behaved client sends: it is kept, or refused with a reason, and never takes others along."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lumenspan.ids import BlobKey
from lumenspan.ingest import otlp
from lumenspan.ingest.envelope import Frame, FrameHeader
from lumenspan.ingest.mapped import Mapped, map_frames
from lumenspan.observations.rows import COLUMNS
from tests.unit.ingest.build import export, map_one

O = "langfuse.observation."  # noqa: E741


def mapped(body: bytes, content_type: str = otlp.JSON) -> Mapped:
    header = FrameHeader("p", content_type, 1, sdk_name="python", sdk_version="5.0.4")
    return map_frames(BlobKey("key"), [Frame(header, body)])


def column(found: Mapped, name: str) -> list[Any]:
    return found.columns.values[COLUMNS.index(name)]


def nested_value(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"stringValue": "x"}
    for _ in range(depth):
        value = {"arrayValue": {"values": [value]}}
    return value


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"cut \\ud83d", "cut ?"),
        (b"\\ude00 begun", "? begun"),
        (b"whole \\ud83d\\ude00", "whole \U0001f600"),
        (b"latin \xe9", "latin \ufffd"),
        (b"nul \\u0000", "nul \0"),
    ],
)
def test_text_that_is_no_unicode_is_mended(written: bytes, read: str) -> None:
    body = orjson.dumps(export({O + "input": "HERE"})).replace(b"HERE", written)
    assert column(mapped(body), "input") == [read]


@pytest.mark.parametrize("number", [b"NaN", b"-Infinity", b"1e400"])
def test_numbers_that_json_has_not_are_text(number: bytes) -> None:
    body = orjson.dumps(export({"a": 0.5})).replace(b"0.5", number)
    (metadata,) = column(mapped(body), "metadata")
    assert metadata["attributes.a"] in ("NaN", "-Infinity", "1e400")


@pytest.mark.parametrize("depth", [10, 100, 300, 340, 2000])
def test_deep_attributes_never_take_their_neighbours_along(depth: int) -> None:
    made = export()
    spans = made["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans.append({**spans[0], "attributes": [{"key": "k", "value": "DEEP"}]})
    deep = '{"arrayValue":{"values":[' * depth + '{"stringValue":"x"}' + "]}}" * depth
    body = orjson.dumps(made).replace(b'"DEEP"', deep.encode())
    found = mapped(body)
    if depth <= 300:
        assert len(found.columns) == 2
    assert len(found.columns) + len(found.dead) in (1, 2)


@pytest.mark.parametrize("depth", [20, 200, 1000, 5000])
def test_deep_metadata_is_kept(depth: int) -> None:
    text = '{"a":' * depth + "1" + "}" * depth
    row = map_one({O + "metadata.k": text, O + "metadata": text}, sdk="python/5.0.4")
    assert any(name.startswith(("k", "a", "value")) for name in row["metadata"])


@pytest.mark.parametrize("key", ["", "a" * 10_000, "ключ", "a.b..c", O, "langfuse.experiment."])
def test_odd_keys_are_kept(key: str) -> None:
    assert map_one({key: "v"})["metadata"]["attributes." + key] == "v"


def test_many_attributes_are_kept() -> None:
    row = map_one({f"key.{number}": number for number in range(20_000)})
    assert sum(name.startswith("attributes.key.") for name in row["metadata"]) == 20_000


def test_many_tags_are_kept() -> None:
    assert len(map_one({"langfuse.trace.tags": [f"t{n}" for n in range(1000)]})["tags"]) == 1000


def test_protobuf_that_is_cut_off_is_refused() -> None:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name = b"t" * 16, b"s" * 8, "n" * 100
    with pytest.raises(otlp.MalformedOtlp, match="Protobuf"):
        otlp.decode(request.SerializeToString()[:-20], otlp.PROTOBUF)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KNOWN_KEYS = st.sampled_from(
    [
        *(O + name for name in ("type", "input", "level", "usage_details", "cost_details", "metadata")),
        *(
            O + name
            for name in ("model.name", "model.parameters", "prompt.version", "completion_start_time")
        ),
        *("langfuse.trace." + name for name in ("tags", "public", "name", "metadata")),
        *("langfuse.experiment." + name for name in ("id", "metadata", "item.version", "item.metadata.k")),
        *(
            "gen_ai.prompt.0.content",
            "gen_ai.prompt.x",
            "llm.input_messages.1",
            "gen_ai.usage.input_tokens",
        ),
        *(
            "gen_ai.input.messages",
            "gen_ai.system_instructions",
            "user.id",
            "session.id",
            "tag.tags",
            "events",
        ),
        *(
            "langfuse.environment",
            "ai.telemetry.metadata.langfusePrompt",
            "genkit:metadata:subtype",
            "model",
        ),
    ]
)


@settings(deadline=None, max_examples=200)
@given(attributes=st.dictionaries(KNOWN_KEYS | st.text(max_size=5), JSON_VALUES, max_size=6))
def test_any_value_under_any_key_becomes_a_row(attributes: dict[str, Any]) -> None:
    pairs = [{"key": key, "value": {"stringValue": json.dumps(value)}} for key, value in attributes.items()]
    raw = [{"key": key, "value": value} for key, value in attributes.items()]
    for listed in (pairs, raw):
        made = export()
        made["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"] = listed
        found = mapped(json.dumps(made).encode())
        assert (len(found.columns), found.dead) == (1, [])


@settings(deadline=None, max_examples=100)
@given(body=JSON_VALUES, spans=JSON_VALUES, value=JSON_VALUES)
def test_any_json_is_decoded_or_refused_with_a_reason(body: Any, spans: Any, value: Any) -> None:
    for tried in (body, {"resourceSpans": body}, {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}):
        assert_decided(json.dumps(tried).encode())
    for key in ("traceId", "parentSpanId", "attributes", "events", "links", "status", "startTimeUnixNano"):
        made = export()
        made["resourceSpans"][0]["scopeSpans"][0]["spans"][0][key] = value
        assert_decided(json.dumps(made).encode())


def assert_decided(body: bytes) -> None:
    found = mapped(body)
    assert all(dead.reason and "could not be mapped" not in dead.reason for dead in found.dead)


@settings(deadline=None, max_examples=100)
@given(body=st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(body: bytes) -> None:
    for content_type in (otlp.PROTOBUF, otlp.JSON):
        found = mapped(body, content_type)
        assert all(dead.reason for dead in found.dead)
