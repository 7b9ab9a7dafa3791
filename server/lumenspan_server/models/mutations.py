"""GraphQL mutations of model definitions."""

# The library types its decorators for resolvers of plain classes only.
# mypy: disable-error-code="untyped-decorator"

from decimal import Decimal

import strawberry

from lumenspan.clock import nanos_to_datetime
from lumenspan.identity.domain import Role
from lumenspan.ids import ProjectId
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
from lumenspan_server.gql.context import Info
from lumenspan_server.gql.scalars import Instant
from lumenspan_server.models.nodes import ModelNode

PERMISSIONS = {
    "createModel": "MEMBER of the project",
    "replaceModel": "MEMBER of the project",
    "deleteModel": "MEMBER of the project",
}


@strawberry.input
class PriceInput:
    key: str
    value: Decimal


@strawberry.input
class TierUsageConditionInput:
    pattern: str
    operator: Operator
    value: Decimal
    is_case_sensitive: bool = False


@strawberry.input
class TierAttributeConditionInput:
    source: AttributeSource
    key: str
    values: list[str]


@strawberry.input
class PricingTierInput:
    name: str
    prices: list[PriceInput]
    is_default: bool = False
    priority: int = 0
    usage_conditions: list[TierUsageConditionInput] = strawberry.field(default_factory=list)
    attribute_conditions: list[TierAttributeConditionInput] = strawberry.field(default_factory=list)


@strawberry.input
class TokenizerConfigInput:
    tokenizer_model: str
    tokens_per_message: int = 0
    tokens_per_name: int = 0


@strawberry.input
class ModelInput:
    name: str
    match_pattern: str
    tiers: list[PricingTierInput]
    start_date: Instant | None = None
    unit: Unit = Unit.TOKENS
    tokenizer: Tokenizer | None = None
    tokenizer_config: TokenizerConfigInput | None = None


@strawberry.input
class CreateModelInput:
    project_id: strawberry.ID
    model: ModelInput


@strawberry.input
class ReplaceModelInput:
    project_id: strawberry.ID
    id: strawberry.ID
    model: ModelInput


@strawberry.input
class DeleteModelInput:
    project_id: strawberry.ID
    id: strawberry.ID


@strawberry.type
class ModelMutation:
    """Each parses its input, calls one method of the service and converts the answer."""

    @strawberry.mutation
    async def create_model(self, info: Info, input: CreateModelInput) -> ModelNode:
        project_id = await _writable(info, input.project_id)
        made = await info.context.services.models.create(project_id, _to_model(input.model))
        return ModelNode.of(made)

    @strawberry.mutation(description="Put a definition in the place of the project's own of that id")
    async def replace_model(self, info: Info, input: ReplaceModelInput) -> ModelNode:
        project_id = await _writable(info, input.project_id)
        made = await info.context.services.models.replace(project_id, input.id, _to_model(input.model))
        return ModelNode.of(made)

    @strawberry.mutation(description="What the definition priced keeps its cost")
    async def delete_model(self, info: Info, input: DeleteModelInput) -> bool:
        project_id = await _writable(info, input.project_id)
        await info.context.services.models.delete(project_id, input.id)
        return True


async def _writable(info: Info, id_: strawberry.ID) -> ProjectId:
    principal = await info.context.principal()
    project = await info.context.services.identity.require_project(principal, ProjectId(id_), Role.MEMBER)
    return project.id


def _to_model(given: ModelInput) -> NewModel:
    config = given.tokenizer_config
    return NewModel(
        name=given.name,
        match_pattern=given.match_pattern,
        start_date=None if given.start_date is None else nanos_to_datetime(given.start_date),
        unit=given.unit,
        tiers=tuple(_to_tier(tier) for tier in given.tiers),
        tokenizer=given.tokenizer,
        tokenizer_config=None
        if config is None
        else TokenizerConfig(config.tokenizer_model, config.tokens_per_message, config.tokens_per_name),
    )


def _to_tier(tier: PricingTierInput) -> NewTier:
    conditions: list[Condition] = [
        UsageCondition(each.pattern, each.operator, each.value, each.is_case_sensitive)
        for each in tier.usage_conditions
    ]
    conditions += [
        AttributeCondition(each.source, each.key, tuple(each.values)) for each in tier.attribute_conditions
    ]
    prices = {price.key: price.value for price in tier.prices}
    return NewTier(tier.name, tier.is_default, tier.priority, tuple(conditions), prices)
