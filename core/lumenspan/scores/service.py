"""Reading scores; the caller has checked that the project may be read."""

from __future__ import annotations

from collections.abc import Sequence

from lumenspan.errors import NotFound
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
