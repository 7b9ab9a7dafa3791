"""Counting calls in Redis, one round trip a call. Where Redis cannot tell, the call is let through."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from lumenspan.clock import utc_now
from lumenspan.errors import RateLimited
from lumenspan.ids import OrganizationId
from lumenspan.rate_limits.domain import RateLimit, RateLimits, Standing
from lumenspan.settings import Settings
from lumenspan.storage.cache import key

_log = structlog.get_logger(__name__)
# A Redis that hangs must not hold up calls that would be let through anyway.
_TIMEOUT_S = 0.25
_PAUSE_S = 1.0

# Counted and given its end in one step: a counter without an end would refuse calls for ever.
_COUNT = """
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
    left = tonumber(ARGV[1])
    redis.call('PEXPIRE', KEYS[1], left)
end
return {count, left}
"""


class RateLimiter:
    """Counts the calls of an organization to a resource within fixed windows."""

    def __init__(self, redis: Redis, settings: Settings, now: Callable[[], datetime] = utc_now) -> None:
        self._settings = settings
        self._limits = RateLimits.parse(settings.rate_limits)
        self._count_script = redis.register_script(_COUNT)
        self._now = now
        self._paused_until = 0.0

    @property
    def is_on(self) -> bool:
        """Whether anything is limited at all."""
        return bool(self._limits.by_resource)

    async def count(self, organization_id: OrganizationId, resource: str) -> Standing | None:
        """Count a call; where the organization stands, None where the resource is not limited.

        Raises:
            RateLimited: the calls of the window are used up.
        """
        limit = self._limits.by_resource.get(resource)
        if limit is None:
            return None
        counted = await self._counted(organization_id, resource, limit)
        if counted is None:
            return None
        count, left_ms = counted
        reset_at = self._now() + timedelta(milliseconds=left_ms)
        if count > limit.calls:
            retry_after_s = max(1, math.ceil(left_ms / 1000))
            raise RateLimited(
                f"Rate limit exceeded; try again in {retry_after_s} seconds",
                retry_after_s,
                limit=limit.calls,
                reset_at=reset_at,
            )
        return Standing(limit.calls, limit.calls - count, reset_at)

    async def _counted(
        self, organization_id: OrganizationId, resource: str, limit: RateLimit
    ) -> tuple[int, int] | None:
        """Calls in this window, and milliseconds until it ends; None where Redis cannot tell."""
        if monotonic() < self._paused_until:
            return None
        # With the length of the window, so that another setting begins a window of its own.
        name = key(self._settings, "rate-limit", organization_id, resource, str(limit.window_s))
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                count, left_ms = await self._count_script(keys=[name], args=[limit.window_s * 1000])
        except (RedisError, TimeoutError, OSError) as error:
            self._paused_until = monotonic() + _PAUSE_S
            _log.warning("calls are not counted", engine="redis", cause=type(error).__name__)
            return None
        return int(count), int(left_ms)
