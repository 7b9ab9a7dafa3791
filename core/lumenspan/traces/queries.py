"""Traces as SQL. A trace's row is the aggregate of its ``trace_rollup`` rows over all their buckets.

Values are only ever typed parameters; what is put into the text are names from this module.
"""

# Only names of this package are put into the text; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lumenspan.ids import ProjectId
from lumenspan.observations.domain import LEVELS
from lumenspan.storage.clickhouse import Sql
from lumenspan.traces.domain import PREVIEW_CHARS, TraceFilter, TraceKey, TraceOrder, TraceOrderField
from lumenspan.traces.filters import conditions_sql

BUCKET_S = 600
COLUMNS = (
    "id, start_ns, end_ns, the_name, the_user, the_session, the_environment, the_release, the_version, "
    "the_tags, the_public, the_bookmarked, the_level, created_us, updated_ns"
)
# Names differ from the table's columns on purpose: an alias that equals a column would be taken for it.
_AGGREGATES = """
    trace_id AS id,
    toUnixTimestamp64Nano(min(start_time)) AS start_ns,
    toUnixTimestamp64Nano(max(end_time)) AS end_ns,
    if(max(trace_name).2 = '', max(root_name).2, max(trace_name).2) AS the_name,
    max(user_id).2 AS the_user,
    max(session_id).2 AS the_session,
    max(environment).2 AS the_environment,
    max(release).2 AS the_release,
    max(version).2 AS the_version,
    arraySort(groupUniqArrayArray(tags)) AS the_tags,
    greatest(max(is_public), max(public_set).2) AS the_public,
    max(bookmarked) AS the_bookmarked,
    if(max(level_rank) = 0, 2, max(level_rank)) AS the_level,
    toUnixTimestamp64Micro(min(created_at)) AS created_us,
    toUnixTimestamp64Nano(max(updated_at)) AS updated_ns"""
# Deleted, and nothing was said of it since.
_NOT_HIDDEN = "HAVING max(hidden_at) < max(updated_at)"

# The newest of what was said of these traces themselves.
_FIELDS_OF_TRACES = (
    "project_id = {project_id:String} AND trace_id IN {trace_ids:Array(String)}\n"
    "  ORDER BY event_ts DESC LIMIT 1 BY trace_id"
)

_ORDER_EXPRESSIONS: dict[TraceOrderField, tuple[str, str]] = {
    TraceOrderField.TIMESTAMP: ("start_ns", "Int64"),
    TraceOrderField.NAME: ("the_name", "String"),
    TraceOrderField.LATENCY: ("end_ns - start_ns", "Int64"),
    TraceOrderField.USER_ID: ("the_user", "String"),
    TraceOrderField.SESSION_ID: ("the_session", "String"),
    TraceOrderField.LEVEL: ("the_level", "UInt8"),
    TraceOrderField.ID: ("id", "String"),
    TraceOrderField.RELEASE: ("the_release", "String"),
    TraceOrderField.VERSION: ("the_version", "String"),
    TraceOrderField.PUBLIC: ("the_public", "UInt8"),
    TraceOrderField.BOOKMARKED: ("the_bookmarked", "UInt8"),
}


def conditions(where: TraceFilter) -> tuple[list[str], dict[str, Any]]:
    """Conditions over the aggregated columns and their parameters; agree with ``TraceFilter.matches``."""
    texts: list[str] = []
    params: dict[str, Any] = {}
    if where.from_ns is not None:
        texts.append("start_ns >= {from_ns:Int64}")
        params["from_ns"] = where.from_ns
    if where.to_ns is not None:
        texts.append("start_ns < {to_ns:Int64}")
        params["to_ns"] = where.to_ns
    for column, name, values in (
        ("id", "ids", where.ids),
        ("the_name", "names", where.names),
        ("the_user", "users", where.user_ids),
        ("the_session", "sessions", where.session_ids),
        ("the_environment", "environments", where.environments),
        ("the_release", "releases", where.releases),
        ("the_version", "versions", where.versions),
    ):
        if values:
            texts.append(f"{column} IN {{{name}:Array(String)}}")
            params[name] = list(values)
    if where.tags:
        texts.append("hasAll(the_tags, {tags:Array(String)})")
        params["tags"] = list(where.tags)
    if where.levels:
        texts.append("the_level IN {levels:Array(UInt8)}")
        params["levels"] = [level.rank for level in where.levels]
    if where.search:
        texts.append(
            "(position(lowerUTF8(id), {search:String}) > 0"
            " OR position(lowerUTF8(the_name), {search:String}) > 0)"
        )
        params["search"] = where.search.lower()
    more_texts, more_params = conditions_sql(where.conditions)
    return texts + more_texts, params | more_params


