"""Queries of the metrics API as JSON (contract, section 6)."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from lumenspan.clock import iso_to_stored_nanos
from lumenspan.errors import InvalidInput
from lumenspan.filters import check_conditions
from lumenspan.metrics.domain import Aggregation, Granularity, Metric, MetricsQuery, Order, ViewName

MAX_BINS, MAX_ROW_LIMIT = 100, 1_000
_MAX_PARTS = 20


def _nanos(value: Any) -> int:
    if not isinstance(value, str):
        raise ValueError("expected an ISO-8601 time")
    return iso_to_stored_nanos(value)


_Instant = Annotated[int, BeforeValidator(_nanos)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Dimension(_Part):
    field: str


class _Metric(_Part):
    measure: str
    aggregation: Aggregation


class _Time(_Part):
    granularity: Granularity


class _Order(_Part):
    field: str
    direction: Annotated[str, Field(pattern="^(asc|desc)$")]


class _Config(_Part):
    bins: Annotated[int, Field(ge=1, le=MAX_BINS)] | None = None
    row_limit: Annotated[int, Field(ge=1, le=MAX_ROW_LIMIT)] | None = Field(
        None, validation_alias=AliasChoices("row_limit", "rowLimit")
    )


class _Query(_Part):
    view: ViewName
    dimensions: Annotated[list[_Dimension], Field(max_length=_MAX_PARTS)] | None = None
    metrics: Annotated[list[_Metric], Field(min_length=1, max_length=_MAX_PARTS)]
    filters: list[Any] | None = None
    time_dimension: _Time | None = Field(None, alias="timeDimension")
    from_timestamp: _Instant = Field(alias="fromTimestamp")
    to_timestamp: _Instant = Field(alias="toTimestamp")
    order_by: Annotated[list[_Order], Field(max_length=_MAX_PARTS)] | None = Field(None, alias="orderBy")
    config: _Config | None = None


def parse_query(text: str) -> MetricsQuery:
    """The query of the ``query`` parameter.

    Raises:
        InvalidInput: no JSON, or a part is missing or does not fit; the message names its path.
    """
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise InvalidInput("Invalid JSON in query parameter") from None
    try:
        query = _Query.model_validate(raw)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "query"
        raise InvalidInput(f"Invalid query: {where}: {problem['msg']}") from None
    config = query.config or _Config()
    return MetricsQuery(
        view=query.view,
        metrics=tuple(Metric(each.measure, each.aggregation) for each in query.metrics),
        from_ns=query.from_timestamp,
        to_ns=query.to_timestamp,
        dimensions=tuple(each.field for each in query.dimensions or ()),
        filters=tuple(check_conditions(query.filters or [])),
        granularity=query.time_dimension.granularity if query.time_dimension else None,
        order=tuple(Order(each.field, each.direction == "desc") for each in query.order_by or ()),
        row_limit=config.row_limit,
        bins=config.bins or 10,
    )
