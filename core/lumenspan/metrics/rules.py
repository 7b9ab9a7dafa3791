"""What a metrics query may ask: names of the registry, aggregations that fit, limits of each edition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lumenspan.errors import InvalidInput
from lumenspan.metrics.domain import (
    TIME_DIMENSION,
    Aggregation,
    Edition,
    Granularity,
    Metric,
    MetricsQuery,
    Order,
)
from lumenspan.metrics.views import VIEWS, View

DEFAULT_ROW_LIMIT = 100
_HOUR_NS = 3_600 * 10**9
_DAY_NS = 24 * _HOUR_NS
# The range below which the granularity is fine enough.
_AUTO = (
    (2 * _HOUR_NS, Granularity.MINUTE),
    (72 * _HOUR_NS, Granularity.HOUR),
    (60 * _DAY_NS, Granularity.DAY),
    (365 * _DAY_NS, Granularity.WEEK),
)
_OF_TEXT = frozenset({Aggregation.COUNT, Aggregation.UNIQ})


def resolve(query: MetricsQuery, edition: Edition) -> MetricsQuery:
    """The query with everything that was left open: granularity, order, limit.

    Raises:
        InvalidInput: it names what there is not, or asks for more than the edition allows.
    """
    if query.from_ns >= query.to_ns:
        raise InvalidInput("fromTimestamp must be before toTimestamp")
    view = VIEWS[query.view]
    if edition not in view.editions:
        allowed = ", ".join(name for name, each in VIEWS.items() if edition in each.editions)
        raise InvalidInput(f"Invalid view {query.view}. Must be one of {allowed}")
    _check_names(query, view, edition)
    if query.granularity is Granularity.AUTO:
        query = replace(query, granularity=automatic(query.to_ns - query.from_ns))
    keys = [*query.dimensions, *(metric.key for metric in query.metrics)]
    if query.granularity is not None:
        keys.append(TIME_DIMENSION)
    query = replace(query, order=tuple(_order(each, query, keys) for each in query.order))
    if edition is Edition.V2:
        _check_cardinality(query, view)
    if edition is not Edition.V1 and query.row_limit is None:
        query = replace(query, row_limit=DEFAULT_ROW_LIMIT)
    return query


def automatic(range_ns: int) -> Granularity:
    """The granularity of ``auto`` for a range."""
    return next((granularity for bound, granularity in _AUTO if range_ns < bound), Granularity.MONTH)


def _check_names(query: MetricsQuery, view: View, edition: Edition) -> None:
    is_first = edition is Edition.V1
    dimensions = [name for name, each in view.dimensions.items() if not (is_first and each.is_new)]
    measures = [name for name, each in view.measures.items() if not (is_first and each.is_new)]
    for name in query.dimensions:
        if name not in dimensions:
            raise InvalidInput(f"Invalid dimension {name}. Must be one of {_listed(dimensions)}")
    for metric in query.metrics:
        _check_metric(metric, view, measures)
    for names, what in ((query.dimensions, "dimension"), ([each.key for each in query.metrics], "metric")):
        if len(set(names)) < len(names):
            raise InvalidInput(f"A {what} is named twice")
    for condition in query.filters:
        found = view.column(condition.column)
        if found is None or (is_first and found[1].is_new):
            allowed = _listed([*dimensions, "metadata", view.time_column])
            raise InvalidInput(f"Invalid filter column {condition.column}. Must be one of {allowed}")
    columns = {*query.dimensions, *(each.column for each in query.filters)}
    if {"costType", "usageType"} <= columns:
        raise InvalidInput("costType and usageType cannot be asked for together")


def _check_metric(metric: Metric, view: View, measures: list[str]) -> None:
    if metric.measure not in measures:
        raise InvalidInput(f"Invalid metric {metric.measure}. Must be one of {_listed(measures)}")
    if not view.measures[metric.measure].is_numeric and metric.aggregation not in _OF_TEXT:
        raise InvalidInput(
            f"Aggregation {metric.aggregation} is not valid for {metric.measure}, which is no number: "
            "count and uniq are"
        )


def _order(order: Order, query: MetricsQuery, keys: list[str]) -> Order:
    """The order by a key of the answer; the documentation also writes ``{measure}_{aggregation}``."""
    field = next(
        (each.key for each in query.metrics if order.field == f"{each.measure}_{each.aggregation}"),
        order.field,
    )
    if field not in keys:
        raise InvalidInput(f"Invalid orderBy field {order.field}. Must be one of {_listed(keys)}")
    return Order(field, order.is_descending)


def _check_cardinality(query: MetricsQuery, view: View) -> None:
    many = [name for name in query.dimensions if view.dimensions[name].is_high_cardinality]
    if not many:
        return
    by_metric = any(
        order.is_descending and order.field in {metric.key for metric in query.metrics}
        for order in query.order
    )
    if query.row_limit is None or not by_metric or query.granularity is not None:
        raise InvalidInput(
            f"Dimension {many[0]} has too many values to group by alone: give config.row_limit and a "
            "descending orderBy on a metric, and no timeDimension; or use it in a filter"
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
