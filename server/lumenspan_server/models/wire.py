"""Model definitions on the wire: what the routes take and answer."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from lumenspan.models.domain import (
    AttributeCondition,
    AttributeSource,
    Condition,
    NewModel,
    NewTier,
    Operator,
    Tokenizer,
    TokenizerConfig,
    Unit,
    UsageCondition,
)
from lumenspan_server.errors import invalid_body
from lumenspan_server.operations import Instant, PageMeta, Wire

_Name = Annotated[str, Meta(min_length=1, max_length=1_000)]
# Whole JSON numbers come as int, so that they are read as they were written; text is refused.
_Price = Annotated[int, Meta(ge=0)] | Annotated[float, Meta(ge=0)]
_Count = Annotated[int, Meta(ge=-1_000, le=1_000)]


class ConditionBody(Wire):
    """When a tier holds.

    Either ``usageDetailPattern``, ``operator`` and ``value``: the sum of the usage whose kind the pattern
    finds; or ``source``, ``key``, the operator ``in`` and ``values``: a top-level model parameter or
    metadata value.
    """

    operator: Literal["gt", "gte", "lt", "lte", "eq", "neq", "in"]
    usage_detail_pattern: str | None = None
    value: _Price | None = None
    case_sensitive: bool = False
    source: AttributeSource | None = None
    key: str | None = None
    values: list[str] | None = None


class TierBody(Wire):
    """One pricing tier: US dollars a unit, by kind of usage."""

    name: _Name
    is_default: bool
    priority: int
    conditions: list[ConditionBody]
    prices: dict[str, _Price]


class TokenizerConfigBody(Wire):
    """How the tokens of chat messages are counted."""

    tokenizer_model: _Name
    tokens_per_message: _Count = 0
    tokens_per_name: _Count = 0

    def to_domain(self) -> TokenizerConfig:
        """The configuration."""
        return TokenizerConfig(self.tokenizer_model, self.tokens_per_message, self.tokens_per_name)


class ModelBody(Wire):
    """A definition with flat prices or with tiers."""

    model_name: _Name
    match_pattern: _Name
    start_date: Annotated[datetime, Meta(tz=True)] | None = None
    unit: Unit | None = None
    input_price: _Price | None = None
    output_price: _Price | None = None
    total_price: _Price | None = None
    pricing_tiers: list[TierBody] | None = None
    tokenizer_id: Tokenizer | None = None
    tokenizer_config: TokenizerConfigBody | None = None

    def to_model(self) -> NewModel:
        """What the service takes; its rules are checked there.

        Raises:
            ValidationFailed: a condition has not the members of its kind.
        """
        config = self.tokenizer_config
        return NewModel(
            name=self.model_name,
            match_pattern=self.match_pattern,
            start_date=self.start_date,
            unit=self.unit or Unit.TOKENS,
            input_price=optional_price(self.input_price),
            output_price=optional_price(self.output_price),
            total_price=optional_price(self.total_price),
            tiers=tuple(_to_tier(place, tier) for place, tier in enumerate(self.pricing_tiers or ())),
            tokenizer=self.tokenizer_id,
            tokenizer_config=None if config is None else config.to_domain(),
        )


def _to_tier(place: int, tier: TierBody) -> NewTier:
    prices = {kind: price_of(price) for kind, price in tier.prices.items()}
    conditions = tuple(
        _to_condition(each, ("pricingTiers", place, "conditions", number))
        for number, each in enumerate(tier.conditions)
    )
    return NewTier(tier.name, tier.is_default, tier.priority, conditions, prices)


def _to_condition(given: ConditionBody, path: tuple[str | int, ...]) -> Condition:
    if given.source is not None:
        if given.operator != "in" or given.key is None or given.values is None:
            raise invalid_body(path, "A condition with source needs key, the operator in and values")
        return AttributeCondition(given.source, given.key, tuple(given.values))
    if given.operator == "in" or given.usage_detail_pattern is None or given.value is None:
        raise invalid_body(path, "A condition on usage needs usageDetailPattern, operator and value")
    return UsageCondition(
        given.usage_detail_pattern,
        Operator(given.operator),
        price_of(given.value),
        given.case_sensitive,
    )


def price_of(number: float) -> Decimal:
    """The number as it was written: the shortest text that reads as this float."""
    return Decimal(repr(number))


def optional_price(number: float | None) -> Decimal | None:
    """The same; None stays None."""
    return None if number is None else price_of(number)


class ModelPrice(Wire):
    """US dollars a unit."""

    price: float


class ConditionRow(Wire):
    """When a tier holds: the members are those of its kind, of usage or of attributes."""

    operator: str
    usage_detail_pattern: str | UnsetType = UNSET
    value: float | UnsetType = UNSET
    case_sensitive: bool | UnsetType = UNSET
    source: AttributeSource | UnsetType = UNSET
    key: str | UnsetType = UNSET
    values: list[str] | UnsetType = UNSET


class TierRow(Wire):
    """One pricing tier; the lowest priority number whose conditions hold is used, else the default."""

    id: str
    name: str
    is_default: bool
    priority: int
    conditions: list[ConditionRow]
    prices: dict[str, float]


class ModelRow(Wire):
    """A definition; the flat prices are those of the default tier."""

    id: str
    model_name: str
    match_pattern: str
    start_date: Instant | None
    unit: Unit
    input_price: float | None
    output_price: float | None
    total_price: float | None
    prices: dict[str, ModelPrice]
    pricing_tiers: list[TierRow]
    tokenizer_id: Tokenizer | None
    tokenizer_config: TokenizerConfigBody | None
    is_langfuse_managed: bool
    created_at: Instant


class Models(Wire):
    """A page of definitions."""

    data: list[ModelRow]
    meta: PageMeta
