"""Finds raw payloads whose job was lost and enqueues them again."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog
from redis.asyncio import Redis

from lumenspan.clock import utc_now
from lumenspan.errors import LumenspanError
from lumenspan.ids import new_id
from lumenspan.ingest import jobs
from lumenspan.ingest.keys import before_minute, minute, minute_of, payload_keys, share
from lumenspan.ingest.registry import Registry
from lumenspan.settings import Settings
from lumenspan.storage.blobs import Blobs
from lumenspan.storage.cache import redis_errors
from lumenspan.storage.queue import JobQueue

_log = structlog.get_logger(__name__)
# A payload is looked for this long after it came; a store that was down for longer is swept by hand.
_HORIZON = timedelta(hours=24)
_REMEMBERED = 7 * _HORIZON
_PRUNE_EVERY = timedelta(hours=1)
# With more than this in the queue, nothing that was lost would be processed soon anyway.
_MOST_QUEUED = 20_000


class Sweeper:
    """One search at a time over all workers: a lock in Redis says whose turn it is.

    Lost is what is older than ``sweep_after_s``, was not processed, and has no message in the queue: a
    backlog is not enqueued a second time. Keys begin with their minute, so a search goes on where
    everything before was found settled; that minute is remembered in Redis.
    """

    def __init__(
        self, blobs: Blobs, queue: JobQueue, redis: Redis, registry: Registry, settings: Settings
    ) -> None:
        self._blobs = blobs
        self._queue = queue
        self._redis = redis
        self._registry = registry
        self._prefix = settings.s3_prefix
        self._after = timedelta(seconds=settings.sweep_after_s)
        self._interval_s = settings.sweep_interval_s
        self._pruned_at = utc_now()
        self._lock = f"{settings.redis_key_prefix}sweep:lock"
        self._done = f"{settings.redis_key_prefix}sweep:done"

    async def run(self) -> None:
        """Search every ``sweep_interval_s`` until cancelled; a failed search is logged and repeated."""
        while True:
            try:
                await self.sweep()
                await self._prune()
            except LumenspanError as error:
                _log.warning("sweep_failed", error=error.message)
            except Exception:
                _log.exception("sweep_failed")
            await asyncio.sleep(self._interval_s)

    async def _prune(self) -> None:
        """Now and then forget the processed blobs that no search looks for any more."""
        now = utc_now()
        if now - self._pruned_at > _PRUNE_EVERY:
            self._pruned_at = now
            await self._registry.forget_before(now - _REMEMBERED)

    async def sweep(self, now: datetime | None = None) -> int:
        """Enqueue the payloads that lost their job; returns their number.

        Zero, too, when another process is at it. Unavailable when an engine is down.
        """
        token = new_id().encode()
        with redis_errors():
            is_ours = await self._redis.set(self._lock, token, nx=True, ex=max(15, 3 * self._interval_s))
        if not is_ours:
            return 0
        try:
            return await self._sweep(now or utc_now())
        finally:
            with redis_errors():
                if await self._redis.get(self._lock) == token:
                    await self._redis.delete(self._lock)

    async def _sweep(self, now: datetime) -> int:
        # Asked before the store is listed: what is settled meanwhile is found processed.
        queued = await self._queue.messages(jobs.QUEUE, _MOST_QUEUED)
        if queued is None:
            return 0
        waiting = {str(message.args[0]) for message in queued.waiting if message.args}
        parked = {str(message.args[0]) for message in queued.parked if message.args}
        end = now - self._after
        enqueued = 0
        # The newest minute still gets payloads; it is left for the next search.
        settled_until = minute(end) - timedelta(minutes=1)
        start = before_minute(self._prefix, await self._start(end))
        async for keys in payload_keys(self._blobs, self._prefix, start, end):
            processed = await self._registry.processed(keys)
            open_keys = [key for key in keys if key not in processed and key not in parked]
            if open_keys:
                settled_until = min(
                    settled_until, minute_of(self._prefix, open_keys[0]) - timedelta(minutes=1)
                )
            lost = [key for key in open_keys if key not in waiting]
            for key in lost:
                await self._queue.enqueue_fairly(jobs.PROCESS_BLOB, (key,), share(key), queue=jobs.QUEUE)
            enqueued += len(lost)
            if enqueued > _MOST_QUEUED:
                break
        if enqueued:
            _log.warning("lost_payloads_enqueued", count=enqueued)
        with redis_errors():
            await self._redis.set(self._done, settled_until.isoformat())
        return enqueued

    async def _start(self, end: datetime) -> datetime:
        """The first minute to look at: the one after the last settled one, at most the horizon ago."""
        with redis_errors():
            done = await self._redis.get(self._done)
        earliest = minute(end - _HORIZON)
        if done is None:
            return earliest
        text = done.decode() if isinstance(done, bytes) else done
        return max(earliest, datetime.fromisoformat(text) + timedelta(minutes=1))
