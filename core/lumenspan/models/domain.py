"""A model definition: the names it stands for, its tokenizer, what a unit of each kind of usage costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NewType

from lumenspan.ids import ProjectId

ModelId = NewType("ModelId", str)


class Unit(StrEnum):
    """What is counted."""

    TOKENS = "TOKENS"
    CHARACTERS = "CHARACTERS"
    MILLISECONDS = "MILLISECONDS"
    SECONDS = "SECONDS"
    IMAGES = "IMAGES"
    REQUESTS = "REQUESTS"


class Operator(StrEnum):
    """How the sum of the matching usage is compared with a condition's value."""

    GREATER = "gt"
    GREATER_OR_EQUAL = "gte"
    LESS = "lt"
    LESS_OR_EQUAL = "lte"
    EQUAL = "eq"
    NOT_EQUAL = "neq"


class AttributeSource(StrEnum):
    """Where an attribute condition looks."""

    MODEL_PARAMETERS = "model_parameters"
    METADATA = "metadata"


class Tokenizer(StrEnum):
    """A family of tokenizers, as the API names them."""

    OPENAI = "openai"
    CLAUDE = "claude"


@dataclass(frozen=True, slots=True)
class UsageCondition:
    """Holds when the sum of all usage whose kind ``pattern`` finds compares with ``value``."""

    pattern: str
    operator: Operator
    value: Decimal
    is_case_sensitive: bool = False


@dataclass(frozen=True, slots=True)
class AttributeCondition:
    """Holds when the top-level ``key`` is a scalar whose text is exactly one of ``values``."""

    source: AttributeSource
    key: str
    values: tuple[str, ...]


Condition = UsageCondition | AttributeCondition


@dataclass(frozen=True, slots=True)
class PricingTier:
    """Prices that hold under all of ``conditions``.

    Attributes:
        priority: 0 for the default tier, others are tried in ascending order.
        prices: US dollars a unit, by kind of usage.
    """

    id: str
    name: str
    is_default: bool
    priority: int
    conditions: tuple[Condition, ...]
    prices: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class TokenizerConfig:
    """How chat messages are counted: the tokens that each message and each name add."""

    tokenizer_model: str
    tokens_per_message: int = 0
    tokens_per_name: int = 0


@dataclass(frozen=True, slots=True)
class ModelDefinition:
    """One version of a definition; an edit makes the next revision and keeps this one readable.

    Attributes:
        project_id: None for a built-in definition.
        match_pattern: regular expression searched in the name that a client sends.
        start_date: applies only to observations that start at or after it; None for all.
        revision: counts from 1 for a project's own definition; 0 for a built-in one.
        source: where the prices come from: ``project`` or the built-in table and its version.
    """

    id: ModelId
    project_id: ProjectId | None
    name: str
    match_pattern: str
    start_date: datetime | None
    unit: Unit
    tiers: tuple[PricingTier, ...]
    tokenizer: Tokenizer | None
    tokenizer_config: TokenizerConfig | None
    created_at: datetime
    updated_at: datetime
    revision: int = 0
    source: str = "project"

    @property
    def is_builtin(self) -> bool:
        return self.project_id is None

    @property
    def default_tier(self) -> PricingTier | None:
        """The tier without conditions; None where the definition has no prices."""
        return next((tier for tier in self.tiers if tier.is_default), None)

    @property
    def provenance(self) -> str:
        """Names the exact prices: the built-in table's version, or the revision of the project's own."""
        return self.source if self.is_builtin else f"{self.source} revision {self.revision}"


@dataclass(frozen=True, slots=True)
class NewTier:
    """A tier as a caller gives it."""

    name: str
    is_default: bool
    priority: int
    conditions: tuple[Condition, ...]
    prices: Mapping[str, Decimal]
    id: str | None = None


@dataclass(frozen=True, slots=True)
class NewModel:
    """A definition as a caller gives it: either flat prices or tiers."""

    name: str
    match_pattern: str
    start_date: datetime | None = None
    unit: Unit = Unit.TOKENS
    input_price: Decimal | None = None
    output_price: Decimal | None = None
    total_price: Decimal | None = None
    tiers: tuple[NewTier, ...] = ()
    tokenizer: Tokenizer | None = None
    tokenizer_config: TokenizerConfig | None = None


@dataclass(frozen=True, slots=True)
class ModelPage:
    """A page of definitions in order, and how many there are in all."""

    models: list[ModelDefinition]
    total: int


@dataclass(frozen=True, slots=True)
class Priced:
    """What was found out for one observation.

    Attributes:
        usage: with ``total``.
        cost: US dollars by kind, with ``total`` where it is known.
        model_id, tier_id, tier_name, price_source: what chose the prices; empty where none did.
        usage_source: ``provided``, ``tokenizer``, ``estimated`` or empty.
        cost_source: ``provided``, ``calculated`` or empty.
    """

    usage: Mapping[str, int]
    cost: Mapping[str, Decimal]
    model_id: str = ""
    tier_id: str = ""
    tier_name: str = ""
    price_source: str = ""
    usage_source: str = ""
    cost_source: str = ""
