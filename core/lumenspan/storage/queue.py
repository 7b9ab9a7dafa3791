"""Jobs into the queue: Dramatiq messages on Redis, written without loading any actor.

The broker's own enqueue is a hash entry and a list entry; here both go in one transaction with a wake-up
on a channel, so that an idle worker starts at once and need not poll often.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from dramatiq import Message
from dramatiq.encoder import JSONEncoder
from redis import exceptions as redis_errors
from redis.asyncio import Redis

from lumenspan.errors import Unavailable
from lumenspan.settings import Settings
from lumenspan.storage.fair_queue import ENQUEUE, SETTLE, Share

_log = structlog.get_logger(__name__)
ENGINE = "redis"
_encoder = JSONEncoder()


def namespace(settings: Settings) -> str:
    """First part of every key of the queues."""
    return f"{settings.redis_key_prefix}dramatiq"


def wake_channel(settings: Settings) -> str:
    """Channel on which the name of a queue is published when it got a message."""
    return f"{settings.redis_key_prefix}dramatiq:wake"


@dataclass(frozen=True, slots=True)
class QueuedMessages:
    """What a queue holds.

    Attributes:
        waiting: to be run, now or later, or running.
        parked: given up after too many failures.
    """

    waiting: list[Message[Any]]
    parked: list[Message[Any]]


@dataclass(frozen=True, slots=True)
class Open:
    """Payloads of a share that are not settled.

    Attributes:
        oldest_ms: when the oldest came, in milliseconds since the epoch; None where none is open.
    """

    count: int
    oldest_ms: int | None


@dataclass(frozen=True, slots=True)
class Depth:
    """How much a queue holds: messages in all, and open payloads of one share."""

    messages: int
    of_share: int


class JobQueue:
    """Puts jobs into the queues that workers consume."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis = redis
        self._namespace = namespace(settings)
        self._wake = wake_channel(settings)
        self._enqueue_fairly = redis.register_script(ENQUEUE)
        self._settle = redis.register_script(SETTLE)

    async def ping(self) -> None:
        """Return when Redis answers; Unavailable otherwise."""
        with self._errors("ping"):
            await self._redis.ping()

    async def messages(self, queue: str, limit: int) -> QueuedMessages | None:
        """The messages of a queue that are not settled; None when there are more than ``limit``."""
        name = f"{self._namespace}:{queue}"
        names = (f"{name}.msgs", f"{name}.DQ.msgs", f"{name}.XQ.msgs")
        with self._errors("messages"):
            async with self._redis.pipeline(transaction=False) as pipeline:
                for each in names:
                    pipeline.hlen(each)
                sizes = await pipeline.execute()
            if sum(sizes) > limit:
                return None
            async with self._redis.pipeline(transaction=True) as pipeline:
                for each in names:
                    pipeline.hvals(each)
                now, later, parked = await pipeline.execute()
        return QueuedMessages([*map(Message.decode, now + later)], [*map(Message.decode, parked)])

    async def open_since(self, queue: str, share: str) -> Open:
        """What of a share is open in a queue that serves by share; Unavailable if down."""
        (found,) = await self._open(queue, [share])
        return found

    async def open_shares(self, queue: str, most: int = 10_000) -> dict[str, Open]:
        """The same of every share that has something open, at most so many of them."""
        with self._errors("open_shares"):
            members = await self._redis.smembers(f"{self._namespace}:{queue}.open")
        names = sorted(each.decode() if isinstance(each, bytes) else each for each in members)[:most]
        found = await self._open(queue, names)
        return {name: each for name, each in zip(names, found, strict=True) if each.count}

    async def _open(self, queue: str, shares: Sequence[str]) -> list[Open]:
        with self._errors("open"):
            async with self._redis.pipeline(transaction=False) as pipeline:
                for share in shares:
                    key = f"{self._namespace}:{queue}.open:{share}"
                    pipeline.zcard(key)
                    pipeline.zrange(key, 0, 0, withscores=True)
                answers = await pipeline.execute()
        return [
            Open(count, int(oldest[0][1]) if oldest else None)
            for count, oldest in zip(answers[::2], answers[1::2], strict=True)
        ]

    async def settle(self, queue: str, share: str, payload: str) -> None:
        """A payload of a queue that serves by share is open no more; Unavailable if down."""
        with self._errors("settle"):
            await self._settle(keys=[f"{self._namespace}:{queue}"], args=[share, payload])

    async def depth(self, queue: str, share: str) -> Depth:
        """How much is in the queue; Unavailable if down."""
        name = f"{self._namespace}:{queue}"
        with self._errors("depth"):
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.hlen(f"{name}.msgs")
                pipeline.zcard(f"{name}.open:{share}")
                return Depth(*await pipeline.execute())

    async def enqueue_fairly(self, job: str, args: Sequence[Any], share: Share, *, queue: str) -> Depth:
        """Enqueue where it waits its turn among shares; returns how much is there now.

        Raises:
            Unavailable: Redis is down.
        """
        redis_id, body = _message(job, args, queue)
        full_name = f"{self._namespace}:{queue}"
        with self._errors("enqueue"):
            found = await self._enqueue_fairly(
                keys=[full_name], args=[redis_id, body, *share.arguments(), self._wake, queue]
            )
        return Depth(*found)

    async def enqueue(self, job: str, args: Sequence[Any], *, queue: str = "default") -> None:
        """Enqueue ``job`` (named in some ``jobs.py``) with JSON-able ``args``; Unavailable if down."""
        redis_id, body = _message(job, args, queue)
        full_name = f"{self._namespace}:{queue}"
        with self._errors("enqueue"):
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.hset(f"{full_name}.msgs", redis_id, body)
                pipeline.rpush(full_name, redis_id)
                pipeline.publish(self._wake, queue)
                await pipeline.execute()

    @contextlib.contextmanager
    def _errors(self, operation: str) -> Iterator[None]:
        try:
            yield
        except (redis_errors.RedisError, OSError, TimeoutError) as error:
            _log.warning(
                "engine_unavailable", engine=ENGINE, operation=operation, error=type(error).__name__
            )
            raise Unavailable(ENGINE) from error


def _message(job: str, args: Sequence[Any], queue: str) -> tuple[str, bytes]:
    """Id and body of a message as Dramatiq reads it."""
    redis_id = str(uuid.uuid4())
    message: Message[Any] = Message(
        queue_name=queue,
        actor_name=job,
        args=tuple(args),
        kwargs={},
        options={"redis_message_id": redis_id},
    )
    return redis_id, _encoder.encode(message.asdict())
