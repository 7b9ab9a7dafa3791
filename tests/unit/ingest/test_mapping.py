"""The mapping, against the vectors of the wire contract (numbers in the names)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.unit.ingest.build import END, START, map_one

O = "langfuse.observation."  # noqa: E741
T = "langfuse.trace."
U = "gen_ai.usage."


class TestType:
    @pytest.mark.parametrize(
        ("attributes", "scope", "version", "resource", "expected"),
        [
            ({O + "type": "Generation", "model": "m"}, "other", "", {}, "GENERATION"),
            ({O + "type": "AGENT"}, "other", "", {}, "SPAN"),
            (
                {O + "type": "span", O + "model.name": "m"},
                "langfuse-sdk",
                "3.3.9",
                {"telemetry.sdk.language": "python"},
                "GENERATION",
            ),
            (
                {O + "type": "span", O + "model.name": "m"},
                "langfuse-sdk",
                "3.4.0",
                {"telemetry.sdk.language": "python"},
                "SPAN",
            ),
            ({"openinference.span.kind": "llm"}, "other", "", {}, "SPAN"),
            ({"openinference.span.kind": "LLM"}, "other", "", {}, "GENERATION"),
            ({"ai.operationId": "ai.generateText.doGenerate"}, "other", "", {}, "SPAN"),
            (
                {"operation.name": "ai.embed.doEmbed my-fn", "ai.model.id": "e"},
                "other",
                "",
                {},
                "EMBEDDING",
            ),
            ({"gen_ai.operation.name": "chat"}, "other", "", {}, "GENERATION"),
            ({"gen_ai.tool.call.id": "1"}, "other", "", {}, "TOOL"),
            ({"gen_ai.request.model": "m"}, "other", "", {}, "GENERATION"),
            ({"ai.model.id": "m"}, "other", "", {}, "SPAN"),
            ({O + "type": "event"}, "langfuse-sdk", "5.0.4", {}, "EVENT"),
        ],
    )
    def test_first_row_that_yields_decides_2_to_6(
        self, attributes: dict[str, Any], scope: str, version: str, resource: dict[str, Any], expected: str
    ) -> None:
        row = map_one(attributes, scope=scope, scope_version=version, resource=resource)
        assert row["type"] == expected


class TestUsage:
    def test_explicit_details_keep_whole_counts_and_lose_nothing_1(self) -> None:
        row = map_one(
            {
                O + "type": "generation",
                O + "usage_details": '{"input":10,"output":5.5,"cached":"7","neg":-1}',
            },
            scope="langfuse-sdk",
        )
        assert row["provided_usage"] == {"input": 10, "cached": 7}
        assert row["usage"] == {"input": 10, "cached": 7, "total": 17}
        assert not any(key.startswith("attributes") for key in row["metadata"])
        assert row["metadata"]["usage_details.output"] == "5.5"
        assert row["metadata"]["usage_details.neg"] == "-1"

    @pytest.mark.parametrize(
        ("attributes", "expected"),
        [
            (
                {
                    U + "input_tokens": 100,
                    U + "output_tokens": 40,
                    U + "total_tokens": 140,
                    U + "cache_read.input_tokens": 20,
                    U + "cache_creation.input_tokens": 10,
                },
                {
                    "input": 70,
                    "output": 40,
                    "total": 140,
                    "input_cached_tokens": 20,
                    "input_cache_creation": 10,
                },
            ),
            (
                {
                    U + "input_tokens": 100,
                    U + "cache_read.input_tokens": 0,
                    U + "cache_read_input_tokens": 30,
                },
                {"input": 100, "input_cached_tokens": 0},
            ),
            (
                {
                    "llm.token_count.completion": 50,
                    "llm.token_count.completion_details.reasoning": 60,
                },
                {"output": 0, "output_reasoning_tokens": 60},
            ),
            ({O + "usage_details": "{bad", U + "input_tokens": 7}, {"input": 7}),
            ({O + "usage_details": "[1]", U + "input_tokens": 7}, {}),
            ({U + "reasoning.output_tokens": 25}, {"output_reasoning_tokens": 25}),
            ({U + "custom": 2.5, U + "details.foo_tokens": 3, U + "cost": 0.5}, {"foo_tokens": 3}),
        ],
    )
    def test_conventions_11_to_15_and_21(
        self, attributes: dict[str, Any], expected: dict[str, int]
    ) -> None:
        assert map_one(attributes)["provided_usage"] == expected

    def test_openai_shape_is_taken_apart_16(self) -> None:
        details = (
            '{"prompt_tokens":5,"completion_tokens":11,"total_tokens":16,'
            '"prompt_tokens_details":{"cached_tokens":2,"audio":null},'
            '"completion_tokens_details":{"reasoning_tokens":4}%s}'
        )
        shaped = map_one({O + "usage_details": details % ""})["provided_usage"]
        assert shaped == {
            "input": 3,
            "output": 7,
            "total": 16,
            "input_cached_tokens": 2,
            "output_reasoning_tokens": 4,
        }
        raw = map_one({O + "usage_details": details % ',"foo":1'})["provided_usage"]
        assert raw == {"prompt_tokens": 5, "completion_tokens": 11, "total_tokens": 16, "foo": 1}

    @pytest.mark.parametrize(
        "attributes",
        [
            {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.request.model": "m",
                U + "input_tokens": 1,
                U + "cost": 0.5,
            },
            {
                "gen_ai.operation.name": "agent_step",
                O + "type": "generation",
                O + "model.name": "m",
                O + "usage_details": '{"input":1}',
            },
        ],
    )
    def test_agents_carry_no_model_usage_or_cost_9_10(self, attributes: dict[str, Any]) -> None:
        row = map_one(attributes)
        assert row["type"] == ("GENERATION" if O + "type" in attributes else "AGENT")
        assert (row["model"], row["usage"], row["cost"]) == ("", {}, {})


class TestCost:
    def test_is_an_exact_decimal_with_its_total_21_22_52(self) -> None:
        assert map_one({U + "cost": 0.5})["cost"] == {"total": Decimal("0.5")}
        row = map_one(
            {
                O + "type": "span",
                O + "model.name": "m",
                O + "usage_details": '{"input":1}',
                O + "cost_details": '{"input":0.1,"output":0.2,"cached":1}',
            }
        )
        assert row["type"] == "SPAN"
        assert row["model"] == "m"
        assert row["cost"]["total"] == Decimal("0.3")

    def test_a_number_that_does_not_fit_is_kept_as_metadata(self) -> None:
        row = map_one({O + "cost_details": '{"input":1e9,"output":"x"}'})
        assert row["cost"] == {}
        assert row["metadata"]["cost_details.output"] == "x"
        assert row["metadata"]["cost_details.input"] == "1000000000"


class TestNames:
    def test_order_of_sources_7_8(self) -> None:
        row = map_one({"gen_ai.tool.name": "t", "logfire.msg": "lm", "ai.operationId": "y"})
        assert (row["name"], row["type"]) == ("t", "TOOL")
        assert map_one({"ai.operationId": ["a list"]}, scope="ai")["name"] == '["a list"]'
        row = map_one({"ai.operationId": "ai.generateText", "ai.telemetry.functionId": "fn"}, scope="ai")
        assert (row["name"], row["type"]) == ("fn:ai.generateText", "SPAN")


class TestTraceFields:
    @pytest.mark.parametrize(
        ("value", "expected"), [("LangfuseLangfuse-Prod", "prod"), (".bad!", "default"), ("", "default")]
    )
    def test_environment_is_normalized_23(self, value: str, expected: str) -> None:
        assert map_one({"langfuse.environment": value})["environment"] == expected

    def test_langfuse_environment_of_the_resource_comes_before_others_24(self) -> None:
        row = map_one({"deployment.environment": "a"}, resource={"langfuse.environment": "b"})
        assert row["environment"] == "b"

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("a, b ,c", ["a", "b", "c"]),
            (5, []),
            ("[a,b", ["[a", "b"]),
            (["x", "y"], ["x", "y"]),
            ('["q"]', ["q"]),
        ],
    )
    def test_tags_of_any_form_27_49(self, value: Any, expected: list[str]) -> None:
        assert map_one({T + "tags": value})["tags"] == expected

    def test_public_is_true_only_when_said_so_28(self) -> None:
        assert map_one({T + "public": "True"})["is_public"] is False
        assert map_one({T + "public": False, "langfuse.public": True})["is_public"] is False
        assert map_one({"langfuse.public": "true"})["is_public"] is True
        assert map_one()["is_public"] is None


class TestLevel:
    @pytest.mark.parametrize(
        ("attributes", "code", "expected"),
        [
            ({O + "level": " warn "}, 2, "WARNING"),
            ({O + "level": "weird"}, 2, "ERROR"),
            ({}, "STATUS_CODE_ERROR", "ERROR"),
            ({}, 0, "DEFAULT"),
        ],
    )
    def test_explicit_then_status_25(
        self, attributes: dict[str, Any], code: int | str, expected: str
    ) -> None:
        assert map_one(attributes, status={"code": code})["level"] == expected

    def test_livekit_noise_is_debug_26(self) -> None:
        row = map_one(scope="livekit-agents", name="start_agent_activity")
        assert (row["type"], row["level"]) == ("AGENT", "DEBUG")


class TestMetadata:
    def test_of_the_trace_comes_over_the_observations_29(self) -> None:
        row = map_one({O + "metadata": '{"a":"o"}', T + "metadata": '{"a":"t"}'})
        assert row["metadata"]["a"] == "t"

    def test_lists_by_place_and_a_lone_value_under_value_30(self) -> None:
        listed = map_one({O + "metadata": '["p","q"]'})["metadata"]
        assert (listed["0"], listed["1"]) == ("p", "q")
        assert map_one({O + "metadata": "hello"})["metadata"]["value"] == "hello"
        assert map_one({O + "metadata": "42"})["metadata"]["value"] == "42"

    def test_a_name_of_the_users_replaces_the_scope_31(self) -> None:
        found = map_one({O + "metadata.scope": "mine"})["metadata"]
        assert found["scope"] == "mine"
        assert "scope.name" not in found

    def test_is_flattened_32(self) -> None:
        found = map_one({O + "metadata": '{"a":{"b":null,"c":[1,2]},"d":true,"e":{}}'})["metadata"]
        assert {k: v for k, v in found.items() if not k.startswith("scope")} == {
            "a.b": "",
            "a.c": "[1,2]",
            "d": "true",
        }

    def test_json_of_sdk_5_reads_like_the_raw_text_of_older_ones_34(self) -> None:
        newer = map_one(
            {O + "metadata.k": '"v"', O + "metadata.n": "1", O + "metadata.o": '{"x":1}'},
            sdk="python/5.0.4",
        )
        older = map_one(
            {O + "metadata.k": "v", O + "metadata.n": 1, O + "metadata.o": '{"x":1}'}, sdk="python/4.2.0"
        )
        assert newer["metadata"] == older["metadata"]
        assert newer["metadata"]["k"] == "v"
        assert newer["metadata"]["o.x"] == "1"

    def test_unknown_attributes_are_kept(self) -> None:
        found = map_one({"my.key": 5, "flag": True}, resource={"host": "h"}, scope="langfuse-sdk")[
            "metadata"
        ]
        assert found["attributes.my.key"] == "5"
        assert found["attributes.flag"] == "true"
        assert found["resourceAttributes.host"] == "h"

    def test_events_and_links_are_kept(self) -> None:
        found = map_one(events=[("exception", {"exception.type": "E"})], links=[{"traceId": "t"}])[
            "metadata"
        ]
        assert "exception.type" in found["events"]
        assert found["links"] == '[{"traceId":"t"}]'


class TestInputOutput:
    def test_an_empty_text_of_ours_decides_35(self) -> None:
        assert map_one({O + "input": "", "input.value": "zzz"})["input"] == ""

    def test_openinference_value_comes_before_messages_36(self) -> None:
        row = map_one({"input.value": "IN", "llm.input_messages.0.message.content": "hi"})
        assert row["input"] == "IN"

    def test_message_events_37(self) -> None:
        row = map_one(
            {"input.value": "X"},
            events=[("gen_ai.user.message", {"content": "hi"}), ("gen_ai.choice", {"index": 0})],
        )
        assert row["input"] == '[{"role":"user","content":"hi"}]'
        assert row["output"] == '{"index":0}'

    def test_values_are_rebuilt_from_keys_38_39(self) -> None:
        assert map_one({"gen_ai.prompt.2.content": "c"})["input"] == '[null,null,{"content":"c"}]'
        row = map_one({"gen_ai.prompt": "whole", "gen_ai.prompt.0.content": "x"})
        assert (row["input"], row["output"]) == ("whole", "{}")
        row = map_one(
            {
                "gen_ai.prompt.0.__proto__.x": "1",
                "gen_ai.prompt.0.content": "ok",
                "gen_ai.prompt.10001.content": "far",
            }
        )
        assert row["input"] == '[{"content":"ok"}]'

    def test_vertex_falls_to_the_tool_41(self) -> None:
        prefix = "gcp.vertex.agent."
        row = map_one(
            {
                prefix + "llm_request": "{}",
                prefix + "llm_response": "{}",
                prefix + "tool_call_args": "A",
                prefix + "tool_response": "R",
            }
        )
        assert (row["input"], row["output"]) == ("A", "R")

    def test_trace_input_has_columns_of_its_own(self) -> None:
        row = map_one({T + "input": "ti", T + "output": "to", O + "input": "oi"})
        assert (row["input"], row["trace_input"], row["trace_output"]) == ("oi", "ti", "to")


class TestTimesAndIds:
    def test_nanoseconds_are_exact_45(self) -> None:
        row = map_one()
        assert (row["start_time"], row["end_time"]) == (START, END)

    def test_an_unusable_start_is_the_end_45(self) -> None:
        row = map_one(startTimeUnixNano="1752384000.5")
        assert row["start_time"] == row["end_time"] == END

    def test_an_empty_parent_is_a_root_44(self) -> None:
        assert map_one(parentSpanId="")["parent_id"] == ""
        assert map_one(parentSpanId=[])["parent_id"] == ""
        assert map_one(parentSpanId="QUJD")["parent_id"] == "QUJD"

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ('"2025-10-01T08:45:26.112648Z"', 1_759_308_326_112_648_000),
            ("2025-10-01T08:45:26.112648+00:00", 1_759_308_326_112_648_000),
            ("soon", None),
        ],
    )
    def test_completion_start_47(self, text: str, expected: int | None) -> None:
        assert map_one({O + "completion_start_time": text})["completion_start_time"] == expected


class TestPromptAndExperiment:
    def test_prompts_belong_to_generations_46(self) -> None:
        prompt = {O + "prompt.name": "p", O + "prompt.version": 3}
        agent = map_one({O + "type": "agent", **prompt})
        assert (agent["prompt_name"], agent["prompt_version"]) == ("", None)
        generation = map_one({O + "type": "generation", **prompt})
        assert (generation["prompt_name"], generation["prompt_version"]) == ("p", 3)
        assert map_one({O + "type": "generation", O + "prompt.name": "p"})["prompt_name"] == "p"

    def test_experiment_metadata_is_flat_and_a_bad_version_is_dropped_48(self) -> None:
        x = "langfuse.experiment."
        row = map_one(
            {
                x + "id": "e",
                x + "metadata": '{"a":{"b":1},"o":"x"}',
                x + "metadata.o": "y",
                x + "item.version": "v1",
            }
        )
        assert row["experiment"] == {"id": "e", "metadata.a.b": "1", "metadata.o": "y"}
        row = map_one({x + "item.version": "2025-10-01T08:45:26.112648Z"})
        assert row["experiment"] == {"item.version": "2025-10-01 08:45:26.112"}
