"""Redis or Valkey: how to connect, how keys are named, how its errors become ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import (
    ClusterDownError,
    ConnectionError,
    OutOfMemoryError,
    ReadOnlyError,
    TimeoutError,
    TryAgainError,
)

from lumenspan.errors import Unavailable
from lumenspan.settings import Settings

_log = structlog.get_logger()

# A blocking read (XREAD BLOCK, BLPOP) must ask for less than this, or the client gives up first.
SOCKET_TIMEOUT_S = 5.0
_CONNECT_TIMEOUT_S = 2.0

PASSING_ERRORS = (
    ConnectionError,
    TimeoutError,
    ClusterDownError,
    ReadOnlyError,
    OutOfMemoryError,
    TryAgainError,
)


def connect_redis(settings: Settings) -> Redis:
    """A client with a pool of its own; connects at the first command and again after each loss.

    Answers are bytes. Close it with ``await redis.aclose()``.
    """
    client: Redis = Redis.from_url(
        settings.redis_url,
        decode_responses=False,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=_CONNECT_TIMEOUT_S,
        socket_keepalive=True,
        health_check_interval=30,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), 3),
    )
    return client


def key(settings: Settings, *parts: str) -> str:
    """The name of a key: the configured prefix, then the parts joined by ``:``."""
    return settings.redis_key_prefix + ":".join(parts)


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turn a lost, full, loading or read-only Redis within the block into ``Unavailable("redis")``."""
    try:
        yield
    except PASSING_ERRORS as error:
        _log.warning("engine unavailable", engine="redis", cause=type(error).__name__)
        raise Unavailable("redis") from error
