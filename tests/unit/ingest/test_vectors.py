"""The test vectors of the wire contract on single spans, by number, each as JSON and as protobuf.

Where the row says so we deviate on purpose: scalar metadata is kept (30), times keep their nanoseconds
(45), a name of the status counts (25), an attribute without a value costs nothing else (49). Vectors that
are no single span: 51 in ``ingest_events/test_merge.py``, prices of 52 in ``models/test_pricer.py``, 53 in
``ingest_events/test_batch.py`` and ``test_merge.py``, 54 in ``models/test_pricing.py``.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import orjson
import pytest

from lumenspan.ids import BlobKey
from lumenspan.ingest import otlp
from lumenspan.ingest.envelope import Frame, FrameHeader
from lumenspan.ingest.mapped import map_frames
from lumenspan.observations.rows import COLUMNS
from tests.unit.ingest.build import END, START, any_value, export, proto

O = "langfuse.observation."  # noqa: E741
T = "langfuse.trace."
U = "gen_ai.usage."
X = "langfuse.experiment."
V = "gcp.vertex.agent."
TOOL = {"name": "w", "description": "", "parameters": {}}
NAMED = {"scope": "langfuse-sdk"}
OLD = {**NAMED, "resource": {"telemetry.sdk.language": "python"}}
SHAPE = {
    "prompt_tokens": 5,
    "completion_tokens": 11,
    "total_tokens": 16,
    "prompt_tokens_details": {"cached_tokens": 2, "audio": None},
    "completion_tokens_details": {"reasoning_tokens": 4},
}
ANTHROPIC = {
    "cache_creation_input_tokens": 2089,
    "cache_creation": {"ephemeral_5m_input_tokens": 2089, "ephemeral_1h_input_tokens": 0},
}
BEDROCK = {"cacheReadInputTokens": 4482, "cacheWriteInputTokens": 50, "cacheCreationInputTokens": 100}
GENKIT = {"inputTokens": 10, "outputTokens": 8, "thoughtsTokens": 3, "totalTokens": 18}
CALL = {"id": "1", "function": {"name": "w", "arguments": "{}"}}
Sent = dict[str, Any]


def provider(**metadata: Any) -> Sent:
    return {"ai.response.providerMetadata": json.dumps(metadata)}


# Number, attributes, what else is said of the span, and some columns of the row that it becomes.
VECTORS: list[tuple[str, Sent, Sent, Sent]] = [
    ("1", {O + "type": "generation",
           O + "usage_details": '{"input":10,"output":5.5,"cached":"7","neg":-1}'}, NAMED,
     {"provided_usage": {"input": 10, "cached": 7}, "usage": {"input": 10, "cached": 7, "total": 17}}),
    ("2a", {O + "type": "Generation", "model": "m"}, {}, {"type": "GENERATION"}),
    ("2b", {O + "type": "AGENT"}, {}, {"type": "SPAN"}),
    ("3a", {O + "type": "span", O + "model.name": "m"}, {**OLD, "scope_version": "3.3.9"},
     {"type": "GENERATION"}),
    ("3b", {O + "type": "span", O + "model.name": "m"}, {**OLD, "scope_version": "3.4.0"},
     {"type": "SPAN"}),
    ("4", {"openinference.span.kind": "llm"}, {}, {"type": "SPAN"}),
    ("5", {"ai.operationId": "ai.generateText.doGenerate"}, {}, {"type": "SPAN"}),
    ("6", {"operation.name": "ai.embed.doEmbed my-fn", "ai.model.id": "e"}, {}, {"type": "EMBEDDING"}),
    ("7", {"gen_ai.tool.name": "t", "logfire.msg": "lm", "ai.operationId": "y"}, {},
     {"name": "t", "type": "TOOL"}),
    ("8", {"ai.operationId": "ai.generateText", "ai.telemetry.functionId": "fn"}, {"scope": "ai"},
     {"name": "fn:ai.generateText", "type": "SPAN"}),
    ("9", {"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "m", U + "input_tokens": 1,
           U + "cost": 0.5}, {}, {"type": "AGENT", "model": "", "usage": {}, "cost": {}}),
    ("10", {"gen_ai.operation.name": "agent_step", O + "type": "generation", O + "model.name": "m",
            O + "usage_details": '{"input":1}'}, {}, {"type": "GENERATION", "model": "", "usage": {}}),
    ("11", {U + "input_tokens": 100, U + "output_tokens": 40, U + "total_tokens": 140,
            U + "cache_read.input_tokens": 20, U + "cache_creation.input_tokens": 10}, {},
     {"usage": {"input": 70, "output": 40, "total": 140, "input_cached_tokens": 20,
                "input_cache_creation": 10}}),
    ("12", {U + "input_tokens": 100, U + "cache_read.input_tokens": 0, U + "cache_read_input_tokens": 30},
     {}, {"provided_usage": {"input": 100, "input_cached_tokens": 0}}),
    ("13", {"llm.token_count.completion": 50, "llm.token_count.completion_details.reasoning": 60}, {},
     {"provided_usage": {"output": 0, "output_reasoning_tokens": 60}}),
    ("14a", {O + "usage_details": "{bad", U + "input_tokens": 7}, {}, {"provided_usage": {"input": 7}}),
    ("14b", {O + "usage_details": "[1]", U + "input_tokens": 7}, {}, {"provided_usage": {}}),
    ("15", {U + "reasoning.output_tokens": 25}, {}, {"provided_usage": {"output_reasoning_tokens": 25}}),
    ("16a", {O + "usage_details": json.dumps(SHAPE)}, {},
     {"provided_usage": {"input": 3, "output": 7, "total": 16, "input_cached_tokens": 2,
                         "output_reasoning_tokens": 4}}),
    ("16b", {O + "usage_details": json.dumps({**SHAPE, "foo": 1})}, {},
     {"provided_usage": {"prompt_tokens": 5, "completion_tokens": 11, "total_tokens": 16, "foo": 1}}),
    ("17", {U + "input_tokens": 18495, U + "output_tokens": 445, "ai.usage.cachedInputTokens": 16399,
            **provider(anthropic={"usage": ANTHROPIC})}, {"scope": "ai"},
     {"provided_usage": {"input": 7, "output": 445, "input_cached_tokens": 16399, "input_cache_creation": 0,
                         "input_cache_creation_5m": 2089, "input_cache_creation_1h": 0}}),
    ("18", {U + "input_tokens": 5000, **provider(bedrock={"usage": BEDROCK})}, {"scope": "ai"},
     {"provided_usage": {"input": 418, "output": 0, "input_cache_read": 4482, "input_cache_write": 50,
                         "input_cache_creation": 100}}),
    ("19", {}, {"scope": "ai"}, {"provided_usage": {"input": 0, "output": 0}}),
    ("20", {"genkit:output": json.dumps({"usage": GENKIT})}, {"scope": "genkit-tracer"},
     {"provided_usage": {"input": 10, "output": 5, "total": 18, "output_reasoning": 3}}),
    ("21", {U + "custom": 2.5, U + "details.foo_tokens": 3, U + "cost": 0.5}, {},
     {"provided_usage": {"foo_tokens": 3}, "cost": {"total": Decimal("0.5")}}),
    ("22", {O + "type": "span", O + "model.name": "m", O + "usage_details": '{"input":1}',
            O + "cost_details": '{"total":0.5}'}, {},
     {"type": "SPAN", "model": "m", "usage": {"input": 1, "total": 1}, "cost": {"total": Decimal("0.5")}}),
    ("23a", {"langfuse.environment": "LangfuseLangfuse-Prod"}, {}, {"environment": "prod"}),
    ("23b", {"langfuse.environment": ".bad!"}, {}, {"environment": "default"}),
    ("24", {"deployment.environment": "a"}, {"resource": {"langfuse.environment": "b"}},
     {"environment": "b"}),
    ("25a", {O + "level": " warn "}, {"status": {"code": 2}}, {"level": "WARNING"}),
    ("25b", {O + "level": "weird"}, {"status": {"code": 2}}, {"level": "ERROR"}),
    ("25c, the name counts too", {}, {"status": {"code": "STATUS_CODE_ERROR"}}, {"level": "ERROR"}),
    ("26", {}, {"scope": "livekit-agents", "name": "start_agent_activity"},
     {"type": "AGENT", "level": "DEBUG"}),
    ("27a", {T + "tags": "a, b ,c"}, {}, {"tags": ["a", "b", "c"]}),
    ("27b", {T + "tags": 5}, {}, {"tags": []}),
    ("27c", {T + "tags": "[a,b"}, {}, {"tags": ["[a", "b"]}),
    ("28a", {T + "public": "True"}, {}, {"is_public": False}),
    ("28b", {T + "public": False, "langfuse.public": True}, {}, {"is_public": False}),
    ("29", {O + "metadata": '{"a":"o"}', T + "metadata": '{"a":"t"}'}, {}, {"metadata": {"a": "t"}}),
    ("30a", {O + "metadata": '["p","q"]'}, {}, {"metadata": {"0": "p", "1": "q"}}),
    ("30b, kept", {O + "metadata": '"hello"'}, {}, {"metadata": {"value": "hello"}}),
    ("31", {O + "metadata.scope": "mine"}, {}, {"metadata": {"scope": "mine"}}),
    ("32", {O + "metadata": '{"a":{"b":null,"c":[1,2]},"d":true,"e":{}}'}, {},
     {"metadata": {"a.b": "", "a.c": "[1,2]", "d": "true"}}),
    ("33", {O + "metadata.tools": json.dumps([TOOL]), O + "input": '[{"role":"user"}]'}, {},
     {"input": {"messages": [{"role": "user"}], "tools": [TOOL]}}),
    ("34", {O + "metadata.k": '"v"', O + "metadata.n": "1"}, {"sdk": "python/5.0.4"},
     {"metadata": {"k": "v", "n": "1"}}),
    ("35", {O + "input": "", "input.value": "zzz"}, {}, {"input": ""}),
    ("36", {"input.value": "IN", "llm.input_messages.0.message.content": "hi"}, {}, {"input": "IN"}),
    ("37", {"input.value": "X"},
     {"events": [("gen_ai.user.message", {"content": "hi"}), ("gen_ai.choice", {"index": 0})]},
     {"input": [{"role": "user", "content": "hi"}], "output": {"index": 0}}),
    ("38a", {"gen_ai.prompt.2.content": "c"}, {}, {"input": [None, None, {"content": "c"}]}),
    ("38b", {"gen_ai.prompt": "whole", "gen_ai.prompt.0.content": "x"}, {},
     {"input": "whole", "output": {}}),
    ("39", {"gen_ai.prompt.0.__proto__.x": "1", "gen_ai.prompt.0.content": "ok",
            "gen_ai.prompt.10001.content": "far"}, {}, {"input": [{"content": "ok"}]}),
    ("40", {"gen_ai.input.messages": '[{"role":"user"}]', "gen_ai.system_instructions": '"sys"',
            "gen_ai.tool.definitions": json.dumps([TOOL])}, {},
     {"input": {"messages": [{"role": "system", "content": "sys"}, {"role": "user"}], "tools": [TOOL]}}),
    ("41", {V + "llm_request": "{}", V + "llm_response": "{}", V + "tool_call_args": "A",
            V + "tool_response": "R"}, {}, {"input": "A", "output": "R"}),
    ("42", {O + "output": json.dumps({"choices": [{"message": {"tool_calls": [CALL, CALL]}}]})}, {},
     {"tool_call_names": ["w"]}),
    ("43", {"langfuse.internal.as_root": True}, {"parentSpanId": "0102030405060708"},
     {"is_app_root": False, "parent_id": "0102030405060708"}),
    ("44", {}, {"parentSpanId": ""}, {"parent_id": ""}),
    ("45b, exact", {}, {}, {"start_time": START, "end_time": END}),
    ("46a", {O + "type": "agent", O + "prompt.name": "p", O + "prompt.version": 1}, {},
     {"prompt_name": "", "prompt_version": None}),
    ("46b", {O + "type": "generation", O + "prompt.name": "p"}, {},
     {"prompt_name": "p", "prompt_version": None}),
    ("47a", {O + "completion_start_time": '"2025-10-01T08:45:26.112648Z"'}, {},
     {"completion_start_time": 1_759_308_326_112_648_000}),
    ("47b", {O + "completion_start_time": "soon"}, {}, {"completion_start_time": None}),
    ("48", {X + "metadata": '{"a":{"b":1},"o":"x"}', X + "metadata.o": "y", X + "item.version": "v1"}, {},
     {"experiment": {"metadata.a.b": "1", "metadata.o": "y"}}),
    ("49b, an empty list", {T + "tags": []}, {}, {"tags": []}),
    ("52a", {O + "cost_details": '{"input":1}'}, {}, {"cost": {"input": Decimal(1), "total": Decimal(1)}}),
    ("52b", {O + "cost_details": '{"foo":1}'}, {}, {"cost": {"foo": Decimal(1)}}),
]  # fmt: skip


def mapped(body: dict[str, Any], *, sdk: str = "", is_proto: bool = False) -> Sent:
    """The row, by column, of an export of one span."""
    name, _, version = sdk.partition("/")
    kind = otlp.PROTOBUF if is_proto else otlp.JSON
    header = FrameHeader("p", kind, 1_800_000_000_000_000_000, sdk_name=name, sdk_version=version)
    sent = proto(body) if is_proto else orjson.dumps(body)
    found = map_frames(BlobKey("key"), [Frame(header, sent)])
    assert (len(found.columns), found.dead) == (1, [])
    return {column: values[0] for column, values in zip(COLUMNS, found.columns.values, strict=True)}


def compared(row: Sent, column: str, wanted: Any) -> Any:
    """A column as the table above writes it: JSON parsed where it is no text; of metadata what it asks."""
    value = row[column]
    if column == "metadata":
        return {key: value.get(key) for key in wanted}
    is_json = column in ("input", "output") and not isinstance(wanted, str)
    return json.loads(value) if is_json else value


@pytest.mark.parametrize("is_proto", [False, True], ids=["json", "protobuf"])
@pytest.mark.parametrize(
    ("attributes", "options", "expected"), [each[1:] for each in VECTORS], ids=[each[0] for each in VECTORS]
)
def test_vector(attributes: Sent, options: Sent, expected: Sent, is_proto: bool) -> None:
    options = dict(options)
    sdk = options.pop("sdk", "")
    row = mapped(export(attributes, **options), sdk=sdk, is_proto=is_proto)
    assert {key: compared(row, key, value) for key, value in expected.items()} == expected


def test_vector_1_no_attributes_in_the_metadata_and_nothing_lost() -> None:
    number, attributes, options, _ = VECTORS[0]
    metadata = mapped(export(attributes, **options))["metadata"]
    assert number == "1"
    assert not any(key.startswith("attributes") for key in metadata)
    assert (metadata["usage_details.output"], metadata["usage_details.neg"]) == ("5.5", "-1")


@pytest.mark.parametrize(
    ("parent", "stored"),
    [([], ""), ("QUJDREVGR0g=", "QUJDREVGR0g="), ({"type": "Buffer", "data": [1, 255]}, "01ff")],
)
def test_vector_44_ids_in_json(parent: Any, stored: str) -> None:
    assert mapped(export(parentSpanId=parent))["parent_id"] == stored


def test_vector_45_an_unusable_start_is_the_end() -> None:
    row = mapped(export(startTimeUnixNano="1752384000.5"))
    assert row["start_time"] == row["end_time"] == END


def test_vector_49_an_attribute_without_a_value_is_null() -> None:
    pairs = [{"key": "a"}, {"key": "user.id", "value": any_value("u")}, {"key": "tag.tags", "value": {}}]
    made = export()
    made["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"] = pairs
    row = mapped(made)
    assert (row["user_id"], row["tags"], row["metadata"]["attributes.a"]) == ("u", [], "")


def test_vector_50_what_is_no_export_is_named() -> None:
    spans: list[Any] = [{"traceId": "a"}, {"traceId": 5, "spanId": "b"}]
    spans.append({"traceId": "a", "spanId": "b", "attributes": {}})
    body = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}, {"scopeSpans": {}}]}
    found = otlp.count(orjson.dumps(body), otlp.JSON)
    assert found.spans == []
    assert found.reasons == (
        "spanId:absent, traceId:not_an_id, attributes:not_an_array, scopeSpans:not_an_array"
    )
