"""A metrics query as SQL: expressions of the registry put together by SQLAlchemy, values as parameters."""

# Only expressions of this package are put into the text; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from clickhouse_sqlalchemy.drivers.base import ClickHouseDialect
from sqlalchemy import ColumnElement, Label, Select, literal_column, select, text

from lumenspan.filters import Column, to_sql
from lumenspan.ids import ProjectId
from lumenspan.metrics.domain import (
    TIME_DIMENSION,
    Aggregation,
    Granularity,
    Metric,
    MetricsQuery,
)
from lumenspan.metrics.views import DATA_TYPES, TRACES, VIEWS, Measure, View
from lumenspan.storage.clickhouse import Sql

# One more than this is fetched, so that an answer is never cut without a word.
MAX_ROWS = 50_000
# How far the spans of one trace may lie apart for its attributes to be found from any of them.
_TRACE_SPREAD_S = 86_400

_QUANTILES = {
    Aggregation.P50: 0.5,
    Aggregation.P75: 0.75,
    Aggregation.P90: 0.9,
    Aggregation.P95: 0.95,
    Aggregation.P99: 0.99,
}
_BUCKETS = {
    Granularity.MINUTE: "toStartOfMinute(toDateTime({}, 'UTC'))",
    Granularity.HOUR: "toStartOfHour(toDateTime({}, 'UTC'))",
    Granularity.DAY: "toStartOfDay(toDateTime({}, 'UTC'))",
    Granularity.WEEK: "toDateTime(toMonday(toDateTime({}, 'UTC')), 'UTC')",
    Granularity.MONTH: "toDateTime(toStartOfMonth(toDateTime({}, 'UTC')), 'UTC')",
}
_PROJECT = "project_id = {project_id:String}"
_RANGE = (
    "{0} >= fromUnixTimestamp64Nano({{from_ns:Int64}}, 'UTC') "
    "AND {0} <= fromUnixTimestamp64Nano({{to_ns:Int64}}, 'UTC')"
)
# Names differ from the table's columns on purpose: an alias that equals a column would be taken for it.
_TRACE_ATTRIBUTES = """
    max(user_id).2 AS the_user, max(session_id).2 AS the_session, max(release).2 AS the_release,
    max(version).2 AS the_version, max(environment).2 AS the_environment,
    if(max(trace_name).2 = '', max(root_name).2, max(trace_name).2) AS the_name,
    arraySort(groupUniqArrayArray(tags)) AS the_tags"""
