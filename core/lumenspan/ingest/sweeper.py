"""Finds raw payloads whose job was lost and enqueues them again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import structlog
from redis.asyncio import Redis
from sqlmodel import select

from lumenspan.clock import utc_now
from lumenspan.errors import LumenspanError
from lumenspan.identity.tables import IngestBlobRow
from lumenspan.ids import new_id
from lumenspan.ingest import jobs
from lumenspan.settings import Settings
from lumenspan.storage.blobs import Blobs
from lumenspan.storage.cache import redis_errors
from lumenspan.storage.postgres import Postgres
from lumenspan.storage.queue import JobQueue

_log = structlog.get_logger(__name__)
_PAGE = 1000
# A payload is looked for this long after it came; a store that was down for longer is swept by hand.
_HORIZON = timedelta(hours=24)
_MAX_ENQUEUED = 10_000


class Sweeper:
    """One search at a time over all workers: a lock in Redis says whose turn it is.

    It goes through the minutes in order and remembers in Redis up to which minute everything was found
    processed, so that a usual search lists a few minutes only.
    """

    def __init__(
        self, blobs: Blobs, queue: JobQueue, redis: Redis, postgres: Postgres, settings: Settings
    ) -> None:
        self._blobs = blobs
        self._queue = queue
        self._redis = redis
        self._postgres = postgres
        self._prefix = f"{settings.s3_prefix}otel/"
        self._after = timedelta(seconds=settings.sweep_after_s)
        self._interval_s = settings.sweep_interval_s
        self._lock = f"{settings.redis_key_prefix}sweep:lock"
        self._done = f"{settings.redis_key_prefix}sweep:done"

    async def run(self) -> None:
        """Search every ``sweep_interval_s`` until cancelled; a failed search is logged and repeated."""
        while True:
            try:
                await self.sweep()
            except LumenspanError as error:
                _log.warning("sweep_failed", error=error.message)
            except Exception:
                _log.exception("sweep_failed")
            await asyncio.sleep(self._interval_s)

    async def sweep(self, now: datetime | None = None) -> int:
        """Enqueue the unprocessed payloads older than ``sweep_after_s``; returns their number.

        Zero, too, when another process is at it. Unavailable when an engine is down.
        """
        token = new_id().encode()
        with redis_errors():
            is_ours = await self._redis.set(self._lock, token, nx=True, ex=max(60, 4 * self._interval_s))
        if not is_ours:
            return 0
        try:
            return await self._sweep(now or utc_now())
        finally:
            with redis_errors():
                if await self._redis.get(self._lock) == token:
                    await self._redis.delete(self._lock)

    async def _sweep(self, now: datetime) -> int:
        end = _minute(now - self._after)
        minute = await self._start(end)
        enqueued = 0
        is_complete = True
        while minute <= end and enqueued < _MAX_ENQUEUED:
            lost = await self._lost(minute)
            # The newest minute still gets payloads; it is left for the next search.
            is_complete = is_complete and not lost and minute < end
            for key in lost:
                await self._queue.enqueue(jobs.PROCESS_BLOB, (key,), queue=jobs.QUEUE)
            if lost:
                _log.warning("lost_payloads_enqueued", minute=minute.isoformat(), count=len(lost))
            enqueued += len(lost)
            if is_complete:
                with redis_errors():
                    await self._redis.set(self._done, minute.isoformat())
            minute += timedelta(minutes=1)
        return enqueued

    async def _start(self, end: datetime) -> datetime:
        """The first minute to look at: the one after the last complete one, at most the horizon ago."""
        with redis_errors():
            done = await self._redis.get(self._done)
        earliest = end - _HORIZON
        if done is None:
            return earliest
        text = done.decode() if isinstance(done, bytes) else done
        return max(earliest, datetime.fromisoformat(text) + timedelta(minutes=1))

    async def _lost(self, minute: datetime) -> list[str]:
        prefix = f"{self._prefix}{minute.strftime('%Y/%m/%d/%H/%M')}/"
        lost: list[str] = []
        after = ""
        while True:
            keys = await self._blobs.list(prefix, after, _PAGE)
            if keys:
                async with self._postgres.session() as session:
                    found = await session.execute(
                        select(IngestBlobRow.key).where(IngestBlobRow.key.in_(keys))  # type: ignore[attr-defined]
                    )
                    processed = set(found.scalars())
                lost += [key for key in keys if key not in processed]
            if len(keys) < _PAGE:
                return lost
            after = keys[-1]


def _minute(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(second=0, microsecond=0)
