"""Tokens and cost of a span (contract 2.10, 2.11): whole numbers and exact decimals, or nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from lumenspan.ingest.attributes import Value, is_truthy, parse_json
from lumenspan.ingest.otlp import Span
from lumenspan.ingest.rules import Rule, adk_guard, agent_guard
from lumenspan.ingest.usage_sources import U

_COST_DETAILS = "langfuse.observation.cost_details"
_INTEGER = re.compile(r"\d+")
_MAX_COUNT = (1 << 64) - 1
# Decimal(18, 12): six digits before the point.
_COST_STEP = Decimal("0.000000000001")
_MAX_COST = Decimal(10) ** 6

_OPENAI_SHAPES = (
    ("prompt_tokens", "completion_tokens", "total_tokens"),
    ("input_tokens", "output_tokens", "total_tokens"),
)

Left = dict[str, Value]


def usage(details: Value) -> tuple[dict[str, int], Left]:
    """Tokens by kind of what ``USAGE_RULES`` yielded, and the entries that are no whole count."""
    return normalize(details or {})


def normalize(details: Mapping[str, Value]) -> tuple[dict[str, int], Left]:
    """Usage in our kinds: the two shapes of OpenAI are taken apart, all else keeps its names.

    Non-negative integers and text that starts with one count; what does not is in the second answer.
    """
    for shape in _OPENAI_SHAPES:
        names = set(shape)
        if names <= set(details) <= names | {f"{shape[0]}_details", f"{shape[1]}_details"}:
            return _from_openai(details, shape)
    counts, left = {}, {}
    for name, value in details.items():
        count = _count(value)
        if count is not None:
            counts[str(name)] = count
        elif value is not None:
            left[str(name)] = value
    return counts, left


def _from_openai(details: Mapping[str, Value], shape: tuple[str, str, str]) -> tuple[dict[str, int], Left]:
    counts: dict[str, int] = {}
    left: Left = {}
    for target, name in zip(("input", "output", "total"), shape, strict=True):
        count = _count(details[name])
        if count is None:
            if details[name] is not None:
                left[name] = details[name]
            continue
        counts[target] = count
        parts = details.get(f"{name}_details")
        for part, value in parts.items() if isinstance(parts, dict) else ():
            within = _count(value)
            if within is not None:
                counts[f"{target}_{part}"] = within
                counts[target] = max(0, counts[target] - within)
    return counts, left


def _count(value: Value) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        match = _INTEGER.match(value.strip())
        value = int(match[0]) if match else None
    return value if isinstance(value, int) and 0 <= value <= _MAX_COUNT else None


def with_total(counts: Mapping[str, int]) -> dict[str, int]:
    """The same with ``total``: the sum of all kinds where none was given."""
    if not counts or "total" in counts:
        return dict(counts)
    return {**counts, "total": min(sum(counts.values()), _MAX_COUNT)}


def _explicit_cost(span: Span) -> Value:
    sent = span.attributes.get(_COST_DETAILS)
    if not is_truthy(sent):
        return None
    parsed = parse_json(sent) if isinstance(sent, str) else sent
    return parsed if parsed is None or isinstance(parsed, dict) else {}


def _total_cost(name: str, key: str) -> Rule:
    def pick(span: Span) -> Value:
        total = span.attributes.get(key)
        return None if total is None else {"total": total}

    return Rule(name, pick, (key,))


COST_RULES = (
    agent_guard({}),
    adk_guard({}),
    Rule("langfuse_cost_details", _explicit_cost, (_COST_DETAILS,)),
    _total_cost("gen_ai_usage_cost", U + "cost"),
    _total_cost("openinference_cost", "llm.cost.total"),
)


def cost(details: Value) -> tuple[dict[str, Decimal], Left]:
    """Cost in US dollars by kind of what ``COST_RULES`` yielded, and the entries that are none."""
    return normalize_cost(details or {})


def normalize_cost(details: Mapping[str, Value]) -> tuple[dict[str, Decimal], Left]:
    """Cost in US dollars by kind, and the entries that are none."""
    costs: dict[str, Decimal] = {}
    left: Left = {}
    for name, value in details.items():
        amount = _amount(value)
        if amount is not None:
            costs[str(name)] = amount
        elif value is not None:
            left[str(name)] = value
    return costs, left


def _amount(value: Value) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return amount.quantize(_COST_STEP) if amount.is_finite() and 0 <= amount < _MAX_COST else None


def with_total_cost(costs: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """The same with ``total``: input plus output where there is either.

    It is left out where there is neither, and where it does not fit the column.
    """
    sides = [costs[name] for name in ("input", "output") if name in costs]
    if not sides or "total" in costs:
        return dict(costs)
    total = sum(sides, Decimal(0))
    return {**costs, "total": total} if total < _MAX_COST else dict(costs)
