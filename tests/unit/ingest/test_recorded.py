"""What real libraries sent becomes the observations that their users expect."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest

from lumenspan.ids import BlobKey
from lumenspan.ingest.envelope import Frame, FrameHeader
from lumenspan.ingest.explain import explain, find_span, stored_text
from lumenspan.ingest.mapped import map_frames
from lumenspan.observations.rows import COLUMNS
from tests.recorded import recordings

Row = dict[str, Any]
ANSWER = "It is sunny in Oslo."
USAGE = {"input": 32, "output": 8, "input_cached_tokens": 8, "output_reasoning_tokens": 4, "total": 52}
MODEL = "gpt-4o-mini-2024-07-18"
# Langfuse names what is within input and output by its own rule.
LANGFUSE_USAGE = {**USAGE, "input_audio_tokens": 0, "output_audio_tokens": 0}
SPANS = [
    name
    for name in recordings.names()
    if any(each.kind == "traces" for each in recordings.read(name).requests)
]


def frames(name: str) -> list[Frame]:
    return [
        Frame(
            FrameHeader(
                "p",
                each.content_type,
                1_800_000_000_000_000_000,
                sdk_name=each.headers.get("x-langfuse-sdk-name", ""),
                sdk_version=each.headers.get("x-langfuse-sdk-version", ""),
            ),
            each.body,
        )
        for each in recordings.read(name).requests
    ]


def rows(name: str) -> list[Row]:
    """Every observation of a recording, in order of start."""
    found = map_frames(BlobKey("key"), frames(name))
    assert found.dead == []
    made = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*found.columns.values, strict=True)]
    return sorted(made, key=lambda row: row["start_time"])


def by_name(name: str) -> dict[str, Row]:
    """The first observation of each name."""
    return {row["name"]: row for row in reversed(rows(name))}


def types(name: str) -> list[tuple[str, str]]:
    return [(row["name"], row["type"]) for row in rows(name)]


def assert_calls_weather(row: Row) -> None:
    assert row["tool_call_names"] == ["get_weather"]
    assert json.loads(json.loads(row["tool_calls"][0])["arguments"]) == {"city": "Oslo"}


@pytest.mark.parametrize("name", SPANS)
def test_what_is_told_of_each_span_is_what_is_stored(name: str) -> None:
    for row in rows(name):
        found = find_span(frames(name), row["trace_id"], row["id"])
        assert found is not None
        told = explain(found[0].header, found[1])
        assert {each.field: each.value for each in told} == {
            each.field: stored_text(row[each.field]) for each in told
        }
        told_of = {each.field for each in told if each.rule}
        assert {each.field for each in told if each.value not in ("", "false", "{}", "[]")} - told_of <= {
            "type",
            "environment",
        }


@pytest.mark.parametrize("name", recordings.names())
def test_a_recording_says_nothing_of_the_machine(name: str) -> None:
    data = gzip.decompress((recordings.FOLDER / f"{name}.json.gz").read_bytes())
    texts = [data, *(each.body for each in recordings.read(name).requests)]
    assert not any(re.search(rb"127\.0\.0\.1|/(tmp|root|home|usr)/|site-packages", each) for each in texts)


@pytest.mark.parametrize(
    "name", [name for name in SPANS if name.startswith("langfuse-")], ids=lambda name: name
)
def test_langfuse(name: str) -> None:
    seen = by_name(name)
    expected = {
        "request": "SPAN",
        "handle": "AGENT",
        "broken": "TOOL",
        "manual": "GENERATION",
        "noticed": "EVENT",
    }
    assert {key: seen[key]["type"] for key in expected} == expected
    request, handle, manual = seen["request"], seen["handle"], seen["manual"]
    assert (request["trace_name"], request["user_id"], request["session_id"]) == (
        "weather",
        "user-1",
        "session-1",
    )
    assert request["tags"] == ["a", "b"]
    assert request["metadata"]["tier"] == "gold"
    assert json.loads(request["output"]) == {"answer": "Sunny."}
    assert handle["parent_id"] == request["id"]
    assert {key: handle["metadata"][key] for key in ("attempt", "label", "nested.deep")} == {
        "attempt": "2",
        "label": "x",
        "nested.deep": "[1,2]",
    }
    assert not any(key.startswith("attributes.") for row in seen.values() for key in row["metadata"])
    assert (seen["broken"]["level"], seen["broken"]["status_message"]) == ("ERROR", "the tool is down")
    assert seen["noticed"]["level"] == "WARNING"
    assert (manual["model"], json.loads(manual["model_parameters"])) == (
        "gpt-4o",
        {"temperature": 0.2, "max_tokens": 10},
    )
    assert manual["usage"]["input"] == 10
    assert str(manual["cost"]["total"]) == "0.000030000000"
    assert json.loads(manual["output"]) == {"role": "assistant", "content": "Sunny."}


@pytest.mark.parametrize("name", [name for name in SPANS if name.startswith("langfuse-python")])
def test_openai_through_langfuse_for_python(name: str) -> None:
    seen = by_name(name)
    tools, streamed = seen["with-tools"], seen["streamed"]
    assert_calls_weather(tools)
    assert list(tools["tool_definitions"]) == ["get_weather"]
    assert (tools["model"], tools["usage"]) == (MODEL, LANGFUSE_USAGE)
    assert (streamed["output"], streamed["usage"]) == (ANSWER, LANGFUSE_USAGE)
    assert streamed["start_time"] < streamed["completion_start_time"] <= streamed["end_time"]
    assert seen["search"]["type"] == "RETRIEVER"
    assert seen["handle"]["version"] == "7"


@pytest.mark.parametrize("name", [name for name in SPANS if name.startswith("langfuse-js")])
def test_openai_through_langfuse_for_javascript(name: str) -> None:
    plain = by_name(name)["plain"]
    assert (plain["type"], plain["model"], plain["usage"]) == ("GENERATION", MODEL, LANGFUSE_USAGE)
    assert json.loads(plain["output"]) == {"role": "assistant", "content": ANSWER}


def test_openinference_for_openai() -> None:
    root, called, streamed, embedded, _ = rows("openinference-openai-0.1.66")
    assert (root["type"], root["user_id"], root["session_id"]) == ("SPAN", "user-1", "session-1")
    assert (called["type"], called["name"], called["model"]) == ("GENERATION", "ChatCompletion", MODEL)
    assert USAGE.items() <= called["usage"].items()
    assert json.loads(called["model_parameters"]) == {"model": "gpt-4o-mini", "temperature": 0.1}
    assert list(called["tool_definitions"]) == ["get_weather"]
    assert_calls_weather(called)
    assert json.loads(streamed["output"])["choices"][0]["message"]["content"] == ANSWER
    assert (embedded["type"], embedded["model"]) == ("EMBEDDING", "text-embedding-3-small")
    assert embedded["usage"] == {"input": 3, "total": 3}


def test_openinference_for_langchain() -> None:
    chain, prompt, model, tool = rows("openinference-langchain-0.1.80")
    assert [row["type"] for row in (chain, prompt, model, tool)] == ["CHAIN", "SPAN", "GENERATION", "TOOL"]
    assert all((row["user_id"], row["session_id"], row["tags"]) == ("user-1", "session-1", ["a"])
               for row in (chain, prompt, model, tool))  # fmt: skip
    assert USAGE.items() <= model["usage"].items()
    assert list(model["tool_definitions"]) == ["get_weather"]
    assert_calls_weather(model)
    assert (tool["name"], tool["input"], tool["output"]) == ("get_weather", "Oslo", "sunny in Oslo")


def test_openllmetry_for_openai() -> None:
    _, called, streamed, embedded = rows("openllmetry-openai-0.62.4")
    assert (called["type"], called["model"], called["usage"]) == ("GENERATION", MODEL, USAGE)
    assert json.loads(called["input"])["messages"][0]["role"] == "system"
    assert_calls_weather(called)
    assert json.loads(streamed["output"])[0]["parts"][0]["content"] == ANSWER
    assert (embedded["type"], embedded["usage"]["input"]) == ("EMBEDDING", 3)


def test_pydantic_ai_with_logfire() -> None:
    assert types("pydantic-ai-2.68.0") == [
        ("asked about Oslo", "SPAN"),
        ("weatherman run", "AGENT"),
        ("chat gpt-4o-mini", "GENERATION"),
        ("get_weather", "TOOL"),
        ("chat gpt-4o-mini", "GENERATION"),
    ]
    asked, agent, called, tool, answered = rows("pydantic-ai-2.68.0")
    assert (asked["service_name"], asked["version"]) == ("weather-service", "1.0")
    # What an agent says of its model calls is counted once, with these.
    assert (agent["model"], agent["usage"], agent["output"]) == ("", {}, ANSWER)
    assert json.loads(agent["input"])[0] == {"role": "system", "content": "Be brief."}
    assert (called["model"], called["usage"]) == (MODEL, {**USAGE, "audio_tokens": 0})
    assert_calls_weather(called)
    assert (json.loads(tool["input"]), tool["output"]) == ({"city": "Oslo"}, "sunny in Oslo")
    assert json.loads(answered["output"])[0]["parts"][0]["content"] == ANSWER
    assert len({row["session_id"] for row in (agent, called, tool, answered)}) == 1


def test_mlflow() -> None:
    agent, called, tool = rows("mlflow-3.17.2")
    assert [row["type"] for row in (agent, called, tool)] == ["AGENT", "GENERATION", "TOOL"]
    assert json.loads(agent["input"]) == {"question": "How is the weather in Oslo?"}
    assert (called["model"], called["usage"]) == (
        MODEL,
        {"input": 32, "output": 12, "input_cached_tokens": 8, "total": 52},
    )
    assert json.loads(called["output"])["choices"][0]["message"]["content"] == ANSWER
    assert (json.loads(tool["input"]), json.loads(tool["output"])) == ({"city": "Oslo"}, "sunny in Oslo")


def test_google_adk() -> None:
    workflow, agent, called, tool, answered = rows("google-adk-2.13.0")
    assert [row["type"] for row in (workflow, agent, called, tool, answered)] == [
        "SPAN",
        "AGENT",
        "GENERATION",
        "TOOL",
        "GENERATION",
    ]
    assert (called["model"], called["usage"]) == (
        "gemini-2.5-flash",
        {"input": 32, "output": 12, "input_cached_tokens": 8, "total": 52},
    )
    assert_calls_weather(called)
    assert list(called["tool_definitions"]) == ["get_weather"]
    assert json.loads(tool["output"]) == {"weather": "sunny in Oslo"}
    assert json.loads(answered["output"])[0]["parts"][0]["content"] == ANSWER
    assert len({row["session_id"] for row in (workflow, agent, called, answered)}) == 1


def test_google_adk_1() -> None:
    seen = by_name("google-adk-1.39.1")
    called = seen["call_llm"]
    assert (called["type"], called["model"]) == ("GENERATION", "gemini-2.5-flash")
    assert called["usage"] == {"input": 32, "output": 12, "input_cached_tokens": 8, "total": 52}
    assert_calls_weather(called)
    assert list(called["tool_definitions"]) == ["get_weather"]
    inner = seen["generate_content gemini-2.5-flash"]
    assert_calls_weather(inner)
    # The request within is not counted again.
    assert (inner["type"], inner["model"], inner["usage"]) == ("GENERATION", "", {})
    tool = seen["get_weather"]
    assert (json.loads(tool["input"]), json.loads(tool["output"])) == (
        {"city": "Oslo"},
        {"weather": "sunny in Oslo"},
    )


def test_genkit() -> None:
    flow, around, called, tool, again, answered = rows("genkit-1.42.0")
    assert [row["type"] for row in (flow, around, called, tool, again, answered)] == [
        "SPAN",
        "SPAN",
        "GENERATION",
        "TOOL",
        "SPAN",
        "GENERATION",
    ]
    assert (flow["name"], flow["input"], flow["output"]) == ("ask", "How is the weather in Oslo?", ANSWER)
    assert (around["name"], around["usage"], again["usage"]) == ("generate", {}, {})
    assert (called["model"], called["usage"]) == (
        "remembered",
        {"input": 40, "output": 8, "output_reasoning": 4, "total": 52},
    )
    assert json.loads(called["model_parameters"]) == {"temperature": 0.1}
    assert_calls_weather(called)
    assert (json.loads(tool["input"]), tool["output"]) == ({"city": "Oslo"}, "sunny in Oslo")
    assert json.loads(answered["output"]) == {"role": "model", "content": [{"text": ANSWER}]}


def test_livekit() -> None:
    made = rows("livekit-agents-1.8.9")
    seen = by_name("livekit-agents-1.8.9")
    turn, tool, request = seen["agent_turn"], seen["get_weather"], seen["llm_request"]
    assert (turn["type"], turn["input"], turn["output"]) == ("AGENT", "How is the weather in Oslo?", ANSWER)
    assert (tool["type"], json.loads(tool["input"]), tool["output"]) == (
        "TOOL",
        {"city": "Oslo"},
        "sunny in Oslo",
    )
    assert (request["type"], request["usage"]) == ("GENERATION", USAGE)
    assert_calls_weather(request)
    assert request["completion_start_time"] is not None
    assert {row["name"] for row in made if row["level"] == "DEBUG"} >= {"on_enter", "llm_request_run"}
    # One of three nested spans has the model, so that its tokens are counted once.
    assert {row["name"] for row in made if row["model"] and row["type"] == "GENERATION"} == {"llm_request"}


def test_vercel_ai() -> None:
    seen = by_name("vercel-ai-6.0.326")
    outer, called = seen["weather:ai.generateText"], seen["weather:ai.generateText.doGenerate"]
    streamed, embedded = seen["tomorrow:ai.streamText.doStream"], seen["embedding:ai.embed.doEmbed"]
    for row in seen.values():
        assert (row["user_id"], row["session_id"], row["tags"]) == ("user-1", "session-1", ["a", "b"])
        assert row["metadata"]["tier"] == "gold"
    assert (outer["type"], outer["output"]) == ("SPAN", ANSWER)
    # The calls within count; what is around them does not count again.
    assert outer["usage"] == {"input": 0, "output": 0, "total": 0}
    assert (called["type"], called["model"], called["usage"]) == ("GENERATION", MODEL, USAGE)
    assert_calls_weather(called)
    assert list(called["tool_definitions"]) == ["get_weather"]
    parameters = json.loads(called["model_parameters"])
    assert (parameters["maxTokens"], parameters["temperature"]) == (100, 0.1)
    assert (seen["get_weather"]["type"], json.loads(seen["get_weather"]["input"])) == (
        "TOOL",
        {"city": "Oslo"},
    )
    assert (streamed["output"], streamed["usage"]) == (ANSWER, USAGE)
    assert streamed["start_time"] < streamed["completion_start_time"] <= streamed["end_time"]
    assert (embedded["type"], embedded["usage"]) == ("EMBEDDING", {"input": 3, "output": 0, "total": 3})
    assert json.loads(embedded["input"]) == ['"sunny"']
    assert seen["embedding:ai.embed"]["usage"]["total"] == 0
