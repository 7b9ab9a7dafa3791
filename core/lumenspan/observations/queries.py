"""Observations as SQL: the newest write of each id, found by primary key through the trace's time range."""

# Only names of this package are put into the text; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lumenspan.filters import Condition, to_sql
from lumenspan.ids import ProjectId
from lumenspan.observations.domain import ObservationParts, ObservationPosition
from lumenspan.observations.filters import COLUMNS
from lumenspan.observations.rows import PRICING_COLUMNS
from lumenspan.storage.clickhouse import Sql
from lumenspan.traces.domain import TraceKey
from lumenspan.traces.queries import within

# Order is the contract with ``repository.to_observation``.
BASE_COLUMNS = (
    "trace_id",
    "id",
    "parent_id",
    "type",
    "name",
    "toUnixTimestamp64Nano(start_time)",
    "toUnixTimestamp64Nano(end_time)",
    "toUnixTimestamp64Nano(completion_start_time)",
    "level",
    "status_message",
    "environment",
    "version",
    "release",
    "user_id",
    "session_id",
    "model",
    "model_parameters",
    "prompt_name",
    "prompt_version",
    "(parent_id = '' OR is_app_root)",
    "toUnixTimestamp64Nano(event_ts)",
    "toUnixTimestamp64Micro(created_at)",
    "usage",
    "cost",
    "tags",
    "trace_name",
    "ifNull(is_public, false)",
    "bookmarked",
    *PRICING_COLUMNS,
)
PREVIEW_COLUMNS = ("input_preview", "output_preview")
METADATA_COLUMNS = ("metadata",)
TEXT_COLUMNS = ("input", "output")


def pages(
    project_id: ProjectId, traces: Sequence[TraceKey], after: tuple[int, str] | None, limit: int
) -> Sql:
    """The first ``limit`` observations of each trace after a position, in order of start and id."""
    where, params = within(traces)
    params["project_id"] = project_id
    params["limit"] = limit
    position = ""
    if after is not None:
        position = " AND (toUnixTimestamp64Nano(start_time), id) > ({after_ns:Int64}, {after_id:String})"
        params["after_ns"], params["after_id"] = after
    columns = ", ".join(BASE_COLUMNS + PREVIEW_COLUMNS + METADATA_COLUMNS)
    # What a row is sorted by is decided on few columns; only then are the wide ones read.
    return Sql(
        f"SELECT {columns} FROM observations\n"
        f"WHERE {where}\n"
        "  AND (trace_id, id, event_ts) IN (\n"
        "    SELECT trace_id, id, event_ts FROM (\n"
        "      SELECT trace_id, id, event_ts, start_time, is_deleted FROM observations\n"
        f"      WHERE {where}\n"
        "      ORDER BY event_ts DESC LIMIT 1 BY trace_id, id)\n"
        f"    WHERE is_deleted = 0{position}\n"
        "    ORDER BY trace_id, start_time, id LIMIT {limit:UInt64} BY trace_id)\n"
        "ORDER BY trace_id, start_time, id LIMIT 1 BY trace_id, id",
        params,
    )


def outline(project_id: ProjectId, trace: TraceKey, after: tuple[int, str] | None, limit: int) -> Sql:
    """The first ``limit`` observations of a trace after a position: columns of ``to_outline``."""
    where, params = within([trace])
    position = ""
    if after is not None:
        position = " AND (start_ns, id) > ({after_ns:Int64}, {after_id:String})"
        params["after_ns"], params["after_id"] = after
    # Maps are wide: of these only the sums are handed out, and names are cut as a tree shows them.
    return Sql(
        "SELECT id, parent_id, type, substringUTF8(name, 1, 200), start_ns, end_ns, level, model,\n"
        "  cost_sum, usage_sum FROM (\n"
        "  SELECT id, parent_id, type, name, toUnixTimestamp64Nano(start_time) AS start_ns,\n"
        "    toUnixTimestamp64Nano(end_time) AS end_ns, level, model, is_deleted,\n"
        "    total_cost AS cost_sum,\n"
        "    if(mapContains(usage, 'total'), usage['total'], NULL) AS usage_sum\n"
        f"  FROM observations WHERE {where}\n"
        "  ORDER BY event_ts DESC LIMIT 1 BY trace_id, id)\n"
        f"WHERE is_deleted = 0{position}\n"
        "ORDER BY start_ns, id LIMIT {limit:UInt64}",
        {**params, "project_id": project_id, "limit": limit},
    )


