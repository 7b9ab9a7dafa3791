"""Tool definitions that move into the input, tool calls that are found in the output."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.ingest.build import map_one

O = "langfuse.observation."  # noqa: E741
TOOL = {"name": "weather", "description": "Looks outside", "parameters": {"type": "object"}}
USER = {"role": "user", "content": "hi"}


class TestTools:
    def test_definitions_of_the_metadata_move_into_a_list_of_messages_33(self) -> None:
        row = map_one({O + "metadata.tools": json.dumps([TOOL]), O + "input": json.dumps([USER])})
        assert json.loads(row["input"]) == {"messages": [USER], "tools": [TOOL]}
        assert "tools" not in row["metadata"]

    def test_definitions_join_those_of_the_input_once_by_name(self) -> None:
        given = {"messages": [], "tools": [{"name": "weather", "desc": "own"}]}
        row = map_one(
            {O + "metadata.tools": json.dumps([TOOL, {"name": "b"}]), O + "input": json.dumps(given)}
        )
        assert [tool["name"] for tool in json.loads(row["input"])["tools"]] == ["weather", "b"]
        assert json.loads(row["tool_definitions"]["weather"])["description"] == "own"

    @pytest.mark.parametrize("tools", ["plain text", '[{"no": "name"}]', "[]", '{"name": "t"}'])
    def test_metadata_that_are_no_definitions_stay(self, tools: str) -> None:
        row = map_one({O + "metadata.tools": tools, O + "input": "text"})
        assert row["input"] == "text"
        assert any(name.startswith("tools") for name in row["metadata"])

    def test_another_tools_in_the_input_keeps_them_apart(self) -> None:
        row = map_one({O + "metadata.tools": json.dumps([TOOL]), O + "input": '{"tools":"hammer"}'})
        assert row["input"] == '{"tools":"hammer"}'
        assert row["metadata"]["tools"]

    def test_no_input_becomes_the_tools(self) -> None:
        assert json.loads(map_one({O + "metadata.tools": json.dumps([TOOL])})["input"]) == {"tools": [TOOL]}

    def test_a_call_counts_once_42(self) -> None:
        call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
        output = {"choices": [{"message": {"tool_calls": [call, call]}}]}
        row = map_one({O + "output": json.dumps(output)})
        assert row["tool_call_names"] == ["weather"]
        assert json.loads(row["tool_calls"][0]) == {
            "id": "1",
            "arguments": "{}",
            "type": "function",
            "index": 0,
        }

    @pytest.mark.parametrize(
        "output",
        [
            {"role": "assistant", "tool_calls": json.dumps([{"name": "weather", "args": {}}])},
            [
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "1", "name": "weather", "input": {}}],
                }
            ],
            {"content": [{"type": "tool-call", "toolCallId": "1", "toolName": "weather", "args": {}}]},
            {"content": "", "additional_kwargs": {"tool_calls": [{"function": {"name": "weather"}}]}},
            {"type": "function_call", "name": "weather", "arguments": "{}"},
            [{"name": "weather", "arguments": {}}],
        ],
    )
    def test_calls_in_every_form(self, output: Any) -> None:
        row = map_one({O + "output": json.dumps(output)})
        assert row["tool_call_names"] == ["weather"]
        assert json.loads(row["tool_calls"][0])["arguments"] == "{}"

    @pytest.mark.parametrize(
        "output", ["the tool is ready", '{"name":"tool","input":1}', "[1,2]", '{"tool":1}']
    )
    def test_what_is_no_call(self, output: str) -> None:
        assert map_one({O + "output": output})["tool_calls"] == []
