"""Prompts as JSON in Redis, so that a hot prompt costs no database query.

Keys hold the epoch of the project, which every change moves on: what a reader puts there that began before
the change is under an epoch that nobody asks for any more. The epoch is moved before and after a change is
committed, so that no reader in between can keep what was there before.
"""

from __future__ import annotations

import hashlib

import structlog
from redis.asyncio import Redis

from lumenspan.errors import Unavailable
from lumenspan.ids import ProjectId
from lumenspan.settings import Settings
from lumenspan.storage.cache import key, redis_errors

_log = structlog.get_logger(__name__)
# An epoch outlives everything that was kept under it.
_EPOCH_TTL_S = 7 * 86_400


class PromptCache:
    """Where Redis is down, nothing is found and nothing is kept; the database answers."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis = redis
        self._settings = settings
        self._is_on = settings.is_prompt_cached
        self._ttl_s = settings.prompt_cache_ttl_s

    async def epoch(self, project_id: ProjectId) -> str | None:
        """What kept prompts are to be asked for with; None where there is no cache."""
        if not self._is_on:
            return None
        try:
            with redis_errors():
                found = await self._redis.get(self._epoch_key(project_id))
        except Unavailable:
            return None
        if found is None:
            return "0"
        return found.decode() if isinstance(found, bytes) else found

    async def get(self, project_id: ProjectId, epoch: str, wanted: str) -> bytes | None:
        """What was kept under this name in this epoch."""
        try:
            with redis_errors():
                found = await self._redis.get(self._key(project_id, epoch, wanted))
                return found.encode() if isinstance(found, str) else found
        except Unavailable:
            return None

    async def put(self, project_id: ProjectId, epoch: str, wanted: str, body: bytes) -> None:
        """Keep what was read in this epoch."""
        try:
            with redis_errors():
                await self._redis.set(self._key(project_id, epoch, wanted), body, ex=self._ttl_s)
        except Unavailable:
            return

    async def forget(self, project_id: ProjectId) -> None:
        """Begin a new epoch."""
        if not self._is_on:
            return
        try:
            with redis_errors():
                async with self._redis.pipeline(transaction=True) as pipeline:
                    pipeline.incr(self._epoch_key(project_id))
                    pipeline.expire(self._epoch_key(project_id), _EPOCH_TTL_S)
                    await pipeline.execute()
        except Unavailable:
            _log.warning("prompts_not_forgotten", project_id=project_id, for_at_most_s=self._ttl_s)

    def _epoch_key(self, project_id: ProjectId) -> str:
        return key(self._settings, "prompts", "epoch", project_id)

    def _key(self, project_id: ProjectId, epoch: str, wanted: str) -> str:
        digest = hashlib.sha256(wanted.encode()).hexdigest()[:32]
        return key(self._settings, "prompts", epoch, project_id, digest)
