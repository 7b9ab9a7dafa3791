"""The built-in definitions: a table of prices that a command refreshes, looked up by name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from importlib import resources
from typing import Any

import orjson

from lumenspan.models.domain import (
    AttributeCondition,
    AttributeSource,
    Condition,
    ModelDefinition,
    ModelId,
    Operator,
    PricingTier,
    Tokenizer,
    TokenizerConfig,
    Unit,
    UsageCondition,
)

TABLE_FILE = "builtin_prices.json"

# Prices apply to a kind of usage of exactly the same name, and every instrumentation has its own.
USAGE_KEYS: Mapping[str, tuple[str, ...]] = {
    "input": ("input", "input_tokens", "prompt_tokens", "input_text", "input_text_tokens"),
    "output": (
        "output",
        "output_tokens",
        "completion_tokens",
        "output_text",
        "output_text_tokens",
        "output_accepted_prediction_tokens",
        "output_rejected_prediction_tokens",
    ),
    "reasoning": ("output_reasoning_tokens", "output_reasoning"),
    "cache_read": (
        "input_cached_tokens",
        "input_cache_read",
        "cache_read_input_tokens",
        "cached_tokens",
        "input_cache_read_input_tokens",
    ),
    "cache_write": (
        "input_cache_creation",
        "input_cache_write",
        "cache_creation_input_tokens",
        "input_cache_creation_5m",
        "input_cache_creation_input_tokens",
    ),
    "cache_write_1h": ("input_cache_creation_1h",),
    "audio_input": ("input_audio_tokens", "input_audio"),
    "audio_output": ("output_audio_tokens", "output_audio"),
    "image_input": ("input_image_tokens", "input_image"),
    "image_output": ("output_image_tokens", "output_image"),
    "total": ("total",),
}
# What a quantity without a price of its own costs: it was taken out of the other one's count.
_FALLBACKS = (
    ("cache_read", "input"),
    ("cache_write", "input"),
    ("cache_write_1h", "cache_write"),
    ("audio_input", "input"),
    ("image_input", "input"),
    ("reasoning", "output"),
    ("audio_output", "output"),
    ("image_output", "output"),
)
# What a client asks for, and the values of `service_tier` by which it does.
SERVICE_TIERS: Mapping[str, tuple[str, ...]] = {
    "priority": ("priority", "fast"),
    "flex": ("flex",),
    "batch": ("batch",),
}
_INPUT_PATTERN = "input|prompt|cache"
_CHAT = {"chat", "completion", "responses"}

Row = list[Any]


class BuiltinModels:
    """The built-in table; rows become definitions when they are asked for.

    Attributes:
        source: name and version of the price table, such as ``litellm 1.109.1``.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.source = f"{table['source']} {table['version']}"
        self._made_at = datetime.fromisoformat(table["made_at"]).replace(tzinfo=UTC)
        self._rows: list[Row] = table["models"]
        self._by_name: dict[str, int] = {}
        self._by_id: dict[str, int] = {}
        self._made: dict[int, ModelDefinition] = {}
        for at, (name, aliases, *_) in enumerate(self._rows):
            self._by_id[model_id(name)] = at
            for known in (name, *aliases):
                self._by_name.setdefault(known.lower(), at)

    def __len__(self) -> int:
        return len(self._rows)

    def match(self, name: str) -> ModelDefinition | None:
        """The definition that ``name`` means, whatever its case."""
        at = self._by_name.get(name.lower())
        return None if at is None else self._definition(at)

    def by_id(self, id_: str) -> ModelDefinition | None:
        at = self._by_id.get(id_)
        return None if at is None else self._definition(at)

    def names(self) -> Iterator[str]:
        """Every name that is known, in lower case, aliases included."""
        return iter(self._by_name)

    def model_names(self) -> list[str]:
        """The name of each definition, in the order of the table (by name)."""
        return [row[0] for row in self._rows]

    def at(self, index: int) -> ModelDefinition:
        """The definition of that place in ``model_names``."""
        return self._definition(index)

    def _definition(self, at: int) -> ModelDefinition:
        made = self._made.get(at)
        if made is None:
            made = self._made[at] = self._build(self._rows[at])
        return made

    def _build(self, row: Row) -> ModelDefinition:
        name, aliases, mode, tokenizer, tiers = row
        id_ = model_id(name)
        kind = Tokenizer(tokenizer[0]) if tokenizer else None
        config = None
        if kind is Tokenizer.OPENAI:
            # The overhead of chat messages is the documented one of all current chat models.
            config = TokenizerConfig(tokenizer[1], *((3, 1) if mode in _CHAT else (0, 0)))
        return ModelDefinition(
            id=id_,
            project_id=None,
            name=name,
            match_pattern=pattern([name, *aliases]),
            start_date=None,
            unit=Unit.TOKENS,
            tiers=_tiers(id_, tiers),
            tokenizer=kind,
            tokenizer_config=config,
            created_at=self._made_at,
            updated_at=self._made_at,
            source=self.source,
        )


@lru_cache(maxsize=1)
def builtin_models() -> BuiltinModels:
    """The table that comes with this version; read once, on first use."""
    file = resources.files("lumenspan.models").joinpath(TABLE_FILE)
    return BuiltinModels(orjson.loads(file.read_bytes()))


def model_id(name: str) -> ModelId:
    """The id of a built-in definition: the same in every version of the table."""
    return ModelId("builtin-" + hashlib.sha256(name.encode()).hexdigest()[:24])


def pattern(names: list[str]) -> str:
    """The expression that stands for ``names`` and nothing else, whatever their case."""
    return f"(?i)^({'|'.join(re.escape(name) for name in names)})$"


def _tiers(id_: ModelId, tiers: Mapping[str, Mapping[str, str]]) -> tuple[PricingTier, ...]:
    made: list[PricingTier] = []
    for priority, (code, amounts) in enumerate(tiers.items()):
        label, conditions = _conditions(code)
        prices = _prices({**tiers[""], **amounts})
        if made:
            # All tiers price the same kinds of usage.
            prices = {key: price for key, price in prices.items() if key in made[0].prices}
        made.append(
            PricingTier(
                id=f"{id_}_tier_{code.replace(' ', '_').replace('>', 'over_') or 'default'}",
                name=label,
                is_default=not code,
                priority=priority,
                conditions=conditions,
                prices=prices,
            )
        )
    return tuple(made)


def _conditions(code: str) -> tuple[str, tuple[Condition, ...]]:
    """A tier's code, such as ``>200000 priority``, as its label and conditions."""
    labels: list[str] = []
    conditions: list[Condition] = []
    for part in code.split():
        if part.startswith(">"):
            labels.append(f"Large Context (over {int(part[1:]) // 1000}K)")
            conditions.append(UsageCondition(_INPUT_PATTERN, Operator.GREATER, Decimal(part[1:])))
        else:
            labels.append(part.capitalize())
            values = SERVICE_TIERS[part]
            conditions.append(AttributeCondition(AttributeSource.MODEL_PARAMETERS, "service_tier", values))
    return ", ".join(labels) or "Standard", tuple(conditions)


def _prices(amounts: Mapping[str, str]) -> dict[str, Decimal]:
    known = dict(amounts)
    for quantity, other in _FALLBACKS:
        if quantity not in known and other in known:
            known[quantity] = known[other]
    return {
        key: Decimal(known[quantity])
        for quantity, keys in USAGE_KEYS.items()
        if quantity in known
        for key in keys
    }