def page(
    project_id: ProjectId,
    where: TraceFilter,
    order: TraceOrder,
    after: tuple[int | str, str] | None,
    limit: int,
    *,
    from_bucket_ns: int | None = None,
    to_bucket_ns: int | None = None,
) -> Sql:
    """Traces in order after a position ``(value, id)``, read from the buckets of a time range.

    ``from_bucket_ns`` and ``to_bucket_ns`` (both inclusive, None for no bound) only say which buckets are
    read: a trace that began before them shows up with what those buckets know.
    """
    texts, params = conditions(where)
    expression, type_ = _ORDER_EXPRESSIONS[order.field]
    if after is not None:
        texts.append(
            f"({expression}, id) {'<' if order.is_descending else '>'} "
            f"({{after_value:{type_}}}, {{after_id:String}})"
        )
        params["after_value"], params["after_id"] = after
    direction = "DESC" if order.is_descending else "ASC"
    inner, inner_params = _aggregated(project_id, from_bucket_ns, to_bucket_ns, where)
    return Sql(
        f"SELECT {COLUMNS} FROM ({inner})\n"
        + (f"WHERE {' AND '.join(texts)}\n" if texts else "")
        + f"ORDER BY {expression} {direction}, id {direction}\n"
        + "LIMIT {limit:UInt64}",
        {**params, **inner_params, "limit": limit},
    )


def numbered_ids(
    project_id: ProjectId, where: TraceFilter, order: TraceOrder, limit: int, offset: int
) -> Sql:
    """Ids of a page in order, each beside the number of traces on all pages; nothing beyond the last page.

    Only the columns of the filter and the order are aggregated: the others are read by id, for the page.
    """
    texts, params = conditions(where)
    expression, _ = _ORDER_EXPRESSIONS[order.field]
    direction = "DESC" if order.is_descending else "ASC"
    inner, inner_params = _aggregated(project_id, None, None, where)
    return Sql(
        f"SELECT id, count() OVER () AS total FROM ({inner})\n"
        + (f"WHERE {' AND '.join(texts)}\n" if texts else "")
        + f"ORDER BY {expression} {direction}, id {direction}\n"
        + "LIMIT {limit:UInt64} OFFSET {offset:UInt64}",
        {**params, **inner_params, "limit": limit, "offset": offset},
    )


def count(project_id: ProjectId, where: TraceFilter) -> Sql:
    """How many traces fulfil a filter."""
    if where == TraceFilter():
        # Hidden are few: only of those that ever were is it asked whether they still are.
        return Sql(
            "SELECT uniqExact(trace_id) - (SELECT count() FROM (SELECT trace_id FROM trace_rollup\n"
            "  WHERE project_id = {project_id:String} AND trace_id IN (SELECT trace_id FROM trace_rollup\n"
            "    WHERE project_id = {project_id:String} AND hidden_at > toDateTime64(0, 9, 'UTC'))\n"
            "  GROUP BY trace_id HAVING max(hidden_at) >= max(updated_at))) AS total\n"
            "FROM trace_rollup WHERE project_id = {project_id:String}",
            {"project_id": project_id},
        )
    texts, params = conditions(where)
    inner, inner_params = _aggregated(project_id, None, None, where)
    return Sql(
        f"SELECT count() AS total FROM ({inner})" + (f"\nWHERE {' AND '.join(texts)}" if texts else ""),
        {**params, **inner_params},
    )


