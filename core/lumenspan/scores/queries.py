"""Scores as SQL: the newest write of each id, unless that deleted it."""

# Only names of this package are put into the text; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lumenspan.clock import now_nanos
from lumenspan.filters import Condition, to_sql
from lumenspan.ids import ProjectId
from lumenspan.ingest.events.queries import mark_deleted
from lumenspan.scores.filters import COLUMNS as FILTER_COLUMNS
from lumenspan.scores.filters import TRACE_COLUMNS
from lumenspan.scores.rows import COLUMN_TYPES
from lumenspan.storage.clickhouse import Sql

# Names differ from the table's columns on purpose: an alias that equals a column would be taken for it.
_OF_TRACE = (
    "max(user_id).2 AS the_user, arraySort(groupUniqArrayArray(tags)) AS the_tags, "
    "if(max(trace_name).2 = '', max(root_name).2, max(trace_name).2) AS the_name"
)
COLUMNS = tuple(name for name in COLUMN_TYPES if name not in ("project_id", "is_deleted"))


def by_ids(project_id: ProjectId, ids: Sequence[str]) -> Sql:
    """Scores by id, newest first."""
    return Sql(
        f"{_newest('id IN {ids:Array(String)}')}\nORDER BY timestamp DESC, id DESC",
        {"project_id": project_id, "ids": list(ids)},
    )


def by_traces(project_id: ProjectId, trace_ids: Sequence[str], limit: int) -> Sql:
    """Scores of traces and of their observations, newest first."""
    return Sql(
        f"{_newest('trace_id IN {trace_ids:Array(String)}')}\n"
        "ORDER BY timestamp DESC, id DESC LIMIT {limit:UInt64} BY trace_id",
        {"project_id": project_id, "trace_ids": list(trace_ids), "limit": limit},
    )


def by_runs(project_id: ProjectId, run_ids: Sequence[str], limit: int) -> Sql:
    """Scores of experiments themselves, newest first."""
    return Sql(
        f"{_newest('dataset_run_id IN {run_ids:Array(String)}')}\n"
        "ORDER BY timestamp DESC, id DESC LIMIT {limit:UInt64} BY dataset_run_id",
        {"project_id": project_id, "run_ids": list(run_ids), "limit": limit},
    )


def by_spans(
    project_id: ProjectId, trace_ids: Sequence[str], observation_ids: Sequence[str], limit: int
) -> Sql:
    """Scores of these observations, and those of traces as a whole, newest first."""
    of_spans = (
        "trace_id IN {trace_ids:Array(String)}"
        " AND (observation_id = '' OR observation_id IN {observation_ids:Array(String)})"
    )
    return Sql(
        f"{_newest(of_spans)}\n"
        "ORDER BY timestamp DESC, id DESC LIMIT {limit:UInt64} BY trace_id, observation_id",
        {
            "project_id": project_id,
            "trace_ids": list(trace_ids),
            "observation_ids": list(observation_ids),
            "limit": limit,
        },
    )


def search(
    project_id: ProjectId,
    conditions: Sequence[Condition],
    *,
    limit: int,
    offset: int = 0,
    after: tuple[int, str] | None = None,
) -> Sql:
    """Scores that fulfil the conditions, newest first, behind the one of that time and id.

    Raises:
        InvalidInput: a condition does not fit its column.
    """
    rows, params = _found(project_id, conditions)
    behind = ""
    if after is not None:
        behind = (
            " AND (s.timestamp, s.id) < "
            "(fromUnixTimestamp64Nano({after_ns:Int64}, 'UTC'), {after_id:String})"
        )
        params["after_ns"], params["after_id"] = after
    names = ", ".join(f"s.{name} AS {name}" for name in COLUMNS)
    return Sql(
        f"SELECT {names}\n{rows}{behind}\n"
        "ORDER BY s.timestamp DESC, s.id DESC LIMIT {limit:UInt64} OFFSET {offset:UInt64}",
        {**params, "limit": limit, "offset": offset},
    )


def count(project_id: ProjectId, conditions: Sequence[Condition]) -> Sql:
    """How many scores fulfil the conditions."""
    rows, params = _found(project_id, conditions)
    return Sql(f"SELECT count()\n{rows}", params)


def _found(project_id: ProjectId, conditions: Sequence[Condition]) -> tuple[str, dict[str, Any]]:
    texts, params = to_sql(conditions, FILTER_COLUMNS)
    rows = "FROM scores AS s FINAL"
    if any(condition.column in TRACE_COLUMNS for condition in conditions):
        rows += (
            f"\nLEFT JOIN (SELECT trace_id, {_OF_TRACE} FROM trace_rollup\n"
            "  WHERE project_id = {project_id:String} AND trace_id IN (\n"
            "    SELECT trace_id FROM scores WHERE project_id = {project_id:String} AND trace_id != '')\n"
            "  GROUP BY trace_id) AS t ON t.trace_id = s.trace_id"
        )
    where = ["s.project_id = {project_id:String}", "s.is_deleted = 0", *texts]
    return f"{rows}\nWHERE {' AND '.join(where)}", {**params, "project_id": project_id}


def hide(project_id: ProjectId, score_id: str) -> Sql:
    """A tombstone for a score, which wins over every write of it so far."""
    return Sql(
        "INSERT INTO scores (project_id, id, timestamp, name, trace_id, event_ts, is_deleted)\n"
        "SELECT project_id, id, timestamp, name, trace_id,\n"
        "  greatest(event_ts + toIntervalNanosecond(1), now64(9, 'UTC')), 1\n"
        "FROM scores FINAL WHERE project_id = {project_id:String} AND id = {id:String} AND is_deleted = 0",
        {"project_id": project_id, "id": score_id},
    )


def forget_events(project_id: ProjectId, score_id: str) -> Sql:
    """Let nothing that was said of a score so far be merged again."""
    of_score = "project_id = {project_id:String} AND kind = 'score' AND entity_id = {id:String}"
    return Sql(mark_deleted(of_score), {"project_id": project_id, "id": score_id, "at_ns": now_nanos()})


def _newest(condition: str) -> str:
    """The newest write of each id; a tombstone elsewhere is older than the row it made way for."""
    names = ", ".join(COLUMNS)
    return (
        f"SELECT {names} FROM (\n"
        f"  SELECT {names}, is_deleted FROM scores\n"
        f"  WHERE project_id = {{project_id:String}} AND {condition}\n"
        "  ORDER BY event_ts DESC LIMIT 1 BY id)\n"
        "WHERE is_deleted = 0"
    )
