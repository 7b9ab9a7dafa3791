"""Jobs into the queue: Dramatiq messages on Redis, written without loading any actor.

The broker's own enqueue is a hash entry and a list entry; here both go in one transaction with a wake-up
on a channel, so that an idle worker starts at once and need not poll often.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import structlog
from dramatiq import Message
from dramatiq.encoder import JSONEncoder
from redis import exceptions as redis_errors
from redis.asyncio import Redis

from lumenspan.errors import Unavailable
from lumenspan.settings import Settings

_log = structlog.get_logger(__name__)
ENGINE = "redis"
_encoder = JSONEncoder()


def namespace(settings: Settings) -> str:
    """First part of every key of the queues."""
    return f"{settings.redis_key_prefix}dramatiq"


def wake_channel(settings: Settings) -> str:
    """Channel on which the name of a queue is published when it got a message."""
    return f"{settings.redis_key_prefix}dramatiq:wake"


class JobQueue:
    """Puts jobs into the queues that workers consume."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis = redis
        self._namespace = namespace(settings)
        self._wake = wake_channel(settings)

    async def enqueue(self, job: str, args: Sequence[Any], *, queue: str = "default") -> None:
        """Enqueue ``job`` (named in some ``jobs.py``) with JSON-able ``args``; Unavailable if down."""
        redis_id = str(uuid.uuid4())
        message: Message[Any] = Message(
            queue_name=queue,
            actor_name=job,
            args=tuple(args),
            kwargs={},
            options={"redis_message_id": redis_id},
        )
        body = _encoder.encode(message.asdict())
        full_name = f"{self._namespace}:{queue}"
        try:
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.hset(f"{full_name}.msgs", redis_id, body)
                pipeline.rpush(full_name, redis_id)
                pipeline.publish(self._wake, queue)
                await pipeline.execute()
        except (redis_errors.RedisError, OSError, TimeoutError) as error:
            _log.warning(
                "engine_unavailable", engine=ENGINE, operation="enqueue", error=type(error).__name__
            )
            raise Unavailable(ENGINE) from error
