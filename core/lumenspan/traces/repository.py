"""Traces out of ClickHouse as domain objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lumenspan.ids import ProjectId, TraceId
from lumenspan.observations.domain import Level
from lumenspan.storage.clickhouse import FINAL_BY_PARTITION, ClickHouse, Sql
from lumenspan.traces import queries
from lumenspan.traces.domain import Trace, TraceFilter, TraceKey, TraceOrder, TraceSums, TraceTexts


class TraceRepository:
    """Runs the queries of ``queries`` and converts their rows."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def page(
        self,
        project_id: ProjectId,
        where: TraceFilter,
        order: TraceOrder,
        after: tuple[int | str, str] | None,
        limit: int,
        *,
        from_bucket_ns: int | None = None,
        to_bucket_ns: int | None = None,
    ) -> list[Trace]:
        """See ``queries.page``."""
        sql = queries.page(
            project_id,
            where,
            order,
            after,
            limit,
            from_bucket_ns=from_bucket_ns,
            to_bucket_ns=to_bucket_ns,
        )
        return await self._traces(project_id, sql)

    async def by_ids(self, project_id: ProjectId, ids: Sequence[str]) -> list[Trace]:
        """Traces by id, complete, in no order; absent ones are left out."""
        if not ids:
            return []
        return await self._traces(project_id, queries.by_ids(project_id, ids))

    async def numbered_ids(
        self, project_id: ProjectId, where: TraceFilter, order: TraceOrder, limit: int, offset: int
    ) -> tuple[list[str], int]:
        """Ids of a page in order, and how many traces there are; 0 beyond the last page."""
        sql = queries.numbered_ids(project_id, where, order, limit, offset)
        rows = await self._clickhouse.query(sql, settings=FINAL_BY_PARTITION)
        return [row[0] for row in rows.rows], int(rows.rows[0][1]) if rows.rows else 0

    async def count(self, project_id: ProjectId, where: TraceFilter) -> int:
        """How many traces fulfil a filter."""
        sql = queries.count(project_id, where)
        return await self._clickhouse.query_number(sql, settings=FINAL_BY_PARTITION)

    async def environments(self, project_id: ProjectId, limit: int) -> list[str]:
        """Distinct environments, newest first."""
        rows = await self._clickhouse.query(queries.environments(project_id, limit))
        return [row[0] for row in rows.rows]

    async def sums(
        self, project_id: ProjectId, traces: Sequence[TraceKey], *, has_ids: bool
    ) -> dict[TraceId, TraceSums]:
        """Counts, cost and usage by trace, with the ids of its observations where asked for."""
        rows = await self._clickhouse.query(queries.sums(project_id, traces, has_ids=has_ids))
        return {
            TraceId(trace_id): TraceSums(observations, cost, dict(usage), tuple(sorted(ids)))
            for trace_id, observations, cost, usage, ids in rows.rows
        }

    async def texts(
        self,
        project_id: ProjectId,
        traces: Sequence[TraceKey],
        *,
        is_preview: bool,
        max_chars: int | None = None,
    ) -> dict[TraceId, TraceTexts]:
        """Input and output by trace, in full or their first characters."""
        sql = queries.texts(project_id, traces, is_preview=is_preview, max_chars=max_chars)
        rows = await self._clickhouse.query(sql)
        return {
            TraceId(trace_id): TraceTexts(
                newest_input or root_input or None, newest_output or root_output or None
            )
            for trace_id, newest_input, newest_output, root_input, root_output in rows.rows
        }

    async def metadata(
        self, project_id: ProjectId, traces: Sequence[TraceKey]
    ) -> dict[TraceId, dict[str, str]]:
        """Metadata of the root by trace."""
        rows = await self._clickhouse.query(queries.metadata(project_id, traces))
        return {TraceId(trace_id): dict(metadata) for trace_id, metadata in rows.rows}

    async def _traces(self, project_id: ProjectId, sql: Sql) -> list[Trace]:
        rows = await self._clickhouse.query(sql)
        return [_to_trace(project_id, row) for row in rows.rows]


def _to_trace(project_id: ProjectId, row: tuple[Any, ...]) -> Trace:
    (id_, start, end, name, user, session, environment, release, version, *rest) = row
    tags, is_public, is_bookmarked, level, created, updated = rest
    return Trace(
        project_id=project_id,
        id=TraceId(id_),
        name=name,
        start_ns=start,
        end_ns=end,
        user_id=user,
        session_id=session,
        environment=environment,
        release=release,
        version=version,
        tags=tuple(tags),
        is_public=bool(is_public),
        is_bookmarked=bool(is_bookmarked),
        level=Level(queries.level_of(level)),
        created_us=created,
        updated_ns=updated,
    )
