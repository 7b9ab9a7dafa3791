"""Reading traces: lists that stay fast however many there are, single traces, their sums and texts."""

from __future__ import annotations

from collections.abc import Sequence

from lumenspan.errors import QueryTooExpensive
from lumenspan.ids import ProjectId, TraceId
from lumenspan.storage.clickhouse import ClickHouse
from lumenspan.traces.domain import (
    Trace,
    TraceFilter,
    TraceKey,
    TraceOrder,
    TraceOrderField,
    TracePage,
    TraceSums,
    TraceTexts,
)
from lumenspan.traces.repository import TraceRepository
from lumenspan.windows import lower_bounds

# Candidates beyond the page: some began before the window and belong further down the list.
_SPARE = 50
_NEWEST_FIRST = TraceOrder(TraceOrderField.TIMESTAMP, is_descending=True)


class TraceService:
    """Everything that reads traces; the caller has checked that the project may be read."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._repository = TraceRepository(clickhouse)

    async def page(
        self,
        project_id: ProjectId,
        where: TraceFilter,
        order: TraceOrder,
        first: int,
        after: tuple[int | str, str] | None = None,
    ) -> TracePage:
        """The ``first`` traces of a filter after a position ``(order value, trace id)``.

        A search that runs into the time limit answers what it found, marked ``is_cut``.
        """
        if order == _NEWEST_FIRST and not where.ids:
            return await self._newest(project_id, where, first, after)
        return await self._ordered(project_id, where, order, first, after)

    async def numbered_page(
        self, project_id: ProjectId, where: TraceFilter, order: TraceOrder, page: int, limit: int
    ) -> tuple[list[Trace], int]:
        """Page ``page`` (from 1) of ``limit`` traces, and how many there are on all pages.

        Raises:
            QueryTooExpensive: the time limit was reached.
        """
        if order == _NEWEST_FIRST and page == 1 and where.has_only_times:
            total = await self._repository.count(project_id, where)
            return (await self._newest(project_id, where, limit, None)).traces, total
        offset = (page - 1) * limit
        ids, total = await self._repository.numbered_ids(project_id, where, order, limit, offset)
        if not ids:
            return [], await self._repository.count(project_id, where) if offset else 0
        found = {str(trace.id): trace for trace in await self._repository.by_ids(project_id, ids)}
        # One that was deleted since is left out.
        return [found[id_] for id_ in ids if id_ in found], total

    async def get(self, project_id: ProjectId, trace_id: str) -> Trace | None:
        """One trace, None where the project has none of that id."""
        found = await self._repository.by_ids(project_id, [trace_id])
        return found[0] if found else None

    async def by_ids(self, project_id: ProjectId, ids: Sequence[str]) -> list[Trace]:
        """Traces by id, newest first; absent ones are left out."""
        found = await self._repository.by_ids(project_id, ids)
        return sorted(found, key=lambda trace: (trace.start_ns, trace.id), reverse=True)

    async def environments(self, project_id: ProjectId, limit: int = 100) -> list[str]:
        """Distinct environments, the most recently seen first."""
        return await self._repository.environments(project_id, limit)

    async def sums(
        self, project_id: ProjectId, traces: Sequence[TraceKey], *, has_ids: bool = True
    ) -> dict[TraceId, TraceSums]:
        """Counts, cost, usage and, where asked for, the ids of observations by trace; one query."""
        return await self._repository.sums(project_id, traces, has_ids=has_ids) if traces else {}

    async def previews(
        self, project_id: ProjectId, traces: Sequence[TraceKey]
    ) -> dict[TraceId, TraceTexts]:
        """The first 200 characters of input and output by trace; one query."""
        return await self._repository.texts(project_id, traces, is_preview=True) if traces else {}

    async def texts(
        self, project_id: ProjectId, traces: Sequence[TraceKey], max_chars: int | None = None
    ) -> dict[TraceId, TraceTexts]:
        """Input and output by trace, in full or their first characters; one query."""
        if not traces:
            return {}
        return await self._repository.texts(project_id, traces, is_preview=False, max_chars=max_chars)

    async def metadata(
        self, project_id: ProjectId, traces: Sequence[TraceKey]
    ) -> dict[TraceId, dict[str, str]]:
        """Metadata of the root observation by trace; one query."""
        return await self._repository.metadata(project_id, traces) if traces else {}

    async def _ordered(
        self,
        project_id: ProjectId,
        where: TraceFilter,
        order: TraceOrder,
        first: int,
        after: tuple[int | str, str] | None,
    ) -> TracePage:
        """Any order: all traces of the time range are aggregated."""
        kept: list[Trace] = []
        limit = first + 1
        while True:
            try:
                found = await self._repository.page(
                    project_id, where, order, after, limit, from_bucket_ns=where.from_ns
                )
                complete = found if where.from_ns is None else await self._completed(project_id, found)
            except QueryTooExpensive:
                return TracePage(kept[:first], has_more=bool(kept), is_cut=True)
            # Those that began before the range are only seen to have once they are read completely.
            kept += [trace for trace in complete if where.matches(trace)]
            if len(kept) > first or len(found) < limit:
                return TracePage(kept[:first], has_more=len(kept) > first)
            after = (order.field.value_of(found[-1]), found[-1].id)

    async def _newest(
        self, project_id: ProjectId, where: TraceFilter, first: int, after: tuple[int | str, str] | None
    ) -> TracePage:
        """Newest first, looking back through ever wider windows until the page is full."""
        best: list[Trace] = []
        limit = first + 1 + _SPARE
        lowers = lower_bounds(_upper_bound(where, after), where.from_ns)
        while True:
            lower = next(lowers)
            try:
                found, is_exhausted = await self._window(project_id, where, after, lower, limit)
            except QueryTooExpensive:
                return TracePage(best[:first], has_more=len(best) > first, is_cut=True)
            best = found
            if len(found) > first or (is_exhausted and lower == where.from_ns):
                return TracePage(found[:first], has_more=len(found) > first)
            if not is_exhausted:
                limit *= 4

    async def _window(
        self,
        project_id: ProjectId,
        where: TraceFilter,
        after: tuple[int | str, str] | None,
        lower_ns: int | None,
        limit: int,
    ) -> tuple[list[Trace], bool]:
        """Traces that began at or after ``lower_ns``, newest first, and whether these are all of them.

        At most ``limit`` candidates are read; some may turn out to have begun earlier and are dropped.
        """
        upper_ns = _upper_bound(where, after)
        # What later buckets say may decide a condition, so only a search by time alone may leave them out.
        to_bucket_ns = upper_ns if where.has_only_times else None
        candidates = await self._repository.page(
            project_id,
            where,
            _NEWEST_FIRST,
            after,
            limit,
            from_bucket_ns=lower_ns,
            to_bucket_ns=to_bucket_ns,
        )
        if lower_ns is None and to_bucket_ns is None:
            return candidates, len(candidates) < limit
        complete = await self._completed(project_id, candidates)
        kept = [
            trace
            for trace in complete
            if where.matches(trace)
            and (lower_ns is None or trace.start_ns >= lower_ns)
            and (after is None or (trace.start_ns, trace.id) < after)
        ]
        if len(candidates) == limit:
            # Beyond the last candidate nothing is known, so nothing older may be handed out.
            floor = (candidates[-1].start_ns, candidates[-1].id)
            kept = [trace for trace in kept if (trace.start_ns, trace.id) >= floor]
        kept.sort(key=lambda trace: (trace.start_ns, trace.id), reverse=True)
        return kept, len(candidates) < limit

    async def _completed(self, project_id: ProjectId, candidates: list[Trace]) -> list[Trace]:
        """The same traces in the same order, read again over all their buckets."""
        found = await self._repository.by_ids(project_id, [trace.id for trace in candidates])
        by_id = {trace.id: trace for trace in found}
        return [by_id[trace.id] for trace in candidates if trace.id in by_id]


def _upper_bound(where: TraceFilter, after: tuple[int | str, str] | None) -> int | None:
    bounds = [bound for bound in (where.to_ns, after[0] if after else None) if isinstance(bound, int)]
    return min(bounds, default=None)