def by_ids(project_id: ProjectId, ids: Sequence[str]) -> Sql:
    """Traces by id over all buckets (through the bloom index), in no order."""
    inner, params = _aggregated(project_id, None, None, TraceFilter(ids=tuple(ids)))
    return Sql(f"SELECT {COLUMNS} FROM ({inner})", params)


def _aggregated(
    project_id: ProjectId, from_bucket_ns: int | None, to_bucket_ns: int | None, where: TraceFilter
) -> tuple[str, dict[str, Any]]:
    """Every trace of those buckets, or fewer where cheap conditions show that the others do not fit."""
    texts = ["project_id = {project_id:String}"]
    params: dict[str, Any] = {"project_id": project_id}
    if from_bucket_ns is not None:
        texts.append("bucket >= toDateTime({from_bucket:Int64}, 'UTC')")
        params["from_bucket"] = bucket_s(from_bucket_ns)
    if to_bucket_ns is not None:
        texts.append("bucket <= toDateTime({to_bucket:Int64}, 'UTC')")
        params["to_bucket"] = bucket_s(to_bucket_ns)
    rows = " AND ".join(texts)
    texts += [
        f"trace_id IN (SELECT trace_id FROM trace_rollup WHERE {rows} AND {condition})"
        for condition in _of_a_row(where)
    ]
    if where.ids:
        texts.append("trace_id IN {trace_ids:Array(String)}")
        params["trace_ids"] = list(where.ids)
    rows = f"FROM trace_rollup WHERE {' AND '.join(texts)}"
    return f"SELECT{_AGGREGATES}\n{rows} GROUP BY trace_id {_NOT_HIDDEN}", params


def _of_a_row(where: TraceFilter) -> list[str]:
    """What holds for a row of a trace that fits; parameters as of ``conditions``.

    What a trace ends up with stands in one of its rows, so traces without such a row need no aggregation.
    """
    texts = [
        f"{column}.2 IN {{{name}:Array(String)}}"
        for column, name, values in (
            ("user_id", "users", where.user_ids),
            ("session_id", "sessions", where.session_ids),
        )
        if values
    ]
    if where.names:
        texts.append("(trace_name.2 IN {names:Array(String)} OR root_name.2 IN {names:Array(String)})")
    if where.tags:
        texts.append("has(tags, {tags:Array(String)}[1])")
    return texts


def bucket_s(nanos: int) -> int:
    """The bucket (seconds since the epoch) of an instant, within what the column can hold."""
    seconds = nanos // 1_000_000_000
    return min(max(seconds - seconds % BUCKET_S, 0), 2**32 - BUCKET_S)


def environments(project_id: ProjectId, limit: int) -> Sql:
    """Distinct environments, the most recently seen first."""
    return Sql(
        "SELECT environment.2 AS value FROM trace_rollup WHERE project_id = {project_id:String}\n"
        "GROUP BY value ORDER BY max(bucket) DESC, value LIMIT {limit:UInt64}",
        {"project_id": project_id, "limit": limit},
    )


def within(traces: Sequence[TraceKey]) -> tuple[str, dict[str, Any]]:
    """The condition that finds observations of these traces by primary key, and its parameters."""
    return (
        "project_id = {project_id:String} AND trace_id IN {trace_ids:Array(String)}\n"
        "  AND start_time >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')\n"
        "  AND start_time <= fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')",
        {
            "trace_ids": [trace.id for trace in traces],
            "from_ns": min(trace.start_ns for trace in traces),
            "to_ns": max(trace.end_ns for trace in traces),
        },
    )


def sums(project_id: ProjectId, traces: Sequence[TraceKey], *, has_ids: bool = True) -> Sql:
    """Count, cost and usage of each trace, every observation counted once; its id, where asked for."""
    where, params = within(traces)
    ids = "groupArray(id)" if has_ids else "CAST([], 'Array(String)')"
    return Sql(
        "SELECT trace_id, count() AS observations, sum(total_cost) AS cost_sum,\n"
        f"  sumMap(usage) AS usage_sum, {ids} AS ids\n"
        "FROM (SELECT trace_id, id, total_cost, usage, is_deleted FROM observations\n"
        f"WHERE {where}\n"
        "ORDER BY event_ts DESC LIMIT 1 BY trace_id, id)\n"
        "WHERE is_deleted = 0 GROUP BY trace_id",
        {**params, "project_id": project_id},
    )


