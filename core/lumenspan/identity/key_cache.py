"""API keys in Redis: hashes only, negative entries, and revocation that no late reader can undo.

An entry is written only where there is none (``SET NX``), and a revocation overwrites it with a refusal
that outlives every entry that a reader may still be about to write. So a reader that read the database just
before the revocation cannot bring the key back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from time import monotonic

import msgspec
from redis.asyncio import Redis

from lumenspan.errors import Unavailable
from lumenspan.settings import Settings
from lumenspan.storage.cache import key, redis_errors

# Below the second within which a revocation must reach every process.
_LOCAL_TTL_S = 0.5
_LOCAL_ENTRIES = 4096
_NEGATIVE_TTL_S = 10
_TIMEOUT_S = 1.0
_UNKNOWN = b"-"


@asynccontextmanager
async def _soon() -> AsyncIterator[None]:
    """Give up on a Redis that hangs while there is still time to ask PostgreSQL."""
    try:
        with redis_errors():
            async with asyncio.timeout(_TIMEOUT_S):
                yield
    except TimeoutError:
        raise Unavailable("redis") from None


class CachedKey(msgspec.Struct, frozen=True, kw_only=True):
    """What authentication needs of a key; no secret, no hash of one. No project: an organization's."""

    api_key_id: str
    public_key: str
    project_id: str | None = None
    organization_id: str
    expires_at: datetime | None = None


class KeyCache:
    """Two names a key: the hash of its secret, and the hash of its public key."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis = redis
        self._settings = settings
        self._ttl_s = settings.api_key_cache_ttl_s
        self._local: dict[str, tuple[float, CachedKey]] = {}
        self._asking: dict[str, asyncio.Task[tuple[bool, CachedKey | None]]] = {}
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(CachedKey)

    @staticmethod
    def secret_name(secret_hash: str) -> str:
        return f"secret:{secret_hash}"

    @staticmethod
    def public_name(public_key_hash: str) -> str:
        return f"public:{public_key_hash}"

    async def get(self, name: str) -> tuple[bool, CachedKey | None]:
        """Whether something is known of the name, and the key if there is one.

        Raises:
            Unavailable: Redis is down.
        """
        local = self._local.get(name)
        if local is not None and local[0] > monotonic():
            return True, local[1]
        # Calls of one key that come together ask Redis once.
        asking = self._asking.get(name)
        if asking is None:
            asking = self._asking[name] = asyncio.create_task(self._ask(name))
            asking.add_done_callback(lambda done: self._asked(name, done))
        return await asyncio.shield(asking)

    def _asked(self, name: str, done: asyncio.Task[tuple[bool, CachedKey | None]]) -> None:
        del self._asking[name]
        if not done.cancelled():
            # Every caller may have hung up: read the error so that it is not reported as forgotten.
            done.exception()

    async def _ask(self, name: str) -> tuple[bool, CachedKey | None]:
        async with _soon():
            raw = await self._redis.get(self._key(name))
        if raw is None:
            return False, None
        if raw == _UNKNOWN:
            self._local.pop(name, None)
            return True, None
        try:
            found = self._decoder.decode(raw)
        except msgspec.DecodeError:
            # Written by another version: as good as absent, and never trusted.
            return False, None
        self._remember(name, found)
        return True, found

    async def put(self, name: str, found: CachedKey | None) -> None:
        """Keep what the database said; a refusal or newer entry that is there stays.

        Raises:
            Unavailable: Redis is down.
        """
        value = _UNKNOWN if found is None else self._encoder.encode(found)
        ttl_s = _NEGATIVE_TTL_S if found is None else self._ttl_s
        async with _soon():
            await self._redis.set(self._key(name), value, ex=ttl_s, nx=True)

    async def refuse(self, *names: str) -> None:
        """Refuse these names from now on, also against readers that are about to write.

        Raises:
            Unavailable: Redis is down; nothing may be revoked then, as an entry could come back with it.
        """
        for name in names:
            self._local.pop(name, None)
        with redis_errors():
            pipeline = self._redis.pipeline(transaction=True)
            for name in names:
                pipeline.set(self._key(name), _UNKNOWN, ex=max(self._ttl_s, _NEGATIVE_TTL_S) + 60)
            await pipeline.execute()

    async def forget(self, *names: str) -> None:
        """Drop what is known of the names: the next call asks the database.

        Raises:
            Unavailable: Redis is down.
        """
        for name in names:
            self._local.pop(name, None)
        with redis_errors():
            await self._redis.delete(*(self._key(name) for name in names))

    def _key(self, name: str) -> str:
        return key(self._settings, "api-key", name)

    def _remember(self, name: str, found: CachedKey) -> None:
        if len(self._local) >= _LOCAL_ENTRIES:
            self._local.clear()
        self._local[name] = (monotonic() + _LOCAL_TTL_S, found)
