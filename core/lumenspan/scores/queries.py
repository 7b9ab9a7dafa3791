"""Scores as SQL: the newest write of each id, unless that deleted it."""

# Only names of this package are put into the text; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Sequence

from lumenspan.ids import ProjectId
from lumenspan.scores.rows import COLUMN_TYPES
from lumenspan.storage.clickhouse import Sql

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
