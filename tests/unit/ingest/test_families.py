"""What each instrumentation sends, and what it becomes (vectors of the wire contract by number)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.ingest.build import START, map_one

O = "langfuse.observation."  # noqa: E741
U = "gen_ai.usage."
TOOL = {"name": "weather", "description": "Looks outside", "parameters": {"type": "object"}}
USER = {"role": "user", "content": "hi"}


class TestVercelAiSdk:
    """Scope ``ai``."""

    def test_a_generation_is_whole(self) -> None:
        row = map_one(
            {
                "ai.operationId": "ai.streamText.doStream",
                "operation.name": "ai.streamText.doStream my-fn",
                "ai.telemetry.functionId": "my-fn",
                "ai.model.id": "gpt-4o",
                "ai.model.provider": "openai.chat",
                "ai.prompt.messages": json.dumps([USER]),
                "ai.response.text": "hello",
                "ai.settings.maxRetries": 2,
                "gen_ai.request.temperature": 0.5,
                "ai.response.msToFirstChunk": 12.3,
                "ai.telemetry.metadata.userId": "u",
                "ai.telemetry.metadata.sessionId": "s",
                "ai.telemetry.metadata.tags": ["a"],
                "ai.telemetry.metadata.langfusePrompt": json.dumps({"name": "p", "version": 3}),
                "ai.telemetry.metadata.plan": "pro",
                U + "input_tokens": 10,
                U + "output_tokens": 5,
            },
            scope="ai",
        )
        assert (row["type"], row["name"]) == ("GENERATION", "my-fn:ai.streamText.doStream")
        assert (row["input"], row["output"], row["model"]) == (
            json.dumps([USER]),
            "hello",
            "gpt-4o",
        )
        assert json.loads(row["model_parameters"]) == {
            "system": "openai.chat",
            "maxRetries": 2,
            "temperature": 0.5,
        }
        assert row["usage"] == {"input": 10, "output": 5, "total": 15}
        assert (row["user_id"], row["session_id"], row["tags"]) == ("u", "s", ["a"])
        assert (row["prompt_name"], row["prompt_version"]) == ("p", 3)
        assert row["metadata"]["plan"] == "pro"
        assert row["completion_start_time"] == START + 13_000_000

    def test_text_and_calls_are_one_message(self) -> None:
        calls = json.dumps([{"toolCallId": "1", "toolName": "weather", "input": {"city": "Oslo"}}])
        row = map_one({"ai.response.text": "", "ai.response.toolCalls": calls}, scope="ai")
        assert json.loads(row["output"]) == {"role": "assistant", "content": "", "tool_calls": calls}
        assert row["tool_call_names"] == ["weather"]
        assert json.loads(row["tool_calls"][0]) == {
            "id": "1",
            "arguments": '{"city":"Oslo"}',
            "type": "",
            "index": 0,
        }

    @pytest.mark.parametrize(
        ("attributes", "given", "answered"),
        [
            ({"ai.prompt": "p", "ai.result.text": "r"}, "p", "r"),
            ({"ai.toolCall.args": "{}", "ai.toolCall.result": "7"}, "{}", "7"),
            ({"ai.prompt": "p", "ai.response.object": '{"a":1}'}, "p", '{"a":1}'),
            ({"gen_ai.input.messages": "[1]", "ai.response.text": "t"}, "[1]", "t"),
            ({"input.value": "not looked at"}, "", ""),
        ],
    )
    def test_first_key_that_is_there(self, attributes: dict[str, Any], given: str, answered: str) -> None:
        row = map_one(attributes, scope="ai")
        assert (row["input"], row["output"]) == (given, answered)

    def test_tools_of_the_prompt_move_into_the_input(self) -> None:
        row = map_one({"ai.prompt": "p", "ai.prompt.tools": [json.dumps(TOOL)]}, scope="ai")
        assert json.loads(row["input"]) == {"prompt": "p", "tools": [TOOL]}
        assert "attributes.ai.prompt.tools" not in row["metadata"]

    def test_usage_of_anthropic_17(self) -> None:
        created = {"ephemeral_5m_input_tokens": 2089, "ephemeral_1h_input_tokens": 0}
        usage = {"cache_creation_input_tokens": 2089, "cache_creation": created}
        row = map_one(
            {
                U + "input_tokens": 18_495,
                U + "output_tokens": 445,
                "ai.usage.cachedInputTokens": 16_399,
                "ai.response.providerMetadata": json.dumps({"anthropic": {"usage": usage}}),
            },
            scope="ai",
        )
        assert row["provided_usage"] == {
            "input": 7,
            "output": 445,
            "input_cached_tokens": 16_399,
            "input_cache_creation": 0,
            "input_cache_creation_5m": 2089,
            "input_cache_creation_1h": 0,
        }

    def test_usage_of_bedrock_18(self) -> None:
        usage = {"cacheReadInputTokens": 4482, "cacheWriteInputTokens": 50, "cacheCreationInputTokens": 100}
        row = map_one(
            {
                U + "input_tokens": 5000,
                "ai.response.providerMetadata": json.dumps({"bedrock": {"usage": usage}}),
            },
            scope="ai",
        )
        assert row["provided_usage"]["input"] == 418

    def test_usage_of_openai(self) -> None:
        provider = {
            "openai": {"cachedPromptTokens": 4, "reasoningTokens": 3, "acceptedPredictionTokens": 2}
        }
        row = map_one(
            {
                U + "prompt_tokens": 10,
                U + "completion_tokens": 9,
                "ai.usage.tokens": 19,
                "ai.usage.reasoningTokens": 1,
                "ai.response.providerMetadata": json.dumps(provider),
            },
            scope="ai",
        )
        assert row["provided_usage"] == {
            "input": 6,
            "output": 8,
            "total": 19,
            "input_cached_tokens": 4,
            "output_reasoning_tokens": 1,
            "accepted_prediction_tokens": 2,
        }

    def test_usage_is_always_there_19(self) -> None:
        assert map_one(scope="ai")["provided_usage"] == {"input": 0, "output": 0}

    def test_usage_with_a_broken_provider_is_read_by_convention(self) -> None:
        row = map_one({U + "input_tokens": 5, "ai.response.providerMetadata": "{bad"}, scope="ai")
        assert row["provided_usage"] == {"input": 5}

    def test_a_tool_call_is_a_tool(self) -> None:
        row = map_one({"ai.operationId": "ai.toolCall", "ai.toolCall.name": "weather"}, scope="ai")
        assert (row["type"], row["name"]) == ("TOOL", "weather")


class TestGenkit:
    """Scope ``genkit-tracer``."""

    def test_a_model_call_20(self) -> None:
        given = {"messages": [USER], "config": {"temperature": 0.2, "stop": ["x"]}}
        usage = {"inputTokens": 10, "outputTokens": 8, "thoughtsTokens": 3, "totalTokens": 18}
        answered = {"message": {"role": "model"}, "usage": usage}
        row = map_one(
            {
                "genkit:metadata:subtype": "model",
                "genkit:name": "gemini",
                "genkit:input": json.dumps(given),
                "genkit:output": json.dumps(answered),
            },
            scope="genkit-tracer",
        )
        assert (row["type"], row["name"], row["model"]) == ("GENERATION", "gemini", "gemini")
        assert (json.loads(row["input"]), json.loads(row["output"])) == ([USER], {"role": "model"})
        assert row["provided_usage"] == {"input": 10, "output": 5, "total": 18, "output_reasoning": 3}
        assert json.loads(row["model_parameters"]) == {"temperature": 0.2, "stop": '["x"]'}
        assert not any("genkit:input" in name for name in row["metadata"])

    @pytest.mark.parametrize(
        ("subtype", "expected"),
        [("tool.v2", "TOOL"), ("embedder", "EMBEDDING"), ("retriever", "RETRIEVER")],
    )
    def test_types(self, subtype: str, expected: str) -> None:
        assert map_one({"genkit:metadata:subtype": subtype}, scope="genkit-tracer")["type"] == expected

    def test_its_scope_decides_also_about_nothing(self) -> None:
        assert map_one({"input.value": "x"}, scope="genkit-tracer")["input"] == ""


class TestFlue:
    def test_values_are_parsed_and_the_first_counts(self) -> None:
        row = map_one(
            {"flue.tool.name": "t", "flue.tool.arguments": '{"a": 1}', "flue.tool.result": "done"},
            scope="@flue/opentelemetry",
        )
        assert (row["type"], row["input"], row["output"]) == ("TOOL", '{"a":1}', "done")

    def test_a_task_is_an_agent(self) -> None:
        assert map_one({"flue.task.agent": "a"}, scope="@flue/opentelemetry")["type"] == "AGENT"


class TestOpenInference:
    def test_a_generation(self) -> None:
        row = map_one(
            {
                "openinference.span.kind": "LLM",
                "input.value": '{"messages": []}',
                "output.value": "answer",
                "llm.model_name": "gpt-4o",
                "llm.invocation_parameters": '{"temperature": 0, "stop": null}',
                "llm.token_count.prompt": 100,
                "llm.token_count.completion": 20,
                "llm.token_count.total": 120,
                "llm.token_count.prompt_details.cache_read": 30,
                "llm.cost.total": 0.25,
                "session.id": "s",
                "user.id": "u",
                "tag.tags": ["t"],
            }
        )
        assert (row["type"], row["model"], row["input"], row["output"]) == (
            "GENERATION",
            "gpt-4o",
            '{"messages": []}',
            "answer",
        )
        assert row["provided_usage"] == {"input": 70, "output": 20, "total": 120, "input_cached_tokens": 30}
        assert str(row["cost"]["total"]) == "0.250000000000"
        assert (row["session_id"], row["user_id"], row["tags"]) == ("s", "u", ["t"])
        assert json.loads(row["model_parameters"]) == {"temperature": 0, "stop": "null"}

    def test_messages_by_key_and_the_tools_beside_them(self) -> None:
        row = map_one(
            {
                "llm.input_messages.0.message.role": "user",
                "llm.input_messages.0.message.content": "hi",
                "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "weather",
                "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": "{}",
                "llm.tools.0.tool.json_schema": json.dumps({"type": "function", "function": TOOL}),
            }
        )
        assert json.loads(row["input"]) == {
            "messages": [{"message": USER}],
            "tools": [{"type": "function", "function": TOOL}],
        }
        assert json.loads(row["tool_definitions"]["weather"]) == {
            "description": "Looks outside",
            "parameters": '{"type":"object"}',
        }

    @pytest.mark.parametrize(
        "kind", ["CHAIN", "RETRIEVER", "EMBEDDING", "AGENT", "TOOL", "GUARDRAIL", "EVALUATOR"]
    )
    def test_types(self, kind: str) -> None:
        assert map_one({"openinference.span.kind": kind})["type"] == kind


class TestOpenLlmetry:
    def test_entities(self) -> None:
        row = map_one(
            {"traceloop.entity.input": "i", "traceloop.entity.output": "o", "traceloop.span.kind": "task"}
        )
        assert (row["input"], row["output"]) == ("i", "o")
        assert row["metadata"]["attributes.traceloop.span.kind"] == "task"

    def test_prompts_and_completions_by_key(self) -> None:
        row = map_one(
            {
                "gen_ai.prompt.0.role": "user",
                "gen_ai.prompt.0.content": "hi",
                "gen_ai.completion.0.content": "hello",
                "gen_ai.completion.0.finish_reason": "stop",
                "gen_ai.request.model": "m",
                "gen_ai.request.max_tokens": 5,
                "gen_ai.response.model": "m-2025",
                U + "prompt_tokens": 3,
                U + "completion_tokens": 4,
                U + "cache_read_input_tokens": 1,
                "llm.usage.total_tokens": 7,
            }
        )
        assert (json.loads(row["input"]), row["type"], row["model"]) == ([USER], "GENERATION", "m-2025")
        assert json.loads(row["output"]) == [{"content": "hello", "finish_reason": "stop"}]
        assert json.loads(row["model_parameters"]) == {"max_tokens": 5}
        assert row["provided_usage"] == {"input": 2, "output": 4, "input_cached_tokens": 1}
        assert row["metadata"]["attributes.llm.usage.total_tokens"] == "7"


class TestGenAiConventions:
    def test_messages_system_and_tools_are_one_input_40(self) -> None:
        row = map_one(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.input.messages": '[{"role":"user"}]',
                "gen_ai.system_instructions": '"sys"',
                "gen_ai.tool.definitions": json.dumps([{"type": "function", "name": "w"}]),
            }
        )
        assert json.loads(row["input"]) == {
            "messages": [{"role": "system", "content": "sys"}, {"role": "user"}],
            "tools": [{"type": "function", "name": "w"}],
        }
        assert list(row["tool_definitions"]) == ["w"]

    def test_parts_of_output_messages_are_calls(self) -> None:
        part = {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Oslo"}}
        row = map_one({"gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [part]}])})
        assert row["tool_call_names"] == ["weather"]
        assert json.loads(row["tool_calls"][0])["arguments"] == '{"city":"Oslo"}'

    def test_a_tool_span(self) -> None:
        row = map_one(
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "weather",
                "gen_ai.tool.call.arguments": "{}",
                "gen_ai.tool.call.result": "sun",
                "gen_ai.conversation.id": "c",
            }
        )
        assert (row["type"], row["name"], row["session_id"]) == ("TOOL", "weather", "c")
        assert (row["input"], row["output"]) == ("{}", "sun")

    def test_the_event_of_operation_details(self) -> None:
        event = ("gen_ai.client.inference.operation.details", {"gen_ai.input.messages": "[1]"})
        assert map_one({"input.value": "x"}, events=[event])["input"] == "[1]"

    def test_several_choices_stay_a_list(self) -> None:
        row = map_one(events=[("gen_ai.choice", {"index": 0}), ("gen_ai.choice", {"index": 1})])
        assert json.loads(row["output"]) == [{"index": 0}, {"index": 1}]


class TestOthersByTheirKeys:
    @pytest.mark.parametrize(
        ("attributes", "given", "answered"),
        [
            ({"mlflow.spanInputs": "i", "mlflow.spanOutputs": "o"}, "i", "o"),
            ({"prompt": "i", "all_messages_events": "o"}, "i", "o"),
            ({"lk.user_transcript": "i", "lk.response.text": "o"}, "i", "o"),
            ({"lk.input_text": "i", "lk.chat_ctx": "x", "lk.function_tool.output": "o"}, "i", "o"),
            ({"tool_arguments": "i", "tool_response": "o"}, "i", "o"),
            ({"input": "i", "output": "o"}, "i", "o"),
            ({"gcp.vertex.agent.llm_request": "i", "gcp.vertex.agent.llm_response": "o"}, "i", "o"),
            (
                {
                    "events": json.dumps(
                        [{"event.name": "gen_ai.user.message"}, {"event.name": "gen_ai.choice"}]
                    )
                },
                '[{"event.name":"gen_ai.user.message"}]',
                '{"event.name":"gen_ai.choice"}',
            ),
        ],
    )
    def test_input_and_output(self, attributes: dict[str, Any], given: str, answered: str) -> None:
        row = map_one(attributes)
        assert (row["input"], row["output"]) == (given, answered)

    def test_pydantic_ai(self) -> None:
        row = map_one(
            {
                "pydantic_ai.all_messages": json.dumps([USER]),
                "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "be kind"}]),
                "final_result": "done",
                "logfire.msg": "agent run",
                "model_request_parameters": json.dumps({"function_tools": [TOOL]}),
            },
            scope="pydantic-ai",
        )
        assert json.loads(row["input"]) == {
            "messages": [{"role": "system", "content": "be kind"}, USER],
            "tools": [TOOL],
        }
        assert (row["output"], row["name"]) == ("done", "agent run")

    def test_semantic_kernel_events(self) -> None:
        event = ("gen_ai.content.prompt", {"gen_ai.prompt": "hello"})
        assert map_one(events=[event])["input"] == "hello"

    def test_google_adk_cached_tokens(self) -> None:
        response = json.dumps({"usage_metadata": {"cached_content_token_count": 4}})
        attributes = {
            "gcp.vertex.agent.llm_response": response,
            U + "input_tokens": 10,
            U + "output_tokens": 2,
        }
        row = map_one(attributes, scope="gcp.vertex.agent")
        assert row["provided_usage"] == {"input": 6, "output": 2, "input_cached_tokens": 4}

    @pytest.mark.parametrize(
        ("name", "expected"), [("agent_turn", "AGENT"), ("function_tool", "TOOL"), ("other", "SPAN")]
    )
    def test_livekit_types(self, name: str, expected: str) -> None:
        assert map_one(scope="livekit-agents", name=name)["type"] == expected