def experiments(project_id: ProjectId, traces: Sequence[TraceKey], ids: Sequence[str]) -> Sql:
    """What observations say of the experiment that they belong to."""
    where, params = within(traces)
    return Sql(
        "SELECT trace_id, id, experiment FROM observations\n"
        f"WHERE {where} AND id IN {{ids:Array(String)}}\n"
        "ORDER BY event_ts DESC LIMIT 1 BY trace_id, id",
        {**params, "project_id": project_id, "ids": list(ids)},
    )


def by_id(project_id: ProjectId, trace: TraceKey, observation_id: str) -> Sql:
    """One observation of a trace."""
    where, params = within([trace])
    columns = ", ".join(BASE_COLUMNS + PREVIEW_COLUMNS + METADATA_COLUMNS)
    return Sql(
        f"SELECT * FROM (SELECT {columns}, is_deleted FROM observations\n"
        f"WHERE {where} AND id = {{id:String}}\n"
        "ORDER BY event_ts DESC LIMIT 1) WHERE is_deleted = 0",
        {**params, "project_id": project_id, "id": observation_id},
    )


def payload_key(project_id: ProjectId, trace: TraceKey, observation_id: str) -> Sql:
    """Where the raw payload of one observation is."""
    where, params = within([trace])
    return Sql(
        "SELECT blob_key FROM (SELECT blob_key, is_deleted FROM observations\n"
        f"WHERE {where} AND id = {{id:String}}\n"
        "ORDER BY event_ts DESC LIMIT 1) WHERE is_deleted = 0",
        {**params, "project_id": project_id, "id": observation_id},
    )


def texts(
    project_id: ProjectId, traces: Sequence[TraceKey], ids: Sequence[str], max_chars: int | None = None
) -> Sql:
    """Input and output of observations within traces, in full or their first characters."""
    where, params = within(traces)
    columns = "input, output"
    if max_chars is not None:
        columns = ", ".join(f"substringUTF8({name}, 1, {max_chars:d})" for name in ("input", "output"))
    return Sql(
        f"SELECT trace_id, id, {columns} FROM observations\n"
        f"WHERE {where} AND id IN {{ids:Array(String)}}\n"
        "ORDER BY event_ts DESC LIMIT 1 BY trace_id, id",
        {**params, "project_id": project_id, "ids": list(ids)},
    )


def candidates(
    project_id: ProjectId,
    conditions: Iterable[Condition],
    after: ObservationPosition | None,
    from_ns: int | None,
    limit: int,
) -> Sql:
    """Writes that fulfil the conditions, newest start first: an id may come more than once or be outdated.

    ``from_ns`` only bounds how far back is looked.
    """
    texts, params = to_sql(conditions, COLUMNS)
    if from_ns is not None:
        texts.append("start_time >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')")
        params["from_ns"] = from_ns
    if after is not None:
        # The first condition says nothing new; it lets whole parts of the table be skipped.
        texts.append("start_time <= fromUnixTimestamp64Nano({after_ns:Int64}, 'UTC')")
        texts.append(
            "(toUnixTimestamp64Nano(start_time), xxHash32(trace_id), id, trace_id)"
            " < ({after_ns:Int64}, xxHash32({after_trace:String}), {after_id:String}, {after_trace:String})"
        )
        params |= {"after_ns": after.start_ns, "after_trace": after.trace_id, "after_id": after.id}
    return Sql(
        "SELECT trace_id, id, toUnixTimestamp64Nano(start_time), toUnixTimestamp64Nano(event_ts)\n"
        f"FROM observations\nWHERE {' AND '.join(['project_id = {project_id:String}', *texts])}\n"
        "ORDER BY start_time DESC, xxHash32(trace_id) DESC, id DESC, trace_id DESC\n"
        "LIMIT {limit:UInt64}",
        {**params, "project_id": project_id, "limit": limit},
    )