def texts(
    project_id: ProjectId, traces: Sequence[TraceKey], *, is_preview: bool, max_chars: int | None = None
) -> Sql:
    """Input and output of each trace: the newest that was set on the trace, else the earliest root's.

    In full, their first ``max_chars`` or, as a preview, their first 200 characters.
    """
    where, params = within(traces)
    root_input, root_output, cut = ("input", "output", "")
    if is_preview:
        root_input, root_output, cut = ("input_preview", "output_preview", f", 1, {PREVIEW_CHARS})")
    elif max_chars is not None:
        cut = f", 1, {max_chars:d})"
        root_input, root_output = f"substringUTF8(input{cut}", f"substringUTF8(output{cut}"
    set_input = f"substringUTF8(trace_input{cut}" if cut else "trace_input"
    set_output = f"substringUTF8(trace_output{cut}" if cut else "trace_output"
    said_input = f"substringUTF8(input{cut}" if cut else "input"
    said_output = f"substringUTF8(output{cut}" if cut else "output"
    return Sql(
        "SELECT trace_id,\n"
        "  argMaxIf(set_input, event_ts, set_input != '') AS newest_input,\n"
        "  argMaxIf(set_output, event_ts, set_output != '') AS newest_output,\n"
        "  argMinIf(root_input, (start_time, id), is_root) AS fallback_input,\n"
        "  argMinIf(root_output, (start_time, id), is_root) AS fallback_output\n"
        "FROM ((SELECT trace_id, id, start_time, event_ts, is_deleted,\n"
        "    (parent_id = '' OR is_app_root) AS is_root,\n"
        f"    {set_input} AS set_input, {set_output} AS set_output,\n"
        f"    if(is_root, {root_input}, '') AS root_input, if(is_root, {root_output}, '') AS root_output\n"
        f"  FROM observations\nWHERE {where}\n"
        "  ORDER BY event_ts DESC LIMIT 1 BY trace_id, id)\n"
        "  UNION ALL (SELECT trace_id, '' AS id, timestamp AS start_time, event_ts, is_deleted,\n"
        "    false AS is_root, "
        f"{said_input} AS set_input, {said_output} AS set_output, '' AS root_input, '' AS root_output\n"
        f"  FROM trace_fields\n  WHERE {_FIELDS_OF_TRACES}))\n"
        "WHERE is_deleted = 0 GROUP BY trace_id",
        {**params, "project_id": project_id},
    )


def metadata(project_id: ProjectId, traces: Sequence[TraceKey]) -> Sql:
    """Metadata of each trace: what was said of the trace itself, else that of its earliest root."""
    where, params = within(traces)
    return Sql(
        "SELECT trace_id, argMin(metadata, (rank, start_time, id)) AS trace_metadata\n"
        "FROM ((SELECT trace_id, 1 AS rank, id, start_time, metadata, is_deleted FROM observations\n"
        f"WHERE {where} AND (parent_id = '' OR is_app_root)\n"
        "  ORDER BY event_ts DESC LIMIT 1 BY trace_id, id)\n"
        "  UNION ALL (SELECT trace_id, if(empty(metadata), 2, 0) AS rank, '' AS id,\n"
        "    timestamp AS start_time, metadata, is_deleted\n"
        f"  FROM trace_fields\n  WHERE {_FIELDS_OF_TRACES}))\n"
        "WHERE is_deleted = 0 GROUP BY trace_id",
        {**params, "project_id": project_id},
    )


def level_of(rank: int) -> str:
    """The level that ``level_rank`` stands for; DEFAULT for what no version wrote."""
    return LEVELS[rank - 1] if 1 <= rank <= len(LEVELS) else LEVELS[1]
