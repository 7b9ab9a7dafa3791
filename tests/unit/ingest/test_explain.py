"""What is told of a span is what its row holds, and names the row of the table that decided."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from lumenspan.ingest import otlp
from lumenspan.ingest.envelope import Frame, FrameHeader
from lumenspan.ingest.explain import Explained, Source, SourceKind, explain, find_span
from tests.unit.ingest.build import export, map_one

O = "langfuse.observation."  # noqa: E741
U = "gen_ai.usage."


def told(attributes: dict[str, Any], *, sdk: str = "", **options: Any) -> dict[str, Explained]:
    """What is told of each field of one span."""
    name, _, version = sdk.partition("/")
    header = FrameHeader("p", otlp.JSON, 1, sdk_name=name, sdk_version=version)
    (span,) = otlp.decode(orjson.dumps(export(attributes, **options)), otlp.JSON).spans
    return {each.field: each for each in explain(header, span)}


def keys(explained: Explained, kind: SourceKind = SourceKind.ATTRIBUTE) -> list[str]:
    return [source.key for source in explained.sources if source.kind is kind]


@pytest.mark.parametrize(
    ("field", "attributes", "rule", "read"),
    [
        ("type", {O + "type": "agent", "gen_ai.operation.name": "chat"}, "langfuse_type", [O + "type"]),
        ("type", {O + "type": "odd", "openinference.span.kind": "LLM"}, "openinference_kind", None),
        ("type", {}, "", []),
        ("name", {"logfire.msg": "m"}, "logfire_message", ["logfire.msg"]),
        ("name", {}, "span_name", []),
        (
            "model",
            {"gen_ai.request.model": "asked", "gen_ai.response.model": "answered"},
            "model",
            ["gen_ai.response.model"],
        ),
        (
            "model",
            {"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "m"},
            "agent_guard",
            ["gen_ai.operation.name"],
        ),
        ("usage", {U + "input_tokens": 3, U + "cost": 1.5}, "token_conventions", [U + "input_tokens"]),
        ("cost", {U + "input_tokens": 3, U + "cost": 1.5}, "gen_ai_usage_cost", [U + "cost"]),
        ("cost", {O + "cost_details": '{"input":0.1}'}, "langfuse_cost_details", [O + "cost_details"]),
        ("model_parameters", {"gen_ai.request.top_k": 3}, "request_keys", ["gen_ai.request.top_k"]),
        ("input", {"input.value": "i", "gen_ai.prompt": "x"}, "openinference", ["input.value"]),
        ("level", {O + "level": "WARN"}, "langfuse_level", [O + "level"]),
        ("user_id", {"user.id": "u", "langfuse.user.id": ""}, "attribute", ["user.id"]),
        ("tags", {"langfuse.tags": ["a"]}, "attribute", ["langfuse.tags"]),
        ("session_id", {}, "", []),
        ("is_public", {"langfuse.public": False}, "attribute", ["langfuse.public"]),
        (
            "completion_start_time",
            {"ai.response.msToFirstChunk": 5},
            "attribute",
            ["ai.response.msToFirstChunk"],
        ),
        ("tool_definitions", {"ai.prompt.tools": ['{"name":"t"}']}, "attribute", ["ai.prompt.tools"]),
        (
            "tool_calls",
            {"output.value": '{"tool_calls":[{"function":{"name":"f"}}]}'},
            "calls_in_output",
            ["output.value"],
        ),
    ],
)
def test_the_row_that_decided_and_what_it_read(
    field: str, attributes: dict[str, Any], rule: str, read: list[str] | None
) -> None:
    found = told(attributes)[field]
    assert found.rule == rule
    if read is not None:
        assert keys(found) == read


def test_values_of_the_resource_the_scope_and_the_request() -> None:
    found = told(
        {}, sdk="python/5.0.4", resource={"deployment.environment": "staging"}, scope="ai", name="n"
    )
    assert found["environment"].rule == "resource"
    assert found["environment"].sources == (Source(SourceKind.RESOURCE, "deployment.environment"),)
    assert (found["scope_name"].rule, found["scope_name"].value) == ("scope", "ai")
    assert found["sdk_version"].sources == (Source(SourceKind.HEADER, "x-langfuse-sdk-version"),)
    assert Source(SourceKind.SPAN, "name") in found["name"].sources


def test_what_is_told_is_what_is_stored() -> None:
    attributes = {
        O + "type": "generation",
        O + "input": "hi",
        O + "usage_details": '{"input":2}',
        O + "cost_details": '{"input":0.0000012}',
        O + "metadata.k": "v",
        "langfuse.trace.tags": ["a", "b"],
        "extra": 7,
    }
    row = map_one(attributes)
    found = told(attributes)
    assert {name: found[name].value for name in ("type", "name", "input", "level", "environment")} == {
        name: row[name] for name in ("type", "name", "input", "level", "environment")
    }
    assert json.loads(found["usage"].value) == row["usage"]
    assert json.loads(found["cost"].value) == {"input": "0.0000012", "total": "0.0000012"}
    assert json.loads(found["metadata"].value) == row["metadata"]
    assert json.loads(found["tags"].value) == row["tags"]
    assert {O + "metadata.k", "extra"} <= set(keys(found["metadata"]))


def test_the_newest_span_of_an_id_is_found_in_any_request() -> None:
    header = FrameHeader("p", otlp.JSON, 1)
    frames = [
        Frame(FrameHeader("p", "application/vnd.other", 1), b"{"),
        *(Frame(header, orjson.dumps(export(name=name))) for name in ("older", "newer")),
    ]
    found = find_span(frames, "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    assert found is not None
    assert found[1].name == "newer"
    assert find_span(frames, "0af7651916cd43dd8448eb211c80319c", "another") is None
