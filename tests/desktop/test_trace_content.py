"""Inputs and outputs: what they are taken for, and how much of a big one is looked at."""

import json
from typing import Any

import pytest
from PySide6.QtCore import QModelIndex, Qt
from pytestqt.modeltest import ModelTester

from lumenspan_desktop.trace.content import (
    LONGEST_LINE,
    PIECE,
    Message,
    Part,
    decode_nested,
    is_deeper,
    understand,
)
from lumenspan_desktop.trace.json_model import PIECE as ROWS_A_PIECE
from lumenspan_desktop.trace.json_model import JsonModel, ValueRole, summary


def roles(value: Any) -> list[str]:
    return [message.role for message in understand(json.dumps(value)).messages]


class TestUnderstand:
    @pytest.mark.parametrize(
        ("raw", "modes", "text"),
        [
            (None, ("text",), ""),
            ("", ("text",), ""),
            ("plain words", ("text",), "plain words"),
            ('"a JSON string"', ("text",), "a JSON string"),
            ("{broken", ("text",), "{broken"),
            ("3", ("text",), "3"),
            ('{"a":[1]}', ("json", "text"), '{\n  "a": [\n    1\n  ]\n}'),
            ('{"ü":1}', ("json", "text"), '{\n  "ü": 1\n}'),
        ],
    )
    def test_offers_the_views_that_make_sense(
        self, raw: str | None, modes: tuple[str, ...], text: str
    ) -> None:
        content = understand(raw)
        assert (content.modes(), content.text) == (modes, text)

    @pytest.mark.parametrize("depth", [120, 900, 200_000])
    def test_deep_nesting_is_shown_and_never_raises(self, depth: int) -> None:
        raw = "[" * depth + "]" * depth
        assert understand(raw).text.replace("\n", "") == raw

    @pytest.mark.parametrize(
        "value",
        [
            [{"role": "user", "content": "hi"}],
            {"messages": [{"role": "user", "content": "hi"}]},
            {"role": "user", "content": "hi"},
            {"choices": [{"message": {"role": "user", "content": "hi"}}]},
            {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
            [{"role": "human", "content": [{"type": "text", "text": "hi"}]}],
            [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        ],
    )
    def test_finds_the_conversation_in_the_shapes_of_providers(self, value: Any) -> None:
        assert understand(json.dumps(value)).messages == (Message("user", (Part("text", "hi"),)),)

    def test_system_text_beside_the_messages_comes_first(self) -> None:
        assert roles({"system": "Be brief.", "messages": [{"role": "user", "content": "hi"}]}) == [
            "system",
            "user",
        ]

    @pytest.mark.parametrize(
        "value",
        [
            [{"role": "user", "content": "hi"}, {"id": 7}],
            [{"role": "admin"}],
            {"messages": "none"},
            {"role": 4, "content": "hi"},
            [],
            {"messages": []},
        ],
    )
    def test_what_is_no_conversation_is_not_taken_for_one(self, value: Any) -> None:
        assert roles(value) == []

    def test_tool_calls_and_results_are_made_readable(self) -> None:
        messages = understand(
            json.dumps(
                [
                    {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": [{"function": {"name": "find", "arguments": '{"id":"4"}'}}],
                    },
                    {"role": "tool", "content": '{"ok":true}'},
                    {
                        "role": "assistant",
                        "content": [{"type": "tool_use", "name": "f", "input": {"a": 1}}],
                    },
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]},
                ]
            )
        ).messages
        assert [part for message in messages for part in message.parts] == [
            Part("tool_call", '{\n  "id": "4"\n}', "find"),
            Part("tool_result", '{\n  "ok": true\n}'),
            Part("tool_call", '{\n  "a": 1\n}', "f"),
            Part("media", "not shown here", "image_url"),
        ]


class TestPieces:
    @pytest.mark.parametrize(
        "raw",
        [
            "word " * 100_000,
            json.dumps({"document": "word " * 100_000}),
            json.dumps([{"id": number, "name": "n" * 50} for number in range(5_000)]),
        ],
    )
    def test_no_piece_and_no_line_is_long_and_nothing_is_lost(self, raw: str) -> None:
        content = understand(raw)
        pieces = list(content.text_pieces())
        assert len(pieces) > 4
        assert max(map(len, pieces)) <= PIECE * 1.1
        text = "".join(pieces)
        assert max(map(len, text.split("\n"))) <= LONGEST_LINE
        whole = raw if isinstance(content.value, str) else json.dumps(content.value, indent=2)
        assert text.replace("\n", "") == whole.replace("\n", "")


class TestDecodeNested:
    def test_strings_that_hold_json_become_values(self) -> None:
        assert decode_nested({"a": '{"b": "[1, 2]"}', "c": "{no", "d": "7"}) == {
            "a": {"b": [1, 2]},
            "c": "{no",
            "d": "7",
        }

    def test_depth_is_limited(self) -> None:
        assert decode_nested({"a": {"b": "[1]"}}, 1) == {"a": {"b": "[1]"}}


@pytest.mark.parametrize(("value", "depth", "expected"), [(1, 0, False), ([], 1, False), ([[]], 1, True)])
def test_depth_is_measured(value: Any, depth: int, expected: bool) -> None:
    assert is_deeper(value, depth) is expected


class TestJsonModel:
    @pytest.mark.parametrize(
        "value",
        [
            {"a": [1, {"b": None}], "c": "text", "d": {}, "e": [], "f": 1.5, "g": True},
            [["x"] * (ROWS_A_PIECE + 3)],
            "only text",
            None,
        ],
    )
    def test_obeys_the_rules_of_qt_models(self, qtmodeltester: ModelTester, value: Any) -> None:
        model = JsonModel(value)
        qtmodeltester.check(model)
        # Nothing to fetch: the tester fetches inside the reset, and then counts that against the model.
        model.show_value({"another": 1})
        assert model.index(0, 0).data() == "another"

    def test_rows_are_made_when_they_are_looked_at(self) -> None:
        model = JsonModel([list(range(10)) for _ in range(ROWS_A_PIECE * 3)])
        assert model.rowCount() == ROWS_A_PIECE
        first = model.index(0, 0)
        assert model.rowCount(first) == 0
        assert model.hasChildren(first)
        assert model.canFetchMore(first)
        model.fetchMore(first)
        assert [model.index(row, 1, first).data() for row in range(3)] == ["0", "1", "2"]
        model.fetchMore(QModelIndex())
        assert model.rowCount() == ROWS_A_PIECE * 2
        assert model.index(ROWS_A_PIECE, 0).data() == str(ROWS_A_PIECE)

    def test_cells_say_key_value_and_size(self) -> None:
        model = JsonModel({"list": [1, 2], "text": "a\nb" + "x" * 900})
        assert model.index(0, 1).data() == "[ 2 items ]"
        assert model.index(1, 1).data().startswith("a bxx")
        assert model.index(1, 1).data().endswith("…")
        assert len(model.index(1, 1).data(ValueRole)) == 903
        assert model.index(0, 1).data(Qt.ItemDataRole.AccessibleTextRole) == "list: [ 2 items ]"
        assert model.headerData(1, Qt.Orientation.Horizontal) == "Value"

    @pytest.mark.parametrize(
        ("value", "text"),
        [({}, "{ }"), ([], "[ ]"), ({"a": 1}, "{ 1 key }"), (None, "null"), (True, "true")],
    )
    def test_summary(self, value: Any, text: str) -> None:
        assert summary(value) == text
