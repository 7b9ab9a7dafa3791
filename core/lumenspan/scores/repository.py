"""Score configs out of PostgreSQL, scores out of ClickHouse. The caller owns the transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from lumenspan.filters import Condition
from lumenspan.ids import ProjectId, ScoreConfigId, ScoreId
from lumenspan.scores import queries
from lumenspan.scores.domain import Category, DataType, Score, ScoreConfig, ScoreSource
from lumenspan.scores.tables import ScoreConfigRow
from lumenspan.storage import statements
from lumenspan.storage.clickhouse import FINAL_BY_PARTITION, ClickHouse, Sql


def to_config(row: ScoreConfigRow) -> ScoreConfig:
    return ScoreConfig(
        id=ScoreConfigId(row.id),
        project_id=ProjectId(row.project_id),
        name=row.name,
        data_type=DataType(row.data_type),
        is_archived=row.is_archived,
        min_value=row.min_value,
        max_value=row.max_value,
        categories=tuple(Category(each["label"], each["value"]) for each in row.categories or ()),
        description=row.description,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _values(config: ScoreConfig) -> dict[str, Any]:
    categories = [{"label": each.label, "value": each.value} for each in config.categories]
    return {
        "id": config.id,
        "project_id": config.project_id,
        "name": config.name,
        "data_type": config.data_type.value,
        "is_archived": config.is_archived,
        "min_value": config.min_value,
        "max_value": config.max_value,
        "categories": categories or None,
        "description": config.description,
        "created_at": config.created_at,
        "updated_at": config.updated_at,
    }


async def insert_config(session: AsyncSession, config: ScoreConfig) -> None:
    """Add a config."""
    session.add(ScoreConfigRow(**_values(config)))


async def save_config(session: AsyncSession, config: ScoreConfig) -> None:
    """Overwrite a config that was locked before."""
    await session.merge(ScoreConfigRow(**_values(config)))


async def configs_by_ids(
    session: AsyncSession, project_id: ProjectId, ids: Sequence[str]
) -> list[ScoreConfig]:
    """Configs of the project by id, in no order; absent ones are left out."""
    query = select(ScoreConfigRow).where(
        col(ScoreConfigRow.project_id) == project_id, col(ScoreConfigRow.id).in_(ids)
    )
    return [to_config(row) for row in (await session.execute(query)).scalars()]


async def lock_config(session: AsyncSession, project_id: ProjectId, config_id: str) -> ScoreConfig | None:
    """One config, held until the end of the transaction."""
    where = (col(ScoreConfigRow.project_id) == project_id, col(ScoreConfigRow.id) == config_id)
    row = await statements.one(session, ScoreConfigRow, *where, is_locked=True)
    return to_config(row) if row else None


async def config_page(
    session: AsyncSession, project_id: ProjectId, offset: int, limit: int
) -> tuple[list[ScoreConfig], int]:
    """Configs newest first, and how many there are."""
    where = (col(ScoreConfigRow.project_id) == project_id,)
    order = (col(ScoreConfigRow.created_at).desc(), col(ScoreConfigRow.id).desc())
    rows, total = await statements.page(session, ScoreConfigRow, where, order, offset, limit)
    return [to_config(row) for row in rows], total


class ScoreRepository:
    """Runs the queries of ``queries`` and converts their rows."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def by_ids(self, project_id: ProjectId, ids: Sequence[str]) -> list[Score]:
        """Scores by id, newest first; absent and deleted ones are left out."""
        return await self._scores(project_id, queries.by_ids(project_id, ids))

    async def by_traces(self, project_id: ProjectId, trace_ids: Sequence[str], limit: int) -> list[Score]:
        """At most ``limit`` scores a trace, newest first."""
        return await self._scores(project_id, queries.by_traces(project_id, trace_ids, limit))

    async def by_runs(self, project_id: ProjectId, run_ids: Sequence[str], limit: int) -> list[Score]:
        """At most ``limit`` scores a run, newest first."""
        return await self._scores(project_id, queries.by_runs(project_id, run_ids, limit))

    async def by_spans(
        self, project_id: ProjectId, spans: Sequence[tuple[str, str]], limit: int
    ) -> list[Score]:
        """See ``queries.by_spans``; spans are (trace, observation)."""
        traces, observations = {trace for trace, _ in spans}, {id_ for _, id_ in spans}
        sql = queries.by_spans(project_id, sorted(traces), sorted(observations), limit)
        return await self._scores(project_id, sql)

    async def search(
        self,
        project_id: ProjectId,
        conditions: Sequence[Condition],
        *,
        limit: int,
        offset: int = 0,
        after: tuple[int, str] | None = None,
    ) -> list[Score]:
        """See ``queries.search``."""
        sql = queries.search(project_id, conditions, limit=limit, offset=offset, after=after)
        return await self._scores(project_id, sql, FINAL_BY_PARTITION)

    async def count(self, project_id: ProjectId, conditions: Sequence[Condition]) -> int:
        """See ``queries.count``."""
        sql = queries.count(project_id, conditions)
        return await self._clickhouse.query_number(sql, settings=FINAL_BY_PARTITION)

    async def delete(self, project_id: ProjectId, score_id: str) -> None:
        """Hide a score, and let nothing said of it so far count. Unknown ids are no error."""
        await self._clickhouse.command(queries.forget_events(project_id, score_id))
        await self._clickhouse.command(queries.hide(project_id, score_id))

    async def _scores(
        self, project_id: ProjectId, sql: Sql, settings: Mapping[str, Any] | None = None
    ) -> list[Score]:
        rows = await self._clickhouse.query_dicts(sql, settings=settings)
        return [_to_score(project_id, row) for row in rows]


def _to_score(project_id: ProjectId, row: dict[str, Any]) -> Score:
    data_type = DataType(row["data_type"])
    is_long = data_type == DataType.CORRECTION
    return Score(
        project_id=project_id,
        id=ScoreId(row["id"]),
        timestamp_ns=row["timestamp"],
        name=row["name"],
        data_type=data_type,
        source=ScoreSource(row["source"]),
        value=row["value"],
        string_value=row["long_string_value"] if is_long else row["string_value"],
        trace_id=row["trace_id"],
        observation_id=row["observation_id"],
        session_id=row["session_id"],
        dataset_run_id=row["dataset_run_id"],
        comment=row["comment"],
        config_id=row["config_id"],
        queue_id=row["queue_id"],
        author_user_id=row["author_user_id"],
        execution_trace_id=row["execution_trace_id"],
        environment=row["environment"],
        created_us=row["created_at"],
        updated_ns=row["event_ts"],
        metadata=dict(row["metadata"]),
    )
