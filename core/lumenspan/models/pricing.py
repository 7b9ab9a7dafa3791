"""Which tier applies and what usage costs: exact decimals, rounded once to the column's twelve places."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson
import regex

from lumenspan.models.domain import (
    AttributeCondition,
    AttributeSource,
    ModelDefinition,
    Operator,
    PricingTier,
    UsageCondition,
)
from lumenspan.models.patterns import compile_pattern, is_found

# Decimal(18, 12): six digits before the point.
COST_STEP = Decimal("0.000000000001")
MAX_COST = Decimal("999999.999999")
_PLACES = 12
_NOTHING = Decimal(0)
_COMPARE = {
    Operator.GREATER: Decimal.__gt__,
    Operator.GREATER_OR_EQUAL: Decimal.__ge__,
    Operator.LESS: Decimal.__lt__,
    Operator.LESS_OR_EQUAL: Decimal.__le__,
    Operator.EQUAL: Decimal.__eq__,
    Operator.NOT_EQUAL: Decimal.__ne__,
}


# By kind: the price, and whether its product with a whole number never needs rounding.
PriceList = dict[str, tuple[Decimal, bool]]


def price_list(prices: Mapping[str, Decimal]) -> PriceList:
    """Prices prepared for ``costs``."""
    return {kind: (price, _exponent(price) >= -_PLACES) for kind, price in prices.items()}


def _exponent(price: Decimal) -> int:
    exponent = price.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def costs(usage: Mapping[str, int], prices: PriceList) -> dict[str, Decimal]:
    """US dollars by kind for each kind that has a price of exactly its name, and ``total``.

    ``total`` is the cost of the priced kind ``total`` or else the exact sum of the others. Each amount is
    rounded to twelve places and clamped to what the column holds; nothing priced gives an empty answer.
    """
    found: dict[str, Decimal] = {}
    total = _NOTHING
    for kind, units in usage.items():
        priced = prices.get(kind)
        if priced is not None:
            amount = priced[0] * units
            if amount > MAX_COST:
                amount = MAX_COST
            elif not priced[1]:
                amount = amount.quantize(COST_STEP)
            found[kind] = amount
            total += amount
    if found and "total" not in found:
        found["total"] = total if total <= MAX_COST else MAX_COST
    return found


class TierChooser:
    """Chooses among a definition's tiers: in ascending priority the first that holds, else the default."""

    __slots__ = ("_default", "_others")

    def __init__(self, model: ModelDefinition) -> None:
        others = sorted((tier for tier in model.tiers if not tier.is_default), key=lambda t: t.priority)
        self._default = model.default_tier
        self._others = [(tier, [_compiled(condition) for condition in tier.conditions]) for tier in others]

    def choose(
        self,
        usage: Mapping[str, int],
        model_parameters: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> PricingTier | None:
        """The tier for ``usage`` as stored; None where there is no usage or no prices.

        Args:
            model_parameters: a JSON object as text, or empty.
            metadata: texts by top-level key.
        """
        if not usage:
            return None
        for tier, conditions in self._others:
            for condition in conditions:
                if not condition(usage, model_parameters, metadata):
                    break
            else:
                return tier
        return self._default


def _compiled(condition: UsageCondition | AttributeCondition) -> Any:
    if isinstance(condition, UsageCondition):
        return _UsageTest(condition)
    return _AttributeTest(condition)


class _UsageTest:
    """Kinds of usage repeat, so which of them the pattern finds is remembered."""

    __slots__ = ("_compare", "_found", "_pattern", "_value")

    def __init__(self, condition: UsageCondition) -> None:
        self._pattern: regex.Pattern[str] = compile_pattern(
            condition.pattern, ignores_case=not condition.is_case_sensitive
        )
        self._compare = _COMPARE[condition.operator]
        self._value = condition.value
        self._found: dict[str, bool] = {}

    def __call__(self, usage: Mapping[str, int], _parameters: str, _metadata: object) -> bool:
        units = 0
        for kind, count in usage.items():
            is_counted = self._found.get(kind)
            if is_counted is None:
                if len(self._found) > 1_000:
                    self._found.clear()
                is_counted = self._found[kind] = is_found(self._pattern, kind)
            if is_counted:
                units += count
        return bool(self._compare(Decimal(units), self._value))


class _AttributeTest:
    __slots__ = ("_is_in_parameters", "_key", "_values")

    def __init__(self, condition: AttributeCondition) -> None:
        self._is_in_parameters = condition.source is AttributeSource.MODEL_PARAMETERS
        self._key = condition.key
        self._values = frozenset(condition.values)

    def __call__(
        self, _usage: Mapping[str, int], parameters: str, metadata: Mapping[str, str] | None
    ) -> bool:
        if not self._is_in_parameters:
            return metadata is not None and metadata.get(self._key) in self._values
        # Most calls name no such parameter: those are not parsed.
        if not parameters or self._key not in parameters:
            return False
        return scalar_text(_object(parameters).get(self._key)) in self._values


def _object(text: str) -> dict[str, Any]:
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def scalar_text(value: object) -> str | None:
    """A JSON scalar as text: strings as they are, numbers and booleans as in JSON; None for all else."""
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode() if isinstance(value, bool | int | float) else None
