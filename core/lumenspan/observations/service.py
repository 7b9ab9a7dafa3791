"""Reading observations; the caller has checked that the project may be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lumenspan.errors import InvalidInput, NotFound, ResultTooLarge
from lumenspan.filters import Condition, find_column
from lumenspan.ids import BlobKey, ObservationId, ProjectId, TraceId
from lumenspan.observations.domain import (
    Observation,
    ObservationOutline,
    ObservationPage,
    ObservationParts,
    ObservationPosition,
    ObservationTexts,
)
from lumenspan.observations.filters import COLUMNS
from lumenspan.observations.repository import ObservationRepository
from lumenspan.storage.clickhouse import ClickHouse
from lumenspan.traces.domain import TraceKey
from lumenspan.traces.service import TraceService
from lumenspan.windows import lower_bounds

# Candidates beyond the page: some are outdated writes of an observation that no longer fits.
_SPARE = 10
_PAGE = 1_000
# A trace with more is not handed out as one answer; its pages still are.
MAX_WHOLE_TRACE = 10_000
_WHOLE = ObservationParts(has_texts=True, metadata_chars=None)


class ObservationService:
    """Everything that reads observations."""

    def __init__(self, clickhouse: ClickHouse, traces: TraceService) -> None:
        self._repository = ObservationRepository(clickhouse)
        self._traces = traces

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

    async def payload_key(
        self, project_id: ProjectId, trace: TraceKey, observation_id: str
    ) -> BlobKey | None:
        """Where the raw payload is that one observation came from; None without such an observation."""
        return await self._repository.payload_key(project_id, trace, observation_id)

    async def outline(
        self, project_id: ProjectId, trace: TraceKey, first: int, after: tuple[int, str] | None = None
    ) -> tuple[list[ObservationOutline], bool]:
        """The first observations of a trace after a position (start in ns, id), and whether more follow.

        In order of start; without texts and metadata, so that it stays small for the longest trace.
        """
        found = await self._repository.outline(project_id, trace, after, first + 1)
        return found[:first], len(found) > first

    async def experiments(
        self, project_id: ProjectId, traces: Sequence[TraceKey], ids: Sequence[str]
    ) -> dict[tuple[TraceId, ObservationId], dict[str, str]]:
        """What observations say of the experiment that they belong to (``item.id``, …); one query."""
        return await self._repository.experiments(project_id, traces, ids) if traces and ids else {}

    async def texts(
        self,
        project_id: ProjectId,
        traces: Sequence[TraceKey],
        ids: Sequence[str],
        max_chars: int | None = None,
    ) -> dict[tuple[TraceId, ObservationId], ObservationTexts]:
        """Input and output by trace and observation, in full or their first characters; one query."""
        if not traces or not ids:
            return {}
        return await self._repository.texts(project_id, traces, ids, max_chars)

    async def by_ids(
        self,
        project_id: ProjectId,
        traces: Sequence[TraceKey],
        ids: Sequence[str],
        parts: ObservationParts,
    ) -> list[Observation]:
        """Observations of traces by id, in no order; absent ones are left out."""
        return await self._repository.newest(project_id, traces, ids, parts) if traces and ids else []

    async def roots(self, project_id: ProjectId, traces: Sequence[TraceKey]) -> dict[TraceId, Observation]:
        """The earliest root of each trace, without texts and metadata; traces without one are left out."""
        return await self._repository.roots(project_id, traces) if traces else {}

    async def whole_trace(
        self, project_id: ProjectId, trace: TraceKey, *, has_texts: bool
    ) -> list[Observation]:
        """Every observation of a trace in order of start, with input and output where asked for.

        Raises:
            ResultTooLarge: there are more than ``MAX_WHOLE_TRACE``.
        """
        found: list[Observation] = []
        after: tuple[int, str] | None = None
        while True:
            page = (await self.pages(project_id, [trace], _PAGE, after)).get(trace.id, ObservationPage([]))
            found += await self._with_texts(project_id, trace, page.observations, has_texts)
            if not page.has_more:
                return found
            if len(found) >= MAX_WHOLE_TRACE:
                raise ResultTooLarge(f"The trace has more than {MAX_WHOLE_TRACE} observations")
            after = (found[-1].start_ns, found[-1].id)

    async def search(
        self,
        project_id: ProjectId,
        conditions: Sequence[Condition],
        first: int,
        after: ObservationPosition | None = None,
        parts: ObservationParts | None = None,
    ) -> ObservationPage:
        """The first observations that fulfil all conditions, newest start first, after a position.

        Raises:
            InvalidInput: a condition does not fit its column, or would search texts without an index.
            QueryTooExpensive: the time limit was reached.
        """
        _check_texts(conditions)
        if first == 0:
            return ObservationPage([])
        limit = first + 1 + _SPARE
        last = _bound(conditions, (">", ">="))
        uppers = [bound for bound in (_bound(conditions, ("<", "<=")), after and after.start_ns) if bound]
        lowers = lower_bounds(min(uppers, default=None), last)
        # What an index finds is not found faster in a narrower window.
        lower = last if any(_is_indexed(each) for each in conditions) else next(lowers)
        while True:
            candidates = await self._repository.candidates(project_id, conditions, after, lower, limit)
            is_exhausted = len(candidates) < limit
            if len(candidates) > first or (is_exhausted and lower == last):
                found = await self._confirmed(project_id, candidates, parts or ObservationParts())
                if len(found) > first or (is_exhausted and lower == last):
                    return ObservationPage(found[:first], has_more=len(found) > first)
            if is_exhausted:
                lower = next(lowers)
            else:
                limit *= 4

    async def numbered_page(
        self, project_id: ProjectId, conditions: Sequence[Condition], page: int, limit: int
    ) -> tuple[list[Observation], int]:
        """Page ``page`` (from 1) of those that fulfil all conditions, newest start first, and how many
        there are on all pages; complete, with input, output and metadata.

        Raises:
            InvalidInput: a condition does not fit its column, or would search texts without an index.
            QueryTooExpensive: the time limit was reached.
        """
        _check_texts(conditions)
        total = await self._repository.count(project_id, conditions)
        offset = (page - 1) * limit
        if offset >= total:
            return [], total
        if page == 1:
            # Looks back through ever wider windows; the newest are found without reading the rest.
            return (await self.search(project_id, conditions, limit, parts=_WHOLE)).observations, total
        found = await self._repository.numbered(project_id, conditions, offset, limit)
        return await self._confirmed(project_id, found, _WHOLE), total

    async def find(self, project_id: ProjectId, observation_id: str) -> Observation:
        """One observation of whichever trace, complete; the newest where several traces have that id.

        Raises:
            NotFound: the project has no observation of that id.
        """
        where = [Condition("string", "id", "=", observation_id)]
        found = (await self.search(project_id, where, 1, parts=_WHOLE)).observations
        if not found:
            raise NotFound("Observation not found within authorized project")
        return found[0]

    async def _confirmed(
        self,
        project_id: ProjectId,
        candidates: Sequence[tuple[ObservationPosition, int]],
        parts: ObservationParts,
    ) -> list[Observation]:
        """Those candidates that are the newest write of their observation, in the same order."""
        traces = await self._traces.by_ids(project_id, list({place.trace_id for place, _ in candidates}))
        if not traces:
            return []
        ids = list({place.id for place, _ in candidates})
        newest = await self._repository.newest(project_id, [trace.key for trace in traces], ids, parts)
        by_write = {(each.trace_id, each.id, each.updated_ns): each for each in newest}
        found: dict[tuple[str, str], Observation] = {}
        for place, updated_ns in candidates:
            observation = by_write.get((TraceId(place.trace_id), ObservationId(place.id), updated_ns))
            if observation is not None:
                found.setdefault((place.trace_id, place.id), observation)
        return list(found.values())

    async def _with_texts(
        self, project_id: ProjectId, trace: TraceKey, observations: list[Observation], has_texts: bool
    ) -> list[Observation]:
        if not has_texts:
            return observations
        texts = await self.texts(project_id, [trace], [each.id for each in observations])
        none = ObservationTexts()
        return [
            replace(each, input=found.input, output=found.output)
            for each in observations
            for found in [texts.get((trace.id, each.id), none)]
        ]


def _check_texts(conditions: Sequence[Condition]) -> None:
    """Searching texts needs at least one condition that an index can serve."""
    on_texts = [each for each in conditions if find_column(COLUMNS, each).canonical in ("input", "output")]
    if on_texts and not any(each.operator in ("=", "matches") for each in on_texts):
        raise InvalidInput("A filter on input or output needs a condition on them with = or matches")


def _is_indexed(condition: Condition) -> bool:
    """Whether it leaves one trace or one id."""
    return condition.operator == "=" and find_column(COLUMNS, condition).canonical in ("id", "traceId")


def _bound(conditions: Sequence[Condition], operators: tuple[str, ...]) -> int | None:
    """The tightest bound of the start time in one direction, nanoseconds since the epoch."""
    values = [
        each.value for each in conditions if each.column == "startTime" and each.operator in operators
    ]
    if not values:
        return None
    return int(max(values) if ">" in operators else min(values))
