"""Reading observations; the caller has checked that the project may be read."""

from __future__ import annotations

from collections.abc import Sequence

from lumenspan.ids import ObservationId, ProjectId, TraceId
from lumenspan.observations.domain import Observation, ObservationPage, ObservationTexts
from lumenspan.observations.repository import ObservationRepository
from lumenspan.storage.clickhouse import ClickHouse
from lumenspan.traces.domain import TraceKey


class ObservationService:
    """Everything that reads observations."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._repository = ObservationRepository(clickhouse)

    async def pages(
        self,
        project_id: ProjectId,
        traces: Sequence[TraceKey],
        first: int,
        after: tuple[int, str] | None = None,
    ) -> dict[TraceId, ObservationPage]:
        """The first observations of each trace after a position (start in ns, id), in order of start.

        One query; traces without observations are left out.
        """
        if not traces:
            return {}
        found = await self._repository.pages(project_id, traces, after, first + 1)
        return {
            trace_id: ObservationPage(observations[:first], has_more=len(observations) > first)
            for trace_id, observations in found.items()
        }

    async def get(self, project_id: ProjectId, trace: TraceKey, observation_id: str) -> Observation | None:
        """One observation of a trace, None where there is none."""
        return await self._repository.by_id(project_id, trace, observation_id)

    async def texts(
        self, project_id: ProjectId, traces: Sequence[TraceKey], ids: Sequence[str]
    ) -> dict[tuple[TraceId, ObservationId], ObservationTexts]:
        """Input and output in full by trace and observation; one query."""
        return await self._repository.texts(project_id, traces, ids) if traces and ids else {}