def count(project_id: ProjectId, conditions: Iterable[Condition]) -> Sql:
    """How many observations fulfil the conditions."""
    texts, params = to_sql(conditions, COLUMNS)
    where = " AND ".join(["project_id = {project_id:String}", "is_deleted = 0", *texts])
    return Sql(
        f"SELECT count() FROM observations FINAL WHERE {where}", {**params, "project_id": project_id}
    )


def numbered(project_id: ProjectId, conditions: Iterable[Condition], offset: int, limit: int) -> Sql:
    """Observations that fulfil the conditions, newest start first; columns as of ``candidates``."""
    texts, params = to_sql(conditions, COLUMNS)
    where = " AND ".join(["project_id = {project_id:String}", "is_deleted = 0", *texts])
    return Sql(
        "SELECT trace_id, id, toUnixTimestamp64Nano(start_time), toUnixTimestamp64Nano(event_ts)\n"
        f"FROM observations FINAL WHERE {where}\n"
        "ORDER BY start_time DESC, xxHash32(trace_id) DESC, id DESC, trace_id DESC\n"
        "LIMIT {limit:UInt64} OFFSET {offset:UInt64}",
        {**params, "project_id": project_id, "limit": limit, "offset": offset},
    )


def newest(
    project_id: ProjectId, traces: Sequence[TraceKey], ids: Sequence[str], parts: ObservationParts
) -> Sql:
    """The newest writes of these ids, in no order: columns of ``to_observation``, texts, ``is_deleted``."""
    where, params = within(traces)
    metadata = (
        "metadata"
        if parts.metadata_chars is None
        else ("mapApply((key, value) -> (key, substringUTF8(value, 1, {metadata_chars:UInt64})), metadata)")
    )
    if parts.metadata_chars == 0:
        metadata = "CAST(map(), 'Map(String, String)')"
    texts = TEXT_COLUMNS if parts.has_texts else ("''", "''")
    columns = ", ".join((*BASE_COLUMNS, "''", "''", metadata, *texts))
    return Sql(
        f"SELECT * FROM (SELECT {columns}, is_deleted FROM observations\n"
        f"WHERE {where} AND id IN {{ids:Array(String)}}\n"
        "ORDER BY event_ts DESC LIMIT 1 BY trace_id, id) WHERE is_deleted = 0",
        {
            **params,
            "project_id": project_id,
            "ids": list(ids),
            "metadata_chars": parts.metadata_chars or 0,
        },
    )


def roots(project_id: ProjectId, traces: Sequence[TraceKey]) -> Sql:
    """The earliest root of each trace without its wide columns; ``is_deleted`` comes last."""
    where, params = within(traces)
    columns = ", ".join((*BASE_COLUMNS, "''", "''", "CAST(map(), 'Map(String, String)')"))
    return Sql(
        "SELECT * FROM (\n"
        f"  SELECT {columns}, is_deleted FROM observations\n"
        f"  WHERE {where} AND (parent_id = '' OR is_app_root)\n"
        "  ORDER BY event_ts DESC LIMIT 1 BY trace_id, id)\n"
        "WHERE is_deleted = 0\n"
        "ORDER BY trace_id, `toUnixTimestamp64Nano(start_time)`, id LIMIT 1 BY trace_id",
        {**params, "project_id": project_id},
    )
