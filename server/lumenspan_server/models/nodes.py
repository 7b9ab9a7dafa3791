"""GraphQL types of model definitions."""

from decimal import Decimal
from typing import Self

import strawberry

from lumenspan.cursors import decode_cursor, encode_cursor
from lumenspan.ids import ProjectId
from lumenspan.models.domain import (
    AttributeCondition,
    AttributeSource,
    Condition,
    ModelDefinition,
    ModelPage,
    Operator,
    PricingTier,
    Tokenizer,
    TokenizerConfig,
    Unit,
    UsageCondition,
)
from lumenspan_server.gql.context import Info
from lumenspan_server.gql.relay import PageInfo, checked_first
from lumenspan_server.gql.scalars import Instant, instant_of

strawberry.enum(Unit, name="ModelUnit", description="What is counted")
strawberry.enum(Operator, name="TierOperator", description="How summed usage is compared with the value")
strawberry.enum(AttributeSource, name="TierAttributeSource")
strawberry.enum(Tokenizer, name="TokenizerFamily")
MAX_PAGE = 200


@strawberry.type(description="US dollars a unit of one kind of usage")
class PriceEntry:
    key: str
    value: Decimal


@strawberry.type(name="TierUsageCondition", description="The usage whose kind the pattern finds, summed")
class UsageConditionNode:
    pattern: str
    operator: Operator
    value: Decimal
    is_case_sensitive: bool


@strawberry.type(name="TierAttributeCondition", description="A top-level model parameter or metadata value")
class AttributeConditionNode:
    source: AttributeSource
    key: str
    values: list[str]


@strawberry.type(name="PricingTier", description="Prices that hold under all of the conditions")
class PricingTierNode:
    id: strawberry.ID
    name: str
    is_default: bool
    priority: int = strawberry.field(description="0 for the default; others are tried in ascending order")
    usage_conditions: list[UsageConditionNode]
    attribute_conditions: list[AttributeConditionNode]
    prices: list[PriceEntry]

    @classmethod
    def of(cls, tier: PricingTier) -> Self:
        return cls(
            id=strawberry.ID(tier.id),
            name=tier.name,
            is_default=tier.is_default,
            priority=tier.priority,
            usage_conditions=_usage_conditions(tier.conditions),
            attribute_conditions=_attribute_conditions(tier.conditions),
            prices=[PriceEntry(key=key, value=value) for key, value in sorted(tier.prices.items())],
        )


def _usage_conditions(conditions: tuple[Condition, ...]) -> list[UsageConditionNode]:
    return [
        UsageConditionNode(
            pattern=each.pattern,
            operator=each.operator,
            value=each.value,
            is_case_sensitive=each.is_case_sensitive,
        )
        for each in conditions
        if isinstance(each, UsageCondition)
    ]


def _attribute_conditions(conditions: tuple[Condition, ...]) -> list[AttributeConditionNode]:
    return [
        AttributeConditionNode(source=each.source, key=each.key, values=list(each.values))
        for each in conditions
        if isinstance(each, AttributeCondition)
    ]


@strawberry.type(name="TokenizerConfig", description="How the tokens of chat messages are counted")
class TokenizerConfigNode:
    tokenizer_model: str
    tokens_per_message: int
    tokens_per_name: int

    @classmethod
    def of(cls, config: TokenizerConfig) -> Self:
        return cls(
            tokenizer_model=config.tokenizer_model,
            tokens_per_message=config.tokens_per_message,
            tokens_per_name=config.tokens_per_name,
        )


@strawberry.type(name="Model", description="Which names a model goes by and what its usage costs")
class ModelNode:
    id: strawberry.ID
    name: str
    match_pattern: str = strawberry.field(description="Regular expression searched in the name sent")
    start_date: Instant | None = strawberry.field(
        description="It applies only to observations that start at or after this"
    )
    unit: Unit
    tiers: list[PricingTierNode]
    tokenizer: Tokenizer | None
    tokenizer_config: TokenizerConfigNode | None
    is_builtin: bool
    price_source: str = strawberry.field(
        description="The price table and its version, or the revision of the project's own definition"
    )
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, model: ModelDefinition) -> Self:
        start, config = model.start_date, model.tokenizer_config
        return cls(
            id=strawberry.ID(model.id),
            name=model.name,
            match_pattern=model.match_pattern,
            start_date=None if start is None else instant_of(start),
            unit=model.unit,
            tiers=[PricingTierNode.of(tier) for tier in model.tiers],
            tokenizer=model.tokenizer,
            tokenizer_config=None if config is None else TokenizerConfigNode.of(config),
            is_builtin=model.is_builtin,
            price_source=model.provenance,
            created_at=instant_of(model.created_at),
            updated_at=instant_of(model.updated_at),
        )


@strawberry.type
class ModelEdge:
    cursor: str
    node: ModelNode


@strawberry.type
class ModelConnection:
    edges: list[ModelEdge]
    page_info: PageInfo
    total_count: int

    @classmethod
    def of(cls, page: ModelPage, offset: int) -> Self:
        edges = [
            ModelEdge(cursor=encode_cursor([at]), node=ModelNode.of(model))
            for at, model in enumerate(page.models, start=offset + 1)
        ]
        has_next = offset + len(edges) < page.total
        return cls(
            edges=edges,
            page_info=PageInfo.of(
                [edge.cursor for edge in edges], has_next=has_next, has_previous=offset > 0
            ),
            total_count=page.total,
        )


async def load_models(
    info: Info, project_id: ProjectId, first: int, after: str | None, search: str | None
) -> ModelConnection:
    """A page of the definitions whose name holds ``search``, by name."""
    offset = 0 if after is None else max(0, int(decode_cursor(after, [int])[0]))
    page = await info.context.services.models.page(
        project_id, offset=offset, limit=checked_first(first, MAX_PAGE), search=search or ""
    )
    return ModelConnection.of(page, offset)
