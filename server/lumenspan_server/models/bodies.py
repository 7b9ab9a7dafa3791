"""Bodies of ``POST`` and ``PUT /api/public/models`` as definitions."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, Tag
from pydantic.types import Discriminator, StringConstraints

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

_Name = Annotated[StrictStr, StringConstraints(min_length=1, max_length=1_000)]
# JSON numbers that are whole come as int, all others as float; text is refused as documented.
_Price = Annotated[StrictInt | Annotated[float, Field(strict=True, allow_inf_nan=False)], Field(ge=0)]
_Count = Annotated[StrictInt, Field(ge=-1_000, le=1_000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore")


class UsageConditionBody(_Body):
    """Sums the usage whose kind the pattern finds."""

    usageDetailPattern: StrictStr
    operator: Operator
    value: _Price
    caseSensitive: StrictBool = False


class AttributeConditionBody(_Body):
    """Looks at a top-level model parameter or metadata value."""

    source: AttributeSource
    key: StrictStr
    operator: Literal["in"]
    values: list[StrictStr]


def _kind(condition: Any) -> str:
    return "attribute" if isinstance(condition, dict) and "source" in condition else "usage"


_Condition = Annotated[
    Annotated[UsageConditionBody, Tag("usage")] | Annotated[AttributeConditionBody, Tag("attribute")],
    Discriminator(_kind),
]


class TierBody(_Body):
    """One pricing tier."""

    name: _Name
    isDefault: StrictBool
    priority: StrictInt
    conditions: list[_Condition]
    prices: dict[str, _Price]


class TokenizerConfigBody(_Body):
    """How the tokens of chat messages are counted."""

    tokenizerModel: _Name
    tokensPerMessage: _Count = 0
    tokensPerName: _Count = 0


class ModelBody(_Body):
    """A definition with flat prices or with tiers."""

    modelName: _Name
    matchPattern: _Name
    startDate: AwareDatetime | None = None
    unit: Unit | None = None
    inputPrice: _Price | None = None
    outputPrice: _Price | None = None
    totalPrice: _Price | None = None
    pricingTiers: list[TierBody] | None = None
    tokenizerId: Tokenizer | None = None
    tokenizerConfig: TokenizerConfigBody | None = None

    def to_model(self) -> NewModel:
        """What the service takes; its rules are checked there."""
        config = self.tokenizerConfig
        return NewModel(
            name=self.modelName,
            match_pattern=self.matchPattern,
            start_date=self.startDate,
            unit=self.unit or Unit.TOKENS,
            input_price=_decimal(self.inputPrice),
            output_price=_decimal(self.outputPrice),
            total_price=_decimal(self.totalPrice),
            tiers=tuple(_to_tier(tier) for tier in self.pricingTiers or ()),
            tokenizer=self.tokenizerId,
            tokenizer_config=None
            if config is None
            else TokenizerConfig(config.tokenizerModel, config.tokensPerMessage, config.tokensPerName),
        )


def _to_tier(tier: TierBody) -> NewTier:
    prices = {kind: Decimal(repr(price)) for kind, price in tier.prices.items()}
    conditions = tuple(_to_condition(condition) for condition in tier.conditions)
    return NewTier(tier.name, tier.isDefault, tier.priority, conditions, prices)


def _to_condition(condition: UsageConditionBody | AttributeConditionBody) -> Condition:
    if isinstance(condition, UsageConditionBody):
        return UsageCondition(
            condition.usageDetailPattern,
            condition.operator,
            Decimal(repr(condition.value)),
            condition.caseSensitive,
        )
    return AttributeCondition(condition.source, condition.key, tuple(condition.values))


def _decimal(price: float | None) -> Decimal | None:
    """The number as it was written: the shortest text that reads as this float."""
    return None if price is None else Decimal(repr(price))
