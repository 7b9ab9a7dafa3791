"""The definitions of a project, kept in this process and read anew within a second of a change."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from secrets import token_hex

from redis.asyncio import Redis

from lumenspan.errors import Unavailable
from lumenspan.ids import ProjectId
from lumenspan.models import repository
from lumenspan.models.builtin import builtin_models
from lumenspan.models.matching import Matcher
from lumenspan.settings import Settings
from lumenspan.storage.cache import key, redis_errors
from lumenspan.storage.postgres import Postgres

_CHECK_S = 1.0
# Read again after this even where no change was announced, in case an announcement was lost.
_MAX_AGE_S = 60.0
# Without Redis there are no announcements.
_MAX_AGE_ALONE_S = 2.0
_MAX_PROJECTS = 500
_TOKEN_TTL_S = 3_600


@dataclass(slots=True)
class _Kept:
    matcher: Matcher
    token: bytes | str | None
    loaded_at: float
    checked_at: float


class Definitions:
    """Matchers by project. A change anywhere writes a new token to Redis, a matcher lives with it."""

    def __init__(self, postgres: Postgres, redis: Redis, settings: Settings) -> None:
        self._postgres = postgres
        self._redis = redis
        self._settings = settings
        self._kept: OrderedDict[ProjectId, _Kept] = OrderedDict()
        self._loading = asyncio.Lock()

    async def matcher(self, project_id: ProjectId) -> Matcher:
        """The matcher of the project, at most about a second old.

        Raises:
            Unavailable: PostgreSQL is down and the definitions must be read.
        """
        kept = self._kept.get(project_id)
        if kept is not None and time.monotonic() - kept.checked_at < _CHECK_S:
            return kept.matcher
        async with self._loading:
            return await self._fresh(project_id)

    async def announce(self, project_id: ProjectId) -> None:
        """Tell every process that the project's definitions changed; call it after the commit."""
        self._kept.pop(project_id, None)
        try:
            with redis_errors():
                await self._redis.set(self._token_key(project_id), token_hex(8), ex=_TOKEN_TTL_S)
        except Unavailable:
            # The others read again by themselves.
            return

    async def _fresh(self, project_id: ProjectId) -> Matcher:
        kept, now = self._kept.get(project_id), time.monotonic()
        if kept is not None and now - kept.checked_at < _CHECK_S:
            return kept.matcher
        max_age = _MAX_AGE_S
        try:
            # Before the definitions: a change in between makes the next check read them again.
            with redis_errors():
                token = await self._redis.get(self._token_key(project_id))
        except Unavailable:
            token, max_age = (kept.token if kept else None), _MAX_AGE_ALONE_S
        if kept is not None and token == kept.token and now - kept.loaded_at < max_age:
            kept.checked_at = now
            return kept.matcher
        async with self._postgres.session() as session:
            own = await repository.current(session, project_id)
        matcher = Matcher(own, builtin_models())
        self._kept[project_id] = _Kept(matcher, token, now, now)
        self._kept.move_to_end(project_id)
        while len(self._kept) > _MAX_PROJECTS:
            self._kept.popitem(last=False)
        return matcher

    def _token_key(self, project_id: ProjectId) -> str:
        return key(self._settings, "models", project_id)
