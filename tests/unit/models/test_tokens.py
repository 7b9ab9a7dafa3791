"""Token counts of texts and chat messages, with the real vocabularies."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from lumenspan.models.domain import ModelDefinition, Tokenizer, TokenizerConfig
from lumenspan.models.pricer import Counted, Text
from lumenspan.models.tokens import TokenCounter, count_all, encoding_of
from tests.unit.models.build import model

CHAT = TokenizerConfig("gpt-3.5-turbo", 3, 1)


def openai(name: str = "gpt-3.5-turbo", config: TokenizerConfig | None = None) -> ModelDefinition:
    return model(name, tokenizer=Tokenizer.OPENAI, config=config or TokenizerConfig(name))


def counted(definition: ModelDefinition, given: str, answered: str = "") -> Counted | None:
    return count_all([Text(definition, given, answered)])[0]


class TestOpenAi:
    def test_texts(self) -> None:
        # Known from the published encodings.
        assert counted(openai(), "hello world", "tiktoken is great!") == Counted(
            {"input": 2, "output": 6}, True
        )

    def test_a_json_string_counts_as_its_text_and_an_object_as_compact_json(self) -> None:
        plain = counted(openai(), '{"a":1}')
        assert counted(openai(), '{ "a" : 1 }') == plain
        assert counted(openai(), '"hello world"') == Counted({"input": 2}, True)

    def test_chat_messages_have_an_overhead(self) -> None:
        messages = [
            {"role": "system", "content": "hello world"},
            {"role": "user", "content": "hello world", "name": "hello"},
        ]
        given = json.dumps(messages)
        # 3 a message, its role, its content, a name and one for it, 3 at the end.
        assert counted(openai(config=CHAT), given) == Counted(
            {"input": 3 + (1 + 2) + 3 + (1 + 2) + (1 + 1) + 3}, True
        )
        compact = json.dumps(messages, separators=(",", ":"))
        assert counted(openai(), given) == counted(openai(), json.dumps(compact))

    @pytest.mark.parametrize("nothing", ["null", "[]", ""])
    def test_nothing_has_no_count(self, nothing: str) -> None:
        assert counted(openai(), nothing) is None

    def test_special_tokens_are_allowed(self) -> None:
        assert counted(openai(), "<|endoftext|>") == Counted({"input": 1}, True)

    def test_lone_surrogates_and_odd_json_do_not_fail(self) -> None:
        result = counted(openai(), '"\\ud800"')
        assert result is None or result.usage["input"] > 0

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("gpt-4o-mini", ("o200k_base", True)),
            ("gpt-4", ("cl100k_base", True)),
            ("text-embedding-3-small", ("cl100k_base", True)),
            ("text-davinci-003", ("cl100k_base", False)),
            ("of-nobody", ("cl100k_base", False)),
        ],
    )
    def test_encodings(self, name: str, expected: tuple[str, bool]) -> None:
        assert encoding_of(name) == expected


class TestClaude:
    def test_the_old_vocabulary_is_exact_for_the_old_models_only(self) -> None:
        old = model("claude-2.1", tokenizer=Tokenizer.CLAUDE)
        new = model("claude-sonnet-4-5", tokenizer=Tokenizer.CLAUDE)
        assert counted(old, "hello world") == Counted({"input": 2}, True)
        assert counted(new, "hello world") == Counted({"input": 2}, False)


class TestLongTexts:
    @pytest.mark.parametrize("tokenizer", list(Tokenizer))
    def test_five_megabytes_are_sampled(self, tokenizer: Tokenizer) -> None:
        definition = model("gpt-4", tokenizer=tokenizer, config=TokenizerConfig("gpt-4"))
        sentence = "The quick brown fox jumps over the lazy dog, again and again. "
        counted(definition, sentence)
        text = sentence * (5_000_000 // len(sentence))
        started = time.monotonic()
        result = counted(definition, text)
        # Counting all of it would take far longer on any machine.
        assert time.monotonic() - started < 10
        assert result is not None
        assert not result.is_exact
        exact = counted(definition, sentence * 100)
        assert exact is not None
        expected = exact.usage["input"] / 100 * (5_000_000 // len(sentence))
        assert result.usage["input"] == pytest.approx(expected, rel=0.02)

    @pytest.mark.parametrize("text", ["a" * 200_000, " " * 200_000, "\n" * 200_000, "中" * 200_000])
    def test_monotonous_texts_are_no_trap(self, text: str) -> None:
        started = time.monotonic()
        assert counted(openai(), text) is not None
        assert time.monotonic() - started < 20


async def test_counts_keep_order_and_length() -> None:
    texts = [Text(openai(), "hello world", ""), Text(model(), "x", ""), Text(openai(), "", "hello")]
    assert await TokenCounter().count(texts) == [
        Counted({"input": 2}, True),
        None,
        Counted({"output": 1}, True),
    ]


def test_an_idle_process_loads_no_vocabulary() -> None:
    code = (
        "import sys, lumenspan.models.tokens;"
        "print('tiktoken' in sys.modules, 'anthropic_tokenizer' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