_SCORE_COUNT = (
    "SELECT {}, count() AS scores FROM scores FINAL\n"
    "  WHERE project_id = {{project_id:String}} AND is_deleted = 0 AND {} != ''"
)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A query with what the registry says of it.

    Attributes:
        columns: those that filters name.
        joins: the other tables that dimensions, measures and filters read.
        spread: the ARRAY JOIN that makes several rows of one, or empty.
    """

    query: MetricsQuery
    view: View
    columns: dict[str, Column]
    joins: frozenset[str]
    spread: str

    @classmethod
    def of(cls, query: MetricsQuery) -> Self:
        view = VIEWS[query.view]
        columns: dict[str, Column] = {}
        used = [view.dimensions[name] for name in query.dimensions]
        for condition in query.filters:
            found = view.column(condition.column)
            if found is not None:
                columns[condition.column] = found[0]
                used.append(found[1])
        joins = {join for each in used for join in each.joins}
        joins |= {join for metric in query.metrics for join in view.measures[metric.measure].joins}
        return cls(
            query=query,
            view=view,
            columns=columns,
            joins=frozenset(joins),
            spread=next((each.spread for each in used if each.spread), ""),
        )


def build(project_id: ProjectId, query: MetricsQuery) -> Sql:
    """SQL of a query that ``rules.resolve`` has returned; its columns are the keys of the rows."""
    plan = _Plan.of(query)
    conditions, params = to_sql(query.filters, plan.columns)
    statement = select(*_columns(plan)).select_from(text(_SOURCES[plan.view.time.split(".")[0]](plan)))
    for condition in (*_own_conditions(plan.view), *conditions):
        statement = statement.where(literal_column(condition))
    params |= {"project_id": project_id, "from_ns": query.from_ns, "to_ns": query.to_ns}
    if query.view in DATA_TYPES:
        params["data_types"] = list(DATA_TYPES[query.view])
    limit = MAX_ROWS + 1 if query.row_limit is None else query.row_limit
    return Sql(_text(_ordered(statement, query).limit(literal_column(str(limit)))), params)


def _columns(plan: _Plan) -> Iterator[Label[Any]]:
    query, view = plan.query, plan.view
    for name in query.dimensions:
        yield literal_column(view.dimensions[name].group_expression).label(name)
    if query.granularity is not None:
        yield literal_column(_BUCKETS[query.granularity].format(view.time)).label(TIME_DIMENSION)
    for metric in query.metrics:
        expression = _aggregated(metric, view.measures[metric.measure], query.bins, plan.spread)
        yield literal_column(expression).label(metric.key)


def _aggregated(metric: Metric, measure: Measure, bins: int, spread: str) -> str:
    """SQL of a metric: sums of money are exact, everything leaves as a float or a whole number."""
    value = measure.expression
    if measure.spread and measure.spread == spread:
        value = measure.spread_expression
    match metric.aggregation:
        case Aggregation.UNIQ:
            return f"uniq({value})"
        case Aggregation.COUNT:
            return f"{'uniq' if measure.is_distinct else 'count'}({value})"
        case Aggregation.SUM:
            return f"toFloat64(sum({value}))" if measure.unit == "USD" else f"sum({value})"
        case Aggregation.AVG:
            return f"avgOrNull(toFloat64({value}))"
        case Aggregation.MIN | Aggregation.MAX:
            return f"{metric.aggregation}OrNull(toFloat64({value}))"
        case Aggregation.HISTOGRAM:
            return f"histogram({bins})(toFloat64({value}))"
    return f"quantileOrNull({_QUANTILES[metric.aggregation]})(toFloat64({value}))"


def _ordered(statement: Select[Any], query: MetricsQuery) -> Select[Any]:
    keys = [*query.dimensions, *([TIME_DIMENSION] if query.granularity else [])]
    statement = statement.group_by(*(literal_column(f"`{key}`") for key in keys))
    order = [(each.field, each.is_descending) for each in query.order]
    if not order:
        order = [(TIME_DIMENSION, False)] if query.granularity else [(query.metrics[0].key, True)]
    # Ties are broken by the dimensions, so that the same question has the same answer.
    named = {field for field, _ in order}
    order += [(key, False) for key in keys if key not in named]
    for field, is_descending in order:
        column: ColumnElement[Any] = literal_column(f"`{field}`")
        column = column.desc() if is_descending else column.asc()
        statement = statement.order_by(column)
    return statement


def _text(statement: Select[Any]) -> str:
    # The dialect doubles percent signs for drivers that format; ours does not.
    return str(statement.compile(dialect=ClickHouseDialect())).replace("%%", "%")


def _own_conditions(view: View) -> list[str]:
    if view is TRACES:
        return [_RANGE.format("t.start_time")]
    alias = view.time.split(".")[0]
    conditions = [f"{alias}.{_PROJECT}", f"{alias}.is_deleted = 0", _RANGE.format(view.time)]
    if view.name in DATA_TYPES:
        conditions.append(f"{alias}.data_type IN {{data_types:Array(String)}}")
    return conditions


def _seconds(instant_ns: int, shift_s: int) -> int:
    return min(max(instant_ns // 10**9 + shift_s, 0), 2**32 - 1)


def _buckets(query: MetricsQuery) -> str:
    """The part of the rollup that can know of traces within the range."""
    low, high = _seconds(query.from_ns, -_TRACE_SPREAD_S), _seconds(query.to_ns, _TRACE_SPREAD_S)
    return f"bucket >= toDateTime({low}) AND bucket <= toDateTime({high})"


def _trace_attributes(condition: str) -> str:
    return (
        f"\nLEFT JOIN (SELECT trace_id,{_TRACE_ATTRIBUTES} FROM trace_rollup"
        f" WHERE {_PROJECT} AND {condition} GROUP BY trace_id) AS t ON t.trace_id = "
    )


def _observations(plan: _Plan) -> str:
    rows = f"observations AS o FINAL\n{plan.spread}"
    if "t" in plan.joins:
        rows += _trace_attributes(_buckets(plan.query)) + "o.trace_id"
    if "s" in plan.joins:
        counted = _SCORE_COUNT.format("trace_id, observation_id", "observation_id")
        rows += (
            f"\nLEFT JOIN ({counted} GROUP BY trace_id, observation_id) AS s"
            " ON s.trace_id = o.trace_id AND s.observation_id = o.id"
        )
    return rows


def _traces(plan: _Plan) -> str:
    rows = (
        "(SELECT *, began AS start_time, ended AS end_time FROM (\n"
        f"  SELECT trace_id,{_TRACE_ATTRIBUTES}, min(start_time) AS began, max(end_time) AS ended\n"
        f"  FROM trace_rollup WHERE {_PROJECT} AND {_buckets(plan.query)} GROUP BY trace_id\n"
        "  HAVING max(hidden_at) < max(updated_at))) AS t"
    )
    if "n" in plan.joins:
        root = "argMinIf(metadata, (start_time, id), parent_id = '' OR is_app_root)"
        is_filtered = "metadata" in plan.columns
        rows += (
            "\nLEFT JOIN (SELECT trace_id, count() AS observations, sum(total_tokens) AS tokens,\n"
            "  sum(total_cost) AS cost_sum"
            f"{f', {root} AS root_metadata' if is_filtered else ''}\n"
            f"  FROM observations FINAL WHERE {_PROJECT} AND is_deleted = 0"
            " AND start_time >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')"
            " GROUP BY trace_id) AS n ON n.trace_id = t.trace_id"
        )
    if "s" in plan.joins:
        counted = _SCORE_COUNT.format("trace_id", "trace_id")
        rows += f"\nLEFT JOIN ({counted} GROUP BY trace_id) AS s ON s.trace_id = t.trace_id"
    return rows


def _scores(plan: _Plan) -> str:
    rows = "scores AS s FINAL"
    in_range = _RANGE.format("timestamp")
    scored = f"(SELECT trace_id FROM scores WHERE {_PROJECT} AND {in_range} AND trace_id != '')"
    if "t" in plan.joins:
        rows += _trace_attributes(f"trace_id IN {scored}") + "s.trace_id"
    if "o" in plan.joins:
        rows += (
            "\nLEFT JOIN (SELECT trace_id, id, name, model, prompt_name, prompt_version, experiment\n"
            f"  FROM observations FINAL WHERE {_PROJECT} AND is_deleted = 0 AND trace_id IN {scored}) AS o"
            " ON o.trace_id = s.trace_id AND o.id = s.observation_id"
        )
    return rows


_SOURCES = {"o": _observations, "t": _traces, "s": _scores}
