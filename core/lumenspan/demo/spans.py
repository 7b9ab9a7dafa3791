"""Building one trace along a simulated clock: spans nest as ``with`` blocks, waiting moves the clock."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_NANOS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens, and how fast the model answers (tokens a second)."""

    input_usd: float
    output_usd: float
    tokens_per_s: float


MODELS = {
    "gpt-4.1": Price(2.0, 8.0, 75),
    "gpt-4.1-mini": Price(0.4, 1.6, 120),
    "claude-sonnet-4-5": Price(3.0, 15.0, 70),
    "claude-haiku-4-5": Price(1.0, 5.0, 140),
    "gemini-2.5-flash": Price(0.3, 2.5, 190),
    "text-embedding-3-small": Price(0.02, 0.0, 50_000),
}


@dataclass(frozen=True, slots=True)
class Profile:
    """What every span of a trace carries."""

    trace_name: str
    service: str
    user_id: str
    session_id: str
    environment: str
    release: str
    version: str
    tags: tuple[str, ...]
    metadata: dict[str, str]


@dataclass(slots=True)
class Span:
    """One observation. Times are Unix nanoseconds; ``input`` and ``output`` are text or any JSON value.

    Attributes:
        usage: tokens by kind.
        cost: USD by kind, ``total`` included.
    """

    id: bytes
    parent_id: bytes
    name: str
    type: str
    start_ns: int
    end_ns: int = 0
    first_token_ns: int = 0
    input: Any = None
    output: Any = None
    level: str = "DEFAULT"
    status_message: str = ""
    model: str = ""
    model_parameters: dict[str, Any] = field(default_factory=dict)
    usage: dict[str, int] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)
    prompt: tuple[str, int] | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    def fail(self, message: str, level: str = "ERROR") -> None:
        """Mark the span; ``level`` is WARNING or ERROR."""
        self.level, self.status_message = level, message


@dataclass(slots=True)
class Trace:
    """A finished trace: its 16-byte id, and its spans in the order of their starts, the root first."""

    id: bytes
    profile: Profile
    spans: list[Span] = field(default_factory=list)

    @property
    def root(self) -> Span:
        return self.spans[0]


class TraceBuilder:
    """A trace in the making: ids from ``key``, durations from ``rng``; same arguments, same trace."""

    def __init__(self, key: str, rng: random.Random, start_ns: int, profile: Profile) -> None:
        self.rng = rng
        self.now_ns = start_ns
        self.trace = Trace(hashlib.sha256(key.encode()).digest()[:16], profile)
        self._open: list[Span] = []

    @contextmanager
    def span(self, name: str, type: str = "span", **given: Any) -> Iterator[Span]:
        """A child of the innermost open span; ``given`` sets attributes of :class:`Span`."""
        digest = hashlib.sha256(self.trace.id + len(self.trace.spans).to_bytes(4, "big")).digest()
        parent_id = self._open[-1].id if self._open else b""
        made = Span(digest[:8], parent_id, name, type, self.now_ns, **given)
        self.trace.spans.append(made)
        self._open.append(made)
        # Work around a call takes time too: no child starts with its parent to the nanosecond.
        self.wait_s(0.0002, 0.002)
        yield made
        self.wait_s(0.0002, 0.002)
        self._open.pop()
        made.end_ns = self.now_ns

    def wait_s(self, least: float, most: float) -> None:
        """Move the clock by a duration drawn evenly on a logarithmic scale, as latencies fall."""
        self.now_ns += int(least * (most / least) ** self.rng.random() * _NANOS)

    def event(self, name: str, **given: Any) -> None:
        """A point in time below the innermost open span."""
        with self.span(name, "event", **given) as made:
            pass
        made.end_ns = made.start_ns
        self.now_ns = made.start_ns

    def generate(
        self,
        name: str,
        model: str,
        messages: list[dict[str, str]],
        answer: Any,
        *,
        prompt: tuple[str, int] | None = None,
        temperature: float = 0.3,
        stream: bool = True,
    ) -> Span:
        """A call of a language model: tokens from the texts' length, time and cost from the tokens."""
        price = MODELS[model]
        text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
        tokens_in = tokens(json.dumps(messages, ensure_ascii=False))
        tokens_out = tokens(text)
        reply = {"role": "assistant", "content": text}
        with self.span(
            name, "generation", input=messages, output=reply, model=model, prompt=prompt
        ) as made:
            self.wait_s(0.18, 1.2)
            if stream:
                made.first_token_ns = self.now_ns
            self.now_ns += int(tokens_out / (price.tokens_per_s * self.rng.uniform(0.6, 1.2)) * _NANOS)
            made.model_parameters = {"temperature": temperature, "max_tokens": 1024, "stream": stream}
            made.usage = {"input": tokens_in, "output": tokens_out, "total": tokens_in + tokens_out}
            made.cost = cost_usd(price, tokens_in, tokens_out)
        return made

    def refused(self, name: str, model: str, messages: list[dict[str, str]], message: str) -> Span:
        """A call that the provider refused after a while: no answer, no tokens."""
        with self.span(name, "generation", input=messages, model=model) as made:
            self.wait_s(0.1, 6.0)
            made.model_parameters = {"temperature": 0.3, "max_tokens": 1024, "stream": True}
            made.fail(message)
        return made

    def embed(self, text: str) -> None:
        """An embedding of ``text``; the vector itself is not recorded."""
        price, count = MODELS["text-embedding-3-small"], tokens(text)
        with self.span("embed-query", "embedding", input=text, model="text-embedding-3-small") as made:
            self.wait_s(0.02, 0.15)
            made.output = {"dimensions": 1536}
            made.usage = {"input": count, "total": count}
            made.cost = cost_usd(price, count, 0)


def tokens(text: str) -> int:
    """About how many tokens a text has: English averages four characters a token."""
    return max(1, round(len(text) / 4))


def cost_usd(price: Price, tokens_in: int, tokens_out: int) -> dict[str, float]:
    """Cost by kind; a model without output tokens has no output cost."""
    cost_in, cost_out = tokens_in * price.input_usd / 1e6, tokens_out * price.output_usd / 1e6
    parts = {"input": round(cost_in, 10), "total": round(cost_in + cost_out, 10)}
    return parts | ({"output": round(cost_out, 10)} if tokens_out else {})
