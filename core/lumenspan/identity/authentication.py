"""Who is calling: keys through the cache, sessions from PostgreSQL."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from time import monotonic

import structlog
from redis.asyncio import Redis

from lumenspan.clock import utc_now
from lumenspan.errors import Unauthenticated, Unavailable
from lumenspan.identity import repository
from lumenspan.identity.credentials import (
    INVALID_CREDENTIALS,
    BasicCredentials,
    hash_name,
    hash_secret_key,
    hash_session_token,
    parse_authorization,
)
from lumenspan.identity.domain import (
    KeyPrincipal,
    OrganizationKeyPrincipal,
    Principal,
    User,
    UserPrincipal,
)
from lumenspan.identity.key_cache import CachedKey, KeyCache
from lumenspan.ids import ApiKeyId, OrganizationId, ProjectId
from lumenspan.settings import Settings
from lumenspan.storage.postgres import Postgres

_log = structlog.get_logger()

_SESSION_TTL_S = 0.5
_SESSIONS = 1024


class Authenticator:
    """Turns an ``Authorization`` header into a principal.

    Keys: this process (half a second), then Redis, then PostgreSQL. Either store may be down; a key that
    neither knows for certain is ``Unavailable``, never refused.
    """

    def __init__(
        self, postgres: Postgres, redis: Redis, settings: Settings, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._postgres = postgres
        self._now = now
        self._salt = settings.salt.get_secret_value()
        self._session_secret = settings.session_secret.get_secret_value()
        self._is_cached = settings.is_api_key_cache_enabled
        self.cache = KeyCache(redis, settings)
        self._sessions: dict[str, tuple[float, User, datetime]] = {}

    async def authenticate(self, authorization: str | None) -> Principal:
        """The principal behind a header: ``Basic`` key pair, ``Bearer`` session token or public key.

        Raises:
            Unauthenticated: no header, another scheme, unknown, expired, or keys that do not match.
            Unavailable: neither cache nor database can tell.
        """
        credentials = parse_authorization(authorization)
        if isinstance(credentials, BasicCredentials):
            return await self._by_key_pair(credentials)
        if credentials.is_session:
            return await self._by_session(credentials.token)
        return await self._by_public_key(credentials.token)

    def secret_hash(self, secret_key: str) -> str:
        """What is stored of a secret key."""
        return hash_secret_key(secret_key, self._salt)

    def session_hash(self, token: str) -> str:
        """What is stored of a session token."""
        return hash_session_token(token, self._session_secret)

    def forget_session(self, token_hash: str) -> None:
        """Drop what this process remembers of a session; others forget within half a second."""
        self._sessions.pop(token_hash, None)

    async def _by_key_pair(self, credentials: BasicCredentials) -> KeyPrincipal | OrganizationKeyPrincipal:
        secret_hash = self.secret_hash(credentials.secret_key)
        found = await self._lookup(self.cache.secret_name(secret_hash), secret_hash=secret_hash)
        if not hmac.compare_digest(found.public_key.encode(), credentials.public_key.encode()):
            raise Unauthenticated(INVALID_CREDENTIALS)
        return _principal(found)

    async def _by_public_key(self, public_key: str) -> KeyPrincipal:
        name = self.cache.public_name(hash_name(public_key))
        found = _principal(await self._lookup(name, public_key=public_key))
        if not isinstance(found, KeyPrincipal):
            # The public key of an organization opens nothing.
            raise Unauthenticated(INVALID_CREDENTIALS)
        return replace(found, is_public_key_only=True)

    async def _lookup(
        self, name: str, *, secret_hash: str | None = None, public_key: str | None = None
    ) -> CachedKey:
        is_known, found = await self._from_cache(name)
        if not is_known:
            found = await self._from_database(secret_hash, public_key)
            await self._to_cache(name, found)
        if found is None or (found.expires_at is not None and found.expires_at <= self._now()):
            raise Unauthenticated(INVALID_CREDENTIALS)
        return found

    async def _from_cache(self, name: str) -> tuple[bool, CachedKey | None]:
        if not self._is_cached:
            return False, None
        try:
            return await self.cache.get(name)
        except Unavailable:
            return False, None

    async def _to_cache(self, name: str, found: CachedKey | None) -> None:
        if not self._is_cached:
            return
        try:
            await self.cache.put(name, found)
        except Unavailable:
            _log.warning("key not cached", reason="redis is not reachable")

    async def _from_database(self, secret_hash: str | None, public_key: str | None) -> CachedKey | None:
        async with self._postgres.session() as session:
            found = await repository.find_key(session, secret_hash=secret_hash, public_key=public_key)
            if found is None:
                return None
            row, organization_id = found
            await repository.mark_key_used(session, row.id, self._now())
        return CachedKey(
            api_key_id=row.id,
            public_key=row.public_key,
            project_id=row.project_id,
            organization_id=organization_id,
            expires_at=row.expires_at,
        )

    async def _by_session(self, token: str) -> UserPrincipal:
        token_hash = self.session_hash(token)
        remembered = self._sessions.get(token_hash)
        if remembered is not None and remembered[0] > monotonic() and remembered[2] > self._now():
            return UserPrincipal(remembered[1], token_hash)
        async with self._postgres.session() as session:
            found = await repository.find_session_user(session, token_hash)
        if found is None or found[1] <= self._now():
            self._sessions.pop(token_hash, None)
            raise Unauthenticated(INVALID_CREDENTIALS)
        if len(self._sessions) >= _SESSIONS:
            self._sessions.clear()
        self._sessions[token_hash] = (monotonic() + _SESSION_TTL_S, found[0], found[1])
        return UserPrincipal(found[0], token_hash)


def _principal(found: CachedKey) -> KeyPrincipal | OrganizationKeyPrincipal:
    id_, organization_id = ApiKeyId(found.api_key_id), OrganizationId(found.organization_id)
    if found.project_id is None:
        return OrganizationKeyPrincipal(id_, found.public_key, organization_id)
    return KeyPrincipal(id_, found.public_key, ProjectId(found.project_id), organization_id)
