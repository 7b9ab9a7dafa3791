"""The data of a deleted project: removed from every store, soon after nobody can reach it any more."""

# Only names that the databases themselves told are put into the texts; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from redis.asyncio import Redis
from sqlalchemy import delete, select, text
from sqlmodel import col

from lumenspan.clock import utc_now
from lumenspan.errors import LumenspanError
from lumenspan.identity import jobs
from lumenspan.identity.tables import ProjectRow
from lumenspan.ids import ProjectId
from lumenspan.ingest import jobs as ingest_jobs
from lumenspan.ingest.keys import before_minute, key_segment, payload_keys, share_of
from lumenspan.media.service import MediaService
from lumenspan.settings import Settings
from lumenspan.storage import statements
from lumenspan.storage.blobs import Blobs
from lumenspan.storage.cache import key, redis_errors
from lumenspan.storage.clickhouse import ClickHouse, Sql
from lumenspan.storage.postgres import Postgres
from lumenspan.storage.queue import JobQueue

_log = structlog.get_logger(__name__)
# Longer than a revoked key is remembered anywhere and a call that was let in may take to be stored.
_SETTLED = timedelta(seconds=5)
# A payload that is never settled does not keep the project for ever.
_PATIENCE = timedelta(hours=1)
# A job works for so long and enqueues the rest.
_WORK_S = 60.0
_LOOK_EVERY_S = 600.0
_AT_WORK_S = 900
_ROWS_AT_ONCE = 5_000
# Clocks of servers and of the database differ.
_MARGIN = timedelta(hours=1)

_CLICKHOUSE_TABLES = """SELECT name FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name IN (
  SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'project_id')
ORDER BY name"""
# A second deletion beside one that is under way would only rewrite the same parts again; what it leaves is
# found by the next look.
_BEING_DELETED = """SELECT DISTINCT table FROM system.mutations
WHERE database = currentDatabase() AND NOT is_done
  AND position(command, concat('\\'', {project_id:String}, '\\'')) > 0"""
