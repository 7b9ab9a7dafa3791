"""The daily summary: traces, observations, cost and usage by model of each day in UTC."""

# Only names of this package are put into the text; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from typing import Any

from lumenspan.filters import Column, Condition, Kind, to_sql
from lumenspan.ids import ProjectId
from lumenspan.metrics.domain import DailyMetrics, DailyModelUsage
from lumenspan.storage.clickhouse import Sql

# What the summary can be restricted to: attributes of the trace.
COLUMNS = {
    name: Column(kind, expression, name)
    for name, kind, expression in (
        ("traceName", Kind.STRING, "the_name"),
        ("userId", Kind.STRING, "the_user"),
        ("tags", Kind.STRINGS, "the_tags"),
        ("environment", Kind.STRING, "the_environment"),
        ("timestamp", Kind.DATETIME, "began"),
    )
}
_TRACES = """SELECT trace_id, min(start_time) AS began, max(user_id).2 AS the_user,
    max(environment).2 AS the_environment, groupUniqArrayArray(tags) AS the_tags,
    if(max(trace_name).2 = '', max(root_name).2, max(trace_name).2) AS the_name
  FROM trace_rollup WHERE project_id = {project_id:String} GROUP BY trace_id
  HAVING max(hidden_at) < max(updated_at)"""

# The few traces of which not every observation began on their own day, and those that are hidden: of all
# others an observation says itself which day it counts for.
_OTHERS = """SELECT trace_id, 1 AS is_listed, toDate(min(start_time), 'UTC') AS day,
    max(hidden_at) >= max(updated_at) AS is_hidden
  FROM trace_rollup WHERE project_id = {project_id:String} GROUP BY trace_id
  HAVING is_hidden OR toDate(min(bucket)) != day OR toDate(max(bucket)) != day"""


def _traces(conditions: list[Condition]) -> tuple[str, dict[str, Any]]:
    texts, params = to_sql(conditions, COLUMNS)
    return f"({_TRACES})" + (f" WHERE {' AND '.join(texts)}" if texts else ""), params


def days(project_id: ProjectId, conditions: list[Condition]) -> Sql:
    """The days with traces, newest first, and the number of their traces."""
    traces, params = _traces(conditions)
    return Sql(
        f"SELECT toString(toDate(began, 'UTC')) AS day, count() AS traces FROM {traces}\n"
        "GROUP BY day ORDER BY day DESC",
        {**params, "project_id": project_id},
    )


def usage(project_id: ProjectId, conditions: list[Condition], wanted: list[str]) -> Sql:
    """By day of the trace and model (empty for none): traces, observations, tokens and cost."""
    source, params = _observations(conditions)
    # A trace begins with the first of its observations, so none of them is older than the first day.
    return Sql(
        "SELECT toString(began_on) AS day, name AS model, count() AS observations,\n"
        "  uniqExact(trace) AS traces, sum(tokens_in) AS input, sum(tokens_out) AS output,\n"
        "  sum(tokens) AS total, toFloat64(ifNull(sum(amount), 0)) AS cost\n"
        f"FROM ({source} AND o.project_id = {{project_id:String}} AND o.is_deleted = 0\n"
        "  AND o.start_time >= toDateTime64({first_day:String}, 9, 'UTC'))\n"
        "GROUP BY began_on, name HAVING day IN {days:Array(String)}",
        {**params, "project_id": project_id, "days": wanted, "first_day": min(wanted)},
    )


def _observations(conditions: list[Condition]) -> tuple[str, dict[str, Any]]:
    """Observations and the day on which their trace began, up to and with a condition."""
    columns = (
        "o.trace_id AS trace, o.model AS name, o.input_tokens AS tokens_in,\n"
        "  o.output_tokens AS tokens_out, o.total_tokens AS tokens, o.total_cost AS amount"
    )
    if not conditions:
        return (
            f"SELECT if(t.is_listed, t.day, toDate(o.start_time, 'UTC')) AS began_on, {columns}\n"
            f"  FROM observations AS o FINAL LEFT JOIN ({_OTHERS}) AS t ON t.trace_id = o.trace_id\n"
            "  WHERE NOT t.is_hidden",
            {},
        )
    traces, params = _traces(conditions)
    return (
        f"SELECT toDate(k.began, 'UTC') AS began_on, {columns}\n"
        "  FROM observations AS o FINAL\n"
        f"  INNER JOIN (SELECT trace_id, began FROM {traces}) AS k ON k.trace_id = o.trace_id\n"
        "  WHERE 1",
        params,
    )


def assembled(traces: dict[str, int], rows: list[dict[str, Any]]) -> list[DailyMetrics]:
    """The days of ``traces`` (their number by day), each with its rows of ``usage``, dearest first."""
    models: dict[str, list[DailyModelUsage]] = {day: [] for day in traces}
    for row in rows:
        models[row["day"]].append(
            DailyModelUsage(
                model=row["model"] or None,
                input_usage=row["input"],
                output_usage=row["output"],
                total_usage=row["total"],
                observation_count=row["observations"],
                trace_count=row["traces"],
                total_cost=row["cost"],
            )
        )
    return [
        DailyMetrics(
            date=day,
            trace_count=count,
            observation_count=sum(each.observation_count for each in models[day]),
            total_cost=sum(each.total_cost for each in models[day]),
            usage=sorted(models[day], key=lambda each: (-each.total_cost, each.model or "")),
        )
        for day, count in traces.items()
    ]
