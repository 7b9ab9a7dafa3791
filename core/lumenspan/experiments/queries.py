"""Experiments as SQL: rows of spans that are the root of an item, the newest write of each."""

# Only names of this package are put into the text; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Sequence

from lumenspan.experiments.domain import Search
from lumenspan.experiments.filters import COLUMNS
from lumenspan.filters import to_sql
from lumenspan.ids import ProjectId, TraceId
from lumenspan.storage.clickhouse import FINAL_BY_PARTITION, Sql
from lumenspan.traces.domain import TraceKey
from lumenspan.traces.queries import within

_START = "toUnixTimestamp64Nano(start_time)"
_END = "toUnixTimestamp64Nano(ifNull(end_time, start_time))"
# Tombstones say nothing of experiments, so an index on what was said would pass them over.
SETTINGS = FINAL_BY_PARTITION | {"use_skip_indexes_if_final": 0}
# What is said in texts is only read where a condition needs it: the map also holds what items expect.
_TEXTS = ", experiment['name'] AS the_name, experiment['dataset.id'] AS the_dataset"


def experiments(project_id: ProjectId, search: Search, limit: int) -> Sql:
    """Experiments, the latest end first: id, start, end, number of items, place of the newest item."""
    texts, params = to_sql(search.conditions, COLUMNS)
    rows = (
        "project_id = {project_id:String} AND start_time >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')"
    )
    params |= {"project_id": project_id, "from_ns": search.from_ns, "limit": limit}
    if search.to_ns is not None:
        rows += " AND start_time < fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')"
        params["to_ns"] = search.to_ns
    behind = ""
    if search.after is not None:
        behind = "HAVING (last_ns, root_of_experiment) < ({after_ns:Int64}, {after_id:String})\n"
        params |= {"after_ns": search.after.time_ns, "after_id": search.after.experiment_id}
    wanted = " AND ".join([rows, "is_deleted = 0", "root_of_experiment != ''"])
    found = f" WHERE {' AND '.join(texts)}" if texts else ""
    return Sql(
        "SELECT root_of_experiment, min(start_ns) AS first_ns, max(end_ns) AS last_ns, count() AS items,\n"
        "  argMax((trace_id, id, start_ns), (start_ns, id)) AS newest\n"
        f"FROM (SELECT trace_id, id, {_START} AS start_ns, {_END} AS end_ns,\n"
        f"    root_of_experiment{_TEXTS if texts else ''}\n"
        f"  FROM observations FINAL\n  WHERE {wanted}){found}\n"
        f"GROUP BY root_of_experiment\n{behind}"
        "ORDER BY last_ns DESC, root_of_experiment DESC LIMIT {limit:UInt64}",
        params,
    )


def ids(project_id: ProjectId) -> Sql:
    """Every experiment that has spans."""
    return Sql(
        "SELECT DISTINCT root_of_experiment FROM observations\n"
        "WHERE project_id = {project_id:String} AND root_of_experiment != ''",
        {"project_id": project_id},
    )


def texts(project_id: ProjectId, spans: Sequence[tuple[str, str, int]]) -> Sql:
    """What spans (trace, id, start in nanoseconds) say of their experiments."""
    where, params = within([TraceKey(TraceId(trace_id), start, start) for trace_id, _, start in spans])
    return Sql(
        f"SELECT trace_id, id, experiment FROM observations\nWHERE {where}\n"
        "  AND id IN {ids:Array(String)}\nORDER BY event_ts DESC LIMIT 1 BY trace_id, id",
        {**params, "project_id": project_id, "ids": [id_ for _, id_, _ in spans]},
    )