_POSTGRES_TABLES = """SELECT table_name FROM information_schema.columns
WHERE table_schema = current_schema() AND column_name = 'project_id' ORDER BY table_name"""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a deletion is.

    Attributes:
        after: the key of the last raw payload that was looked at.
        is_done: nothing is left, not even the project's row.
        is_waiting: what is left may be looked at only after a moment.
    """

    after: str = ""
    is_done: bool = False
    is_waiting: bool = False


class ProjectDeletion:
    """The worker's part. Doing it again, or twice at once, changes nothing."""

    def __init__(
        self,
        postgres: Postgres,
        clickhouse: ClickHouse,
        blobs: Blobs,
        media: MediaService,
        redis: Redis,
        settings: Settings,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._postgres = postgres
        self._clickhouse = clickhouse
        self._blobs = blobs
        self._media = media
        self._redis = redis
        self._queue = JobQueue(redis, settings)
        self._settings = settings
        self._now = now

    async def work(self, project_id: ProjectId, after: str = "") -> Progress:
        """Remove what can be removed now; the row of the project goes last.

        Raises:
            Unavailable: an engine is down; doing it again goes on.
        """
        async with self._postgres.session() as session:
            # Waits for whoever is just deleting the project; did that fail, there is nothing to do.
            is_it = col(ProjectRow.id) == project_id
            row = await statements.one(session, ProjectRow, is_it, is_locked=True)
        if row is None or row.deleted_at is None:
            return Progress(after, is_done=True)
        with redis_errors():
            await self._redis.set(self._at_work_key(project_id), b"1", ex=_AT_WORK_S)
        is_clean = await self._remove_analytics(project_id)
        await self._media.forget_project(project_id)
        await self._remove_kept(project_id)
        after = after or before_minute(self._settings.s3_prefix, row.created_at - _MARGIN)
        after, is_through = await self._remove_payloads(project_id, after)
        if not is_through:
            return Progress(after)
        if not is_clean or not await self._is_settled(project_id, row.deleted_at):
            return Progress(after, is_waiting=True)
        await self._remove_rows(project_id)
        _log.info("project_removed", project_id=project_id)
        return Progress(after, is_done=True)

    async def run(self) -> None:
        """Enqueue deletions whose job was lost, until cancelled."""
        while True:
            try:
                await self.enqueue_lost()
            except LumenspanError as error:
                _log.warning("deletions_not_looked_for", error=error.message)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def enqueue_lost(self) -> int:
        """Enqueue every deletion that nobody works on; returns their number.

        Raises:
            Unavailable: an engine is down.
        """
        before = self._now() - timedelta(seconds=_AT_WORK_S)
        async with self._postgres.session() as session:
            query = select(col(ProjectRow.id)).where(col(ProjectRow.deleted_at) < before)
            project_ids = list((await session.execute(query)).scalars())
        lost = 0
        for project_id in project_ids:
            with redis_errors():
                name = self._at_work_key(project_id)
                is_lost = await self._redis.set(name, b"1", ex=_AT_WORK_S, nx=True)
            if is_lost:
                await self._queue.enqueue(jobs.DELETE_PROJECT, (project_id, ""), queue=jobs.QUEUE)
                lost += 1
        return lost

    async def _remove_analytics(self, project_id: ProjectId) -> bool:
        """Whether ClickHouse holds nothing of the project any more; its deletions are not waited for."""
        tables = await self._clickhouse.query(Sql.unscoped(_CLICKHOUSE_TABLES))
        params = {"project_id": project_id}
        under_way = {row[0] for row in (await self._clickhouse.query(Sql(_BEING_DELETED, params))).rows}
        is_clean = True
        for (table,) in tables.rows:
            scope = f"FROM `{table}` WHERE project_id = {{project_id:String}}"
            found = await self._clickhouse.query(Sql(f"SELECT 1 {scope} LIMIT 1", params))
            if found.rows:
                is_clean = False
            if found.rows and table not in under_way:
                settings = {"lightweight_deletes_sync": 0}
                await self._clickhouse.command(Sql(f"DELETE {scope}", params), settings=settings)
        return is_clean

    async def _remove_kept(self, project_id: ProjectId) -> None:
        """What Redis keeps under the project's name."""
        names = (
            key(self._settings, "tail", project_id),
            key(self._settings, "models", project_id),
            key(self._settings, "prompts", "epoch", project_id),
        )
        with redis_errors():
            await self._redis.delete(*names)

    async def _remove_payloads(self, project_id: ProjectId, after: str) -> tuple[str, bool]:
        """Remove raw payloads for a while; the last key looked at, and whether that was all of them."""
        clock = asyncio.get_running_loop().time
        until, segment = clock() + _WORK_S, key_segment(project_id)
        pages = payload_keys(self._blobs, self._settings.s3_prefix, after, self._now() + _MARGIN)
        async for page in pages:
            own = [each for each in page if share_of(each) == segment]
            await asyncio.gather(*(self._blobs.delete(each) for each in own))
            after = page[-1]
            if clock() > until:
                return after, False
        return after, True

    async def _is_settled(self, project_id: ProjectId, deleted_at: datetime) -> bool:
        """Whether nothing that was let in before the deletion can still be written."""
        age = self._now() - deleted_at
        if age < _SETTLED:
            return False
        open_payloads = await self._queue.open_since(ingest_jobs.QUEUE, key_segment(project_id))
        return open_payloads.count == 0 or age > _PATIENCE

    async def _remove_rows(self, project_id: ProjectId) -> None:
        """Everything in PostgreSQL, a part at a time, and the project itself at the end."""
        async with self._postgres.session() as session:
            tables = list((await session.execute(text(_POSTGRES_TABLES))).scalars())
        for table in tables:
            some = f'SELECT ctid FROM "{table}" WHERE project_id = :project_id LIMIT {_ROWS_AT_ONCE}'
            statement = text(f'DELETE FROM "{table}" WHERE ctid IN ({some})')
            removed = _ROWS_AT_ONCE
            while removed >= _ROWS_AT_ONCE:
                async with self._postgres.session() as session:
                    result = await session.execute(statement, {"project_id": project_id})
                removed = int(getattr(result, "rowcount", 0))
        async with self._postgres.session() as session:
            await session.execute(delete(ProjectRow).where(col(ProjectRow.id) == project_id))

    def _at_work_key(self, project_id: str) -> str:
        return key(self._settings, "project-deletion", project_id)
