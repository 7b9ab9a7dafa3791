"""The daily summary: traces, observations, cost and usage by model of each day in UTC."""

# Only names of this package are put into the text; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from typing import Any

from lumenspan.filters import Column, Condition, Kind, to_sql
from lumenspan.ids import ProjectId
from lumenspan.metrics.domain import DailyMetrics, DailyModelUsage
from lumenspan.observations.filters import sum_of
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
    """By day and model (empty for none): traces, observations, tokens and cost; and each day's traces."""
    traces, params = _traces(conditions)
    days_given = "day IN {days:Array(String)}"
    return Sql(
        f"WITH kept AS (SELECT trace_id, toString(toDate(began, 'UTC')) AS day FROM {traces})\n"
        "SELECT day, o.model AS model, count() AS observations, uniqExact(o.trace_id) AS traces,\n"
        f"  sum({sum_of('o.usage', 'input')}) AS input, sum({sum_of('o.usage', 'output')}) AS output,\n"
        "  sum(o.usage['total']) AS total, toFloat64(sum(o.cost['total'])) AS cost,\n"
        "  0 AS is_summary\n"
        "FROM observations AS o FINAL INNER JOIN kept AS k ON k.trace_id = o.trace_id\n"
        f"WHERE o.project_id = {{project_id:String}} AND o.is_deleted = 0 AND k.{days_given}\n"
        "GROUP BY day, model\n"
        "UNION ALL SELECT day, '' AS model, 0, count(), 0, 0, 0, 0., 1 FROM kept\n"
        f"WHERE {days_given} GROUP BY day",
        {**params, "project_id": project_id, "days": wanted},
    )


def assembled(wanted: list[str], rows: list[dict[str, Any]]) -> list[DailyMetrics]:
    """The days in the order of ``wanted`` from the rows of ``usage``; models by cost, dearest first."""
    traces = {row["day"]: row["traces"] for row in rows if row["is_summary"]}
    models: dict[str, list[DailyModelUsage]] = {day: [] for day in wanted}
    for row in rows:
        if not row["is_summary"]:
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
            trace_count=traces.get(day, 0),
            observation_count=sum(each.observation_count for each in models[day]),
            total_cost=sum(each.total_cost for each in models[day]),
            usage=sorted(models[day], key=lambda each: (-each.total_cost, each.model or "")),
        )
        for day in wanted
    ]
