"""Tools of model definitions."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from lumenspan.clock import nanos_to_datetime
from lumenspan.models.domain import (
    AttributeCondition,
    AttributeSource,
    Condition,
    NewModel,
    NewTier,
    Operator,
    Tokenizer,
    Unit,
    UsageCondition,
)
from lumenspan_server.mcp.tools import (
    Arguments,
    BadArguments,
    Call,
    Instant,
    Paged,
    Tool,
    nanos,
    page_of,
    tool,
)
from lumenspan_server.models.rest import to_row
from lumenspan_server.models.wire import TokenizerConfigBody, optional_price, price_of

TOOLS: list[Tool] = []

_Name = Annotated[str, Meta(min_length=1, max_length=1_000)]
_Price = Annotated[float, Meta(ge=0, description="US dollars a unit")]


class TierCondition(Arguments):
    """Of usage: usageDetailPattern, operator, value; of an attribute: source, key, operator in, values."""

    operator: Literal["gt", "gte", "lt", "lte", "eq", "neq", "in"]
    usage_detail_pattern: Annotated[str, Meta(max_length=200)] | None = None
    value: Annotated[float, Meta(ge=0)] | None = None
    case_sensitive: bool = False
    source: AttributeSource | None = None
    key: str | None = None
    values: tuple[str, ...] | None = None

    def to_domain(self) -> Condition:
        """The condition; BadArguments where it is neither kind."""
        if self.source is not None:
            if self.operator != "in" or self.key is None or self.values is None:
                raise BadArguments("A condition with a source needs key, values and the operator in")
            return AttributeCondition(self.source, self.key, self.values)
        if self.operator == "in" or self.usage_detail_pattern is None or self.value is None:
            raise BadArguments("A condition needs usageDetailPattern, operator and value, or a source")
        return UsageCondition(
            self.usage_detail_pattern, Operator(self.operator), price_of(self.value), self.case_sensitive
        )


class Tier(Arguments):
    """Prices that hold under all of the conditions."""

    name: _Name
    is_default: bool
    priority: Annotated[int, Meta(ge=0, le=999)]
    prices: Annotated[dict[str, _Price], Meta(description="By kind of usage")]
    conditions: Annotated[tuple[TierCondition, ...], Meta(max_length=100)] = ()

    def to_domain(self) -> NewTier:
        """The tier."""
        prices = {kind: price_of(price) for kind, price in self.prices.items()}
        conditions = tuple(each.to_domain() for each in self.conditions)
        return NewTier(self.name, self.is_default, self.priority, conditions, prices)


class TokenizerSettings(TokenizerConfigBody, forbid_unknown_fields=True):
    """How chat messages are counted."""


class CreateModel(Arguments):
    """A definition with flat prices or with tiers."""

    model_name: _Name
    match_pattern: Annotated[_Name, Meta(description="Regular expression of the names it stands for")]
    start_date: Instant | None = None
    unit: Unit | None = None
    input_price: _Price | None = None
    output_price: _Price | None = None
    total_price: Annotated[_Price, Meta(description="Excludes the other two")] | None = None
    pricing_tiers: Annotated[tuple[Tier, ...], Meta(max_length=100)] | None = None
    tokenizer_id: Tokenizer | None = None
    tokenizer_config: TokenizerSettings | None = None


class ModelById(Arguments):
    """Which definition."""

    model_id: Annotated[str, Meta(min_length=1)]


@tool(
    TOOLS,
    "listModels",
    "Model definitions with their prices: those of the project and the built-in ones",
    is_read_only=True,
)
async def list_models(call: Call, given: Paged) -> Any:
    offset = (given.page - 1) * given.limit
    found = await call.services.models.page(call.project_id, offset=offset, limit=given.limit)
    return page_of([to_row(each) for each in found.models], given, found.total)


@tool(TOOLS, "getModel", "One model definition", is_read_only=True)
async def get_model(call: Call, given: ModelById) -> Any:
    return to_row(await call.services.models.get(call.project_id, given.model_id))


@tool(TOOLS, "createModel", "Define a model of the project: the names it stands for and its prices")
async def create_model(call: Call, given: CreateModel) -> Any:
    start_ns, config = nanos(given.start_date, "startDate"), given.tokenizer_config
    new = NewModel(
        name=given.model_name,
        match_pattern=given.match_pattern,
        start_date=None if start_ns is None else nanos_to_datetime(start_ns),
        unit=given.unit or Unit.TOKENS,
        input_price=optional_price(given.input_price),
        output_price=optional_price(given.output_price),
        total_price=optional_price(given.total_price),
        tiers=tuple(each.to_domain() for each in given.pricing_tiers or ()),
        tokenizer=given.tokenizer_id,
        tokenizer_config=None if config is None else config.to_domain(),
    )
    return to_row(await call.services.models.create(call.project_id, new))


@tool(
    TOOLS,
    "deleteModel",
    "Delete a model definition of the project; built-in ones cannot be deleted",
    is_destructive=True,
    is_idempotent=True,
)
async def delete_model(call: Call, given: ModelById) -> Any:
    await call.services.models.delete(call.project_id, given.model_id)
    return {"message": "Model successfully deleted"}
