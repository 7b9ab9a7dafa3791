"""Observations out of ClickHouse as domain objects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from lumenspan.filters import Condition
from lumenspan.ids import BlobKey, ObservationId, ProjectId, TraceId
from lumenspan.observations import queries
from lumenspan.observations.domain import (
    LEVELS,
    Level,
    Observation,
    ObservationOutline,
    ObservationParts,
    ObservationPosition,
    ObservationTexts,
    Pricing,
)
from lumenspan.storage.clickhouse import ClickHouse, Sql
from lumenspan.traces.domain import TraceKey


class ObservationRepository:
    """Runs the queries of ``queries`` and converts their rows."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def pages(
        self,
        project_id: ProjectId,
        traces: Sequence[TraceKey],
        after: tuple[int, str] | None,
        limit: int,
    ) -> dict[TraceId, list[Observation]]:
        """At most ``limit`` observations a trace, in order of start; traces without any are left out."""
        rows = await self._clickhouse.query(queries.pages(project_id, traces, after, limit))
        found: dict[TraceId, list[Observation]] = defaultdict(list)
        for row in rows.rows:
            observation = to_observation(project_id, row)
            found[observation.trace_id].append(observation)
        return dict(found)

    async def by_id(
        self, project_id: ProjectId, trace: TraceKey, observation_id: str
    ) -> Observation | None:
        """One observation of a trace, None where there is none."""
        rows = await self._clickhouse.query(queries.by_id(project_id, trace, observation_id))
        return to_observation(project_id, rows.rows[0][:-1]) if rows.rows else None

    async def payload_key(
        self, project_id: ProjectId, trace: TraceKey, observation_id: str
    ) -> BlobKey | None:
        """Where the raw payload of one observation is, None where there is no such observation."""
        rows = await self._clickhouse.query(queries.payload_key(project_id, trace, observation_id))
        return BlobKey(rows.rows[0][0]) if rows.rows else None

    async def outline(
        self, project_id: ProjectId, trace: TraceKey, after: tuple[int, str] | None, limit: int
    ) -> list[ObservationOutline]:
        """At most ``limit`` observations of a trace after a position, in order of start."""
        rows = await self._clickhouse.query(queries.outline(project_id, trace, after, limit))
        return [
            ObservationOutline(
                ObservationId(id_), parent_id, type_, name, start, end, to_level(level), model, cost, usage
            )
            for id_, parent_id, type_, name, start, end, level, model, cost, usage in rows.rows
        ]

    async def experiments(
        self, project_id: ProjectId, traces: Sequence[TraceKey], ids: Sequence[str]
    ) -> dict[tuple[TraceId, ObservationId], dict[str, str]]:
        """What observations say of their experiment, by trace and observation."""
        rows = await self._clickhouse.query(queries.experiments(project_id, traces, ids))
        return {(TraceId(trace_id), ObservationId(id_)): dict(said) for trace_id, id_, said in rows.rows}

    async def texts(
        self,
        project_id: ProjectId,
        traces: Sequence[TraceKey],
        ids: Sequence[str],
        max_chars: int | None = None,
    ) -> dict[tuple[TraceId, ObservationId], ObservationTexts]:
        """Input and output by trace and observation, in full or their first characters."""
        rows = await self._clickhouse.query(queries.texts(project_id, traces, ids, max_chars))
        return {
            (TraceId(trace_id), ObservationId(id_)): ObservationTexts(input_ or None, output or None)
            for trace_id, id_, input_, output in rows.rows
        }

    async def candidates(
        self,
        project_id: ProjectId,
        conditions: Iterable[Condition],
        after: ObservationPosition | None,
        from_ns: int | None,
        limit: int,
    ) -> list[tuple[ObservationPosition, int]]:
        """See ``queries.candidates``: where each write is, and its ``event_ts`` in nanoseconds."""
        return await self._positions(queries.candidates(project_id, conditions, after, from_ns, limit))

    async def count(self, project_id: ProjectId, conditions: Iterable[Condition]) -> int:
        """How many observations fulfil the conditions."""
        return await self._clickhouse.query_number(queries.count(project_id, conditions))

    async def numbered(
        self, project_id: ProjectId, conditions: Iterable[Condition], offset: int, limit: int
    ) -> list[tuple[ObservationPosition, int]]:
        """See ``queries.numbered``: where each is, and its ``event_ts`` in nanoseconds."""
        return await self._positions(queries.numbered(project_id, conditions, offset, limit))

    async def newest(
        self,
        project_id: ProjectId,
        traces: Sequence[TraceKey],
        ids: Sequence[str],
        parts: ObservationParts,
    ) -> list[Observation]:
        """The newest writes of these ids within traces, without those that are deleted; in no order."""
        rows = await self._clickhouse.query(queries.newest(project_id, traces, ids, parts))
        found = []
        for *row, input_, output, _ in rows.rows:
            observation = to_observation(project_id, row)
            if parts.has_texts:
                observation = replace(observation, input=input_ or None, output=output or None)
            found.append(observation)
        return found

    async def roots(self, project_id: ProjectId, traces: Sequence[TraceKey]) -> dict[TraceId, Observation]:
        """See ``queries.roots``."""
        rows = await self._clickhouse.query(queries.roots(project_id, traces))
        found = [to_observation(project_id, row[:-1]) for row in rows.rows]
        return {each.trace_id: each for each in found}

    async def _positions(self, sql: Sql) -> list[tuple[ObservationPosition, int]]:
        rows = await self._clickhouse.query(sql)
        return [
            (ObservationPosition(start_ns, trace_id, id_), updated_ns)
            for trace_id, id_, start_ns, updated_ns in rows.rows
        ]


def to_level(text: str) -> Level:
    """The level of a stored text; DEFAULT for what is none."""
    return Level(text) if text in LEVELS else Level.DEFAULT


def to_observation(project_id: ProjectId, row: Sequence[Any]) -> Observation:
    """An observation of a row of ``BASE_COLUMNS + PREVIEW_COLUMNS + METADATA_COLUMNS``."""
    (trace_id, id_, parent_id, type_, name, start, end, completion, level, status, *rest) = row
    (environment, version, release, user, session, model, parameters, prompt, prompt_version, *rest) = rest
    (is_root, updated, created, usage, cost, tags, trace_name, is_public, is_bookmarked, *rest) = rest
    *pricing, input_preview, output_preview, metadata = rest
    return Observation(
        project_id=project_id,
        trace_id=TraceId(trace_id),
        id=ObservationId(id_),
        parent_id=parent_id,
        type=type_,
        name=name,
        start_ns=start,
        end_ns=end,
        completion_start_ns=completion,
        level=to_level(level),
        status_message=status,
        environment=environment,
        version=version,
        release=release,
        user_id=user,
        session_id=session,
        model=model,
        model_parameters=parameters,
        prompt_name=prompt,
        prompt_version=prompt_version,
        input_preview=input_preview,
        output_preview=output_preview,
        is_root=bool(is_root),
        updated_ns=updated,
        created_us=created,
        usage=dict(usage),
        cost=dict(cost),
        metadata=dict(metadata),
        tags=tuple(tags),
        trace_name=trace_name,
        is_public=bool(is_public),
        is_bookmarked=bool(is_bookmarked),
        pricing=Pricing(*pricing),
    )
