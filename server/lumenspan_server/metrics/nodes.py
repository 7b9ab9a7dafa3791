"""GraphQL types of metrics: the query language, and what it can name."""

# The library types its decorators for resolvers of plain classes only.
# mypy: disable-error-code="untyped-decorator"

import strawberry
from strawberry.scalars import JSON

from lumenspan.errors import InvalidInput
from lumenspan.filters import check_conditions
from lumenspan.ids import ProjectId
from lumenspan.metrics.domain import (
    Aggregation,
    Edition,
    Granularity,
    Metric,
    MetricsQuery,
    Order,
    ViewName,
)
from lumenspan.metrics.parsing import MAX_BINS, MAX_ROW_LIMIT
from lumenspan.metrics.rules import DEFAULT_ROW_LIMIT
from lumenspan.metrics.views import VIEWS
from lumenspan_server.gql.context import Info
from lumenspan_server.gql.scalars import Instant

strawberry.enum(ViewName, name="MetricsView", description="What is counted")
strawberry.enum(Aggregation, name="MetricsAggregation")
strawberry.enum(Granularity, name="MetricsGranularity", description="Length of a time bucket, in UTC")
_MAX_PARTS = 20


@strawberry.input
class MetricInput:
    measure: str
    aggregation: Aggregation


@strawberry.input(description="By a dimension, `{aggregation}_{measure}` or time_dimension")
class MetricsOrderInput:
    field: str
    is_descending: bool = False


@strawberry.input
class MetricsQueryInput:
    view: ViewName
    metrics: list[MetricInput]
    dimensions: list[str] = strawberry.field(default_factory=list)
    filters: JSON | None = strawberry.field(
        default=None, description="A list of conditions {type, column, operator, value, key}, as in REST"
    )
    from_timestamp: Instant
    to_timestamp: Instant = strawberry.field(description="Inclusive")
    granularity: Granularity | None = strawberry.field(
        default=None, description="Adds time_dimension to the rows"
    )
    order_by: list[MetricsOrderInput] = strawberry.field(default_factory=list)
    row_limit: int = DEFAULT_ROW_LIMIT
    bins: int = 10

    def to_domain(self) -> MetricsQuery:
        """The query as the service takes it."""
        if not 1 <= self.row_limit <= MAX_ROW_LIMIT:
            raise InvalidInput(f"rowLimit must be between 1 and {MAX_ROW_LIMIT}")
        if not 1 <= self.bins <= MAX_BINS:
            raise InvalidInput(f"bins must be between 1 and {MAX_BINS}")
        if not 1 <= len(self.metrics) <= _MAX_PARTS or len(self.dimensions) > _MAX_PARTS:
            raise InvalidInput(f"Between 1 and {_MAX_PARTS} metrics and at most {_MAX_PARTS} dimensions")
        return MetricsQuery(
            view=self.view,
            metrics=tuple(Metric(each.measure, each.aggregation) for each in self.metrics),
            from_ns=self.from_timestamp,
            to_ns=self.to_timestamp,
            dimensions=tuple(self.dimensions),
            filters=tuple(check_conditions(self.filters or [])),
            granularity=self.granularity,
            order=tuple(Order(each.field, each.is_descending) for each in self.order_by),
            row_limit=self.row_limit,
            bins=self.bins,
        )


@strawberry.type
class MetricsResult:
    rows: JSON = strawberry.field(
        description="Objects of the dimensions, time_dimension and `{aggregation}_{measure}`"
    )


@strawberry.type
class MetricsDimensionNode:
    name: str
    is_high_cardinality: bool


@strawberry.type
class MetricsMeasureNode:
    name: str
    unit: str
    is_numeric: bool = strawberry.field(description="Others can only be counted")


@strawberry.type(description="What queries of a view can name")
class MetricsViewNode:
    view: ViewName
    dimensions: list[MetricsDimensionNode]
    measures: list[MetricsMeasureNode]


async def load_metrics(info: Info, project_id: ProjectId, query: MetricsQueryInput) -> MetricsResult:
    """The rows that answer a query."""
    rows = await info.context.services.metrics.query(project_id, query.to_domain(), Edition.FREE)
    return MetricsResult(rows=JSON(rows))


@strawberry.type
class MetricsQueries:
    @strawberry.field(description="Every view of metrics, with its dimensions and measures")
    def metrics_views(self) -> list[MetricsViewNode]:
        return [
            MetricsViewNode(
                view=view.name,
                dimensions=[
                    MetricsDimensionNode(name=name, is_high_cardinality=each.is_high_cardinality)
                    for name, each in view.dimensions.items()
                ],
                measures=[
                    MetricsMeasureNode(name=name, unit=each.unit, is_numeric=each.is_numeric)
                    for name, each in view.measures.items()
                ],
            )
            for view in VIEWS.values()
        ]
