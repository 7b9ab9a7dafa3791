"""Definitions for the tests of pricing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from lumenspan.ids import ProjectId
from lumenspan.models.builtin import BuiltinModels
from lumenspan.models.domain import (
    Condition,
    ModelDefinition,
    ModelId,
    PricingTier,
    Tokenizer,
    TokenizerConfig,
    Unit,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NO_BUILTIN = BuiltinModels({"source": "test", "version": "1", "made_at": "2026-01-01", "models": []})


def tier(
    name: str = "Standard",
    priority: int = 0,
    conditions: Sequence[Condition] = (),
    prices: Mapping[str, str] | None = None,
) -> PricingTier:
    given = {"input": "0.001", "output": "0.002"} if prices is None else prices
    amounts = {kind: Decimal(price) for kind, price in given.items()}
    return PricingTier(name, name, priority == 0, priority, tuple(conditions), amounts)


def model(
    name: str = "m",
    pattern: str | None = None,
    *,
    tiers: Sequence[PricingTier] | None = None,
    start_date: datetime | None = None,
    tokenizer: Tokenizer | None = None,
    config: TokenizerConfig | None = None,
    id_: str | None = None,
) -> ModelDefinition:
    return ModelDefinition(
        id=ModelId(id_ or name),
        project_id=ProjectId("p"),
        name=name,
        match_pattern=pattern if pattern is not None else f"(?i)^{name}$",
        start_date=start_date,
        unit=Unit.TOKENS,
        tiers=tuple(tiers) if tiers is not None else (tier(),),
        tokenizer=tokenizer,
        tokenizer_config=config,
        created_at=NOW,
        updated_at=NOW,
        revision=1,
    )
