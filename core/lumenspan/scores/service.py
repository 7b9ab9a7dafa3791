"""Reading scores; the caller has checked that the project may be read."""

from __future__ import annotations

from collections.abc import Sequence

from lumenspan.errors import NotFound
from lumenspan.filters import Condition
from lumenspan.ids import ProjectId
from lumenspan.scores.domain import Score
from lumenspan.scores.repository import ScoreRepository
from lumenspan.storage.clickhouse import ClickHouse


class ScoreService:
    """Everything that reads scores."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._repository = ScoreRepository(clickhouse)

    async def get(self, project_id: ProjectId, score_id: str) -> Score:
        """One score; NotFound where the project has none of that id."""
        found = await self._repository.by_ids(project_id, [score_id])
        if not found:
            raise NotFound("Score not found")
        return found[0]

    async def by_traces(
        self, project_id: ProjectId, trace_ids: Sequence[str], limit: int = 1_000
    ) -> list[Score]:
        """At most ``limit`` scores a trace, newest first; one query."""
        return await self._repository.by_traces(project_id, trace_ids, limit) if trace_ids else []

    async def by_runs(
        self, project_id: ProjectId, run_ids: Sequence[str], limit: int
    ) -> dict[str, tuple[Score, ...]]:
        """At most ``limit`` scores of each experiment itself by its id, newest first; one query."""
        found: dict[str, tuple[Score, ...]] = {}
        if run_ids and limit:
            for score in await self._repository.by_runs(project_id, run_ids, limit):
                found[score.dataset_run_id] = (*found.get(score.dataset_run_id, ()), score)
        return found

    async def by_spans(
        self, project_id: ProjectId, spans: Sequence[tuple[str, str]], limit: int
    ) -> dict[tuple[str, str], tuple[Score, ...]]:
        """At most ``limit`` scores of each (trace, observation) or of its whole trace, newest first."""
        if not spans or not limit:
            return {}
        scores = await self._repository.by_spans(project_id, spans, limit)
        by_subject: dict[tuple[str, str], list[Score]] = {}
        for score in scores:
            by_subject.setdefault((score.trace_id, score.observation_id), []).append(score)
        found = {}
        for trace_id, id_ in set(spans):
            # The observation may be the trace itself where a run item names no more.
            own = by_subject.get((trace_id, id_), []) + by_subject.get((trace_id, ""), [])
            own.sort(key=lambda score: (score.timestamp_ns, score.id), reverse=True)
            found[trace_id, id_] = tuple(own[:limit])
        return found

    async def numbered_page(
        self, project_id: ProjectId, conditions: Sequence[Condition], page: int, limit: int
    ) -> tuple[list[Score], int]:
        """Page ``page`` (from 1) of those that fulfil the conditions, newest first, and how many there are.

        Raises:
            InvalidInput: a condition does not fit its column.
        """
        total = await self._repository.count(project_id, conditions)
        offset = (page - 1) * limit
        if offset >= total:
            return [], total
        found = await self._repository.search(project_id, conditions, limit=limit, offset=offset)
        return found, total

    async def after(
        self,
        project_id: ProjectId,
        conditions: Sequence[Condition],
        limit: int,
        position: tuple[int, str] | None,
    ) -> tuple[list[Score], bool]:
        """At most ``limit`` behind a position (time in nanoseconds, id), and whether there are more.

        Raises:
            InvalidInput: a condition does not fit its column.
        """
        found = await self._repository.search(project_id, conditions, limit=limit + 1, after=position)
        return found[:limit], len(found) > limit

    async def delete(self, project_id: ProjectId, score_id: str) -> None:
        """Hidden when this returns; an unknown id is no error."""
        await self._repository.delete(project_id, score_id)
