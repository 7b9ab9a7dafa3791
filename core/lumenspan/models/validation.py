"""Checks what a caller gives as a definition, and makes it one."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from lumenspan.errors import InvalidInput
from lumenspan.ids import ProjectId
from lumenspan.models.domain import (
    ModelDefinition,
    ModelId,
    NewModel,
    NewTier,
    PricingTier,
    Tokenizer,
    UsageCondition,
)
from lumenspan.models.patterns import compile_pattern

_MAX_USAGE_PATTERN = 200
_MAX_PRIORITY = 999
_MAX_PRICE = Decimal(1_000_000)
# A price has at most this many places; more would be rounded away in the cost of a single unit.
_PRICE_PLACES = 30


def define(
    new: NewModel, project_id: ProjectId, id_: ModelId, revision: int, created_at: datetime, now: datetime
) -> ModelDefinition:
    """The definition that ``new`` describes.

    Raises:
        InvalidInput: the pattern does not compile, or prices and tiers break a rule (which one is said).
    """
    if not new.name.strip():
        raise InvalidInput("modelName must not be empty")
    compile_pattern(new.match_pattern)
    if new.tokenizer is Tokenizer.OPENAI and new.tokenizer_config is None:
        raise InvalidInput("The tokenizer openai needs a tokenizerConfig with tokenizerModel")
    return ModelDefinition(
        id=id_,
        project_id=project_id,
        name=new.name,
        match_pattern=new.match_pattern,
        start_date=new.start_date,
        unit=new.unit,
        tiers=_tiers(new, id_),
        tokenizer=new.tokenizer,
        tokenizer_config=new.tokenizer_config,
        created_at=created_at,
        updated_at=now,
        revision=revision,
    )


def _tiers(new: NewModel, id_: ModelId) -> tuple[PricingTier, ...]:
    flat = {
        kind: price
        for kind, price in (
            ("input", new.input_price),
            ("output", new.output_price),
            ("total", new.total_price),
        )
        if price is not None
    }
    if flat and new.tiers:
        raise InvalidInput("Give either flat prices or pricingTiers, not both")
    if not flat and not new.tiers:
        raise InvalidInput("Give a price: inputPrice, outputPrice, totalPrice or pricingTiers")
    if "total" in flat and len(flat) > 1:
        raise InvalidInput("totalPrice excludes inputPrice and outputPrice")
    if flat:
        _check_prices(flat)
        return (PricingTier(f"{id_}_tier_default", "Standard", True, 0, (), flat),)
    _check_tiers(new.tiers)
    return tuple(
        PricingTier(
            id=tier.id or f"{id_}_tier_{'default' if tier.is_default else tier.priority}",
            name=tier.name,
            is_default=tier.is_default,
            priority=tier.priority,
            conditions=tier.conditions,
            prices=dict(tier.prices),
        )
        for tier in sorted(new.tiers, key=lambda each: each.priority)
    )


def _check_tiers(tiers: tuple[NewTier, ...]) -> None:
    defaults = [tier for tier in tiers if tier.is_default]
    if len(defaults) != 1:
        raise InvalidInput("Exactly one pricing tier must be the default")
    if defaults[0].priority != 0 or defaults[0].conditions:
        raise InvalidInput("The default pricing tier has priority 0 and no conditions")
    if len({tier.name for tier in tiers}) < len(tiers):
        raise InvalidInput("The names of pricing tiers must be unique")
    if len({tier.priority for tier in tiers}) < len(tiers):
        raise InvalidInput("The priorities of pricing tiers must be unique")
    kinds = set(defaults[0].prices)
    for tier in tiers:
        if not 0 <= tier.priority <= _MAX_PRIORITY:
            raise InvalidInput(f"A pricing tier's priority is between 0 and {_MAX_PRIORITY}")
        if not tier.is_default and not tier.conditions:
            raise InvalidInput(f"The pricing tier {tier.name!r} needs at least one condition")
        if set(tier.prices) != kinds:
            raise InvalidInput("All pricing tiers must have prices for the same usage types")
        _check_prices(tier.prices)
        _check_conditions(tier)


def _check_prices(prices: object) -> None:
    if not isinstance(prices, dict) or not prices:
        raise InvalidInput("A pricing tier needs at least one price")
    for kind, price in prices.items():
        if not kind:
            raise InvalidInput("A usage type must not be empty")
        if not price.is_finite() or not 0 <= price < _MAX_PRICE:
            raise InvalidInput(f"The price of {kind!r} must be between 0 and {_MAX_PRICE}")
        if -price.as_tuple().exponent > _PRICE_PLACES:
            raise InvalidInput(f"The price of {kind!r} has more than {_PRICE_PLACES} decimal places")


def _check_conditions(tier: NewTier) -> None:
    for condition in tier.conditions:
        if not isinstance(condition, UsageCondition):
            if not condition.key or not condition.values:
                raise InvalidInput("An attribute condition needs a key and at least one value")
            continue
        if len(condition.pattern) > _MAX_USAGE_PATTERN:
            raise InvalidInput(f"usageDetailPattern may have at most {_MAX_USAGE_PATTERN} characters")
        compile_pattern(condition.pattern)
        if not condition.value.is_finite() or condition.value < 0:
            raise InvalidInput("The value of a condition must be at least 0")
