"""Tools of metrics: what can be asked, and asking it."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from lumenspan.metrics.domain import Aggregation, Edition, Granularity
from lumenspan.metrics.parsing import parse_query
from lumenspan.metrics.views import VIEWS, Dimension, Measure, View
from lumenspan_server.mcp.conditions import Filter
from lumenspan_server.mcp.tools import Arguments, Call, Instant, Nothing, Tool, tool

TOOLS: list[Tool] = []

_VIEWS = tuple(view for view in VIEWS.values() if Edition.V2 in view.editions)
_Parts = Meta(max_length=20)


class QueryDimension(Arguments):
    """What rows are grouped by."""

    field: str


class QueryMetric(Arguments):
    """A number of each group."""

    measure: str
    aggregation: Aggregation


class QueryTime(Arguments):
    """Buckets of time."""

    granularity: Granularity


class QueryOrder(Arguments):
    """By a dimension, {aggregation}_{measure} or time_dimension."""

    field: str
    direction: Literal["asc", "desc"]


class QueryConfig(Arguments, rename=None):
    """Limits."""

    row_limit: Annotated[int, Meta(ge=1, le=1_000)] | None = None
    bins: Annotated[int, Meta(ge=1, le=100, description="Of histograms")] | None = None


class Query(Arguments):
    """A question about numbers."""

    view: Literal["observations", "scores-numeric", "scores-categorical", "scores-boolean"]
    metrics: Annotated[tuple[QueryMetric, ...], Meta(min_length=1, max_length=20)]
    from_timestamp: Instant
    to_timestamp: Instant
    dimensions: Annotated[tuple[QueryDimension, ...], _Parts] | None = None
    filters: Filter | None = None
    time_dimension: QueryTime | None = None
    order_by: Annotated[tuple[QueryOrder, ...], _Parts] | None = None
    config: QueryConfig | None = None


@tool(
    TOOLS,
    "getMetricsSchema",
    "The views, dimensions, measures and aggregations that queryMetrics knows",
    is_read_only=True,
)
async def get_schema(call: Call, given: Nothing) -> Any:
    return {
        "views": [_view(each) for each in _VIEWS],
        "aggregations": list(Aggregation),
        "granularities": list(Granularity),
    }


def _view(view: View) -> dict[str, Any]:
    return {
        "name": view.name,
        "timeColumn": view.time_column,
        "dimensions": [_dimension(name, each) for name, each in view.dimensions.items()],
        "measures": [_measure(name, each) for name, each in view.measures.items()],
    }


def _dimension(name: str, dimension: Dimension) -> dict[str, Any]:
    return {"name": name, "kind": dimension.kind, "isHighCardinality": dimension.is_high_cardinality}


def _measure(name: str, measure: Measure) -> dict[str, Any]:
    return {"name": name, "unit": measure.unit or None, "isNumeric": measure.is_numeric}


@tool(
    TOOLS,
    "queryMetrics",
    "Numbers of observations or scores by dimensions and time, such as cost by model and day",
    is_read_only=True,
)
async def query_metrics(call: Call, given: Query) -> Any:
    whole = msgspec.to_builtins(given)
    text = msgspec.json.encode({name: value for name, value in whole.items() if value is not None})
    query = parse_query(text.decode())
    return {"data": await call.services.metrics.query(call.project_id, query, Edition.V2)}
