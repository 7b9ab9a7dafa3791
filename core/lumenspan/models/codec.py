"""Tiers as JSON values and back; prices are decimal text, so that nothing is lost on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from lumenspan.models.domain import (
    AttributeCondition,
    AttributeSource,
    Condition,
    Operator,
    PricingTier,
    UsageCondition,
)


def tiers_to_json(tiers: Sequence[PricingTier]) -> list[dict[str, Any]]:
    return [
        {
            "id": tier.id,
            "name": tier.name,
            "is_default": tier.is_default,
            "priority": tier.priority,
            "conditions": [_condition_to_json(condition) for condition in tier.conditions],
            "prices": {kind: format(price, "f") for kind, price in tier.prices.items()},
        }
        for tier in tiers
    ]


def tiers_from_json(tiers: Sequence[Mapping[str, Any]]) -> tuple[PricingTier, ...]:
    return tuple(
        PricingTier(
            id=tier["id"],
            name=tier["name"],
            is_default=tier["is_default"],
            priority=tier["priority"],
            conditions=tuple(_condition_from_json(condition) for condition in tier["conditions"]),
            prices={kind: Decimal(price) for kind, price in tier["prices"].items()},
        )
        for tier in tiers
    )


def _condition_to_json(condition: Condition) -> dict[str, Any]:
    if isinstance(condition, UsageCondition):
        return {
            "pattern": condition.pattern,
            "operator": condition.operator.value,
            "value": format(condition.value, "f"),
            "is_case_sensitive": condition.is_case_sensitive,
        }
    return {"source": condition.source.value, "key": condition.key, "values": list(condition.values)}


def _condition_from_json(made: Mapping[str, Any]) -> Condition:
    if "pattern" in made:
        return UsageCondition(
            made["pattern"], Operator(made["operator"]), Decimal(made["value"]), made["is_case_sensitive"]
        )
    return AttributeCondition(AttributeSource(made["source"]), made["key"], tuple(made["values"]))
