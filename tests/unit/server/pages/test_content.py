"""What a page makes of inputs and outputs."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from lumenspan.media.references import Reference
from lumenspan_server.pages.content import MAX_READ, Content, Link, Message, of_value, understand
from lumenspan_server.pages.json_text import laid_out

MEDIA = "@@@langfuseMedia:type=image/png|id=abc|source=bytes@@@"


def shown(content: Content) -> str:
    """All that a page shows of it, as text."""
    parts = [part for message in content.messages for part in message.parts]
    pieces = [piece for part in parts for piece in part.pieces] or list(content.pieces)
    return "".join(
        unescape(re.sub(r"</?[bi]>", "", piece)) if isinstance(piece, Markup) else str(piece)
        for piece in pieces
    )


def roles(content: Content) -> list[str]:
    return [message.role for message in content.messages]


class TestKinds:
    @pytest.mark.parametrize("text", [None, ""])
    def test_nothing(self, text: str | None) -> None:
        assert understand(text).kind == "empty"

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("plain <b>", "plain <b>"),
            ('"a text\\nwith lines"', "a text\nwith lines"),
            ("12", "12"),
            ("null", "null"),
            ('{"cut": ', '{"cut": '),
            ('"\\ud800"', '"\\ud800"'),
            ("NaN", "NaN"),
            ("[" * 5_000 + "]" * 5_000, "[" * 5_000 + "]" * 5_000),
        ],
    )
    def test_plain_text(self, text: str, expected: str) -> None:
        content = understand(text)
        assert (content.kind, shown(content)) == ("text", expected)

    @pytest.mark.parametrize(
        "text", ['{"a":[1,{}]}', "[]", "[1]", '[{"role":1,"content":"x"}]', '{"messages":[]}']
    )
    def test_json(self, text: str) -> None:
        assert understand(text).kind == "json"

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (
                [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
                ["user", "assistant"],
            ),
            ({"role": "ai", "content": "a"}, ["assistant"]),
            ({"messages": [{"role": "human", "content": "a"}], "model": "m"}, ["user"]),
            ({"system": "s", "messages": [{"role": "user", "content": "a"}]}, ["system", "user"]),
            ({"contents": [{"role": "model", "parts": [{"text": "a"}]}]}, ["assistant"]),
            ({"choices": [{"message": {"role": "assistant", "content": "a"}}]}, ["assistant"]),
        ],
    )
    def test_conversations_of_the_common_providers(self, value: Any, expected: list[str]) -> None:
        content = understand(json.dumps(value))
        assert content.kind == "chat"
        assert roles(content) == expected


class TestMessages:
    def one(self, **message: Any) -> Message:
        (found,) = of_value([{"role": "user", **message}]).messages
        return found

    def test_tool_calls_name_the_tool_and_lay_out_arguments(self) -> None:
        calls = [{"function": {"name": "find", "arguments": '{"a":1}'}}]
        (part,) = self.one(content=None, tool_calls=calls).parts
        assert (part.kind, part.name) == ("call", "find")
        assert isinstance(part.pieces[0], Markup)

    def test_results_of_tools(self) -> None:
        content = of_value([{"role": "tool", "content": '{"found":[]}'}])
        assert content.messages[0].parts[0].kind == "result"
        (part,) = self.one(
            content=[{"type": "tool_result", "content": [{"type": "text", "text": "ok"}]}]
        ).parts
        assert (part.kind, part.pieces) == ("result", ("ok",))

    def test_files_stand_where_they_are_named(self) -> None:
        (part,) = self.one(content=f"see {MEDIA} here").parts
        assert part.pieces == ("see ", Reference("image/png", "abc", "bytes"), " here")  # type: ignore[arg-type]
        (part,) = self.one(content=[{"type": "image_url", "image_url": {"url": MEDIA}}]).parts
        assert part.pieces == (Reference("image/png", "abc", "bytes"),)  # type: ignore[arg-type]

    def test_addresses_elsewhere_are_links_and_only_of_the_web(self) -> None:
        (part,) = self.one(
            content=[{"type": "image_url", "image_url": {"url": "https://host/a.png"}}]
        ).parts
        assert part.pieces == (Link("https://host/a.png"),)
        (part,) = self.one(
            content=[{"type": "image_url", "image_url": {"url": "javascript:alert(1)"}}]
        ).parts
        assert not any(isinstance(piece, Link) for piece in part.pieces)

    def test_files_within_the_text_are_named_and_not_shown(self) -> None:
        data = "data:image/png;base64," + "A" * 1_000
        (part,) = self.one(content=[{"type": "image_url", "image_url": {"url": data}}]).parts
        assert part.pieces == ("[image/png within the text, 1,022 characters]",)


class TestLimits:
    def test_of_a_long_text_the_beginning_is_shown(self) -> None:
        content = understand("x" * 10_000, 1_000)
        assert shown(content) == "x" * 1_000
        assert content.is_cut

    def test_what_was_cut_when_read_is_said_to_be(self) -> None:
        content = understand('["' + "x" * MAX_READ)
        assert content.kind == "text"
        assert content.is_cut

    def test_of_a_long_conversation_the_beginning_is_shown(self) -> None:
        content = of_value([{"role": "user", "content": "x" * 100}] * 1_000, 1_000)
        assert len(content.messages) == 10
        assert content.is_cut

    def test_of_long_json_the_beginning_is_shown(self) -> None:
        content = of_value({"a": list(range(10_000))}, 1_000)
        assert len(shown(content)) < 1_100
        assert content.is_cut


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "tool", "model", "<b>"]), "content": JSON},
        optional={"tool_calls": JSON, "function_call": JSON, "name": JSON},
    ),
    max_size=4,
)


class TestAnything:
    @given(JSON)
    def test_layout_is_the_same_json(self, value: Any) -> None:
        for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
            layout, is_cut = laid_out(text, 10**9)
            assert not is_cut
            assert json.loads(unescape(re.sub(r"</?[bi]>", "", layout))) == value

    @given(st.one_of(st.text(), JSON.map(json.dumps), MESSAGES.map(json.dumps)))
    def test_nothing_becomes_markup(self, text: str) -> None:
        content = understand(text)
        pieces = [piece for message in content.messages for part in message.parts for piece in part.pieces]
        for piece in (*pieces, *content.pieces):
            if isinstance(piece, Markup):
                assert not set(re.sub(r"</?[bi]>", "", piece)) & set("<>")
