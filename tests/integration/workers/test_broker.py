"""Messages of lost connections and dead workers come back; those in work stay where they are."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from lumenspan.errors import InvalidInput, Unavailable
from lumenspan.ids import new_id
from lumenspan.settings import Settings
from lumenspan.storage.cache import connect_redis
from lumenspan.storage.queue import JobQueue
from lumenspan_workers import broker as brokers
from lumenspan_workers.broker import WakingConsumer, WakingRedisBroker, is_worth_retrying

pytestmark = pytest.mark.engines

QUEUE = "q"


@pytest.fixture
def apart(settings: Settings) -> Settings:
    """Settings with queues of this test's own."""
    return settings.model_copy(update={"redis_key_prefix": f"{new_id()}:"})


@pytest.fixture
async def redis(apart: Settings) -> AsyncIterator[Redis]:
    opened = connect_redis(apart)
    yield opened
    await opened.aclose()


def broker_of(settings: Settings) -> WakingRedisBroker:
    made = WakingRedisBroker(settings, middleware=[])
    made.declare_queue(QUEUE)
    return made


def consumer_of(broker: WakingRedisBroker, prefetch: int = 10) -> WakingConsumer:
    made = broker.consume(QUEUE, prefetch=prefetch, timeout=1)
    assert isinstance(made, WakingConsumer)
    return made


def taken(consumer: WakingConsumer, count: int) -> list[Any]:
    return [message for message in (next(consumer) for _ in range(count)) if message is not None]


async def test_what_a_lost_consumer_had_fetched_goes_to_the_next(apart: Settings, redis: Redis) -> None:
    for number in range(5):
        await JobQueue(redis, apart).enqueue("job", (number,), queue=QUEUE)
    broker = broker_of(apart)
    (in_work, other) = taken(consumer_of(broker), 2)
    after = taken(consumer_of(broker), 5)
    assert sorted(message.args for message in after) == [(2,), (3,), (4,)]
    assert {in_work.args, other.args} == {(0,), (1,)}


async def test_what_is_settled_leaves_nothing_behind(apart: Settings, redis: Redis) -> None:
    queue = JobQueue(redis, apart)
    await queue.enqueue("job", (1,), queue=QUEUE)
    await queue.enqueue("job", (2,), queue=QUEUE)
    broker = broker_of(apart)
    consumer = consumer_of(broker)
    done, failed = taken(consumer, 2)
    consumer.ack(done)
    consumer.nack(failed)
    assert broker.in_hand == set()
    left = await queue.messages(QUEUE, 10)
    assert left is not None
    assert (left.waiting, [message.args for message in left.parked]) == ([], [(2,)])


async def test_a_full_consumer_goes_on_when_a_message_is_settled(apart: Settings, redis: Redis) -> None:
    for number in range(2):
        await JobQueue(redis, apart).enqueue("job", (number,), queue=QUEUE)
    consumer = consumer_of(broker_of(apart), prefetch=1)
    (first,) = taken(consumer, 1)
    consumer.timeout = 60_000
    settling = threading.Timer(0.3, consumer.ack, (first,))
    settling.start()
    # It waits for the room, not for its time to be over, nor for a message that comes later.
    began = time.monotonic()
    assert next(consumer) is None
    (second,) = taken(consumer, 1)
    settling.join()
    assert second.args == (1,)
    assert time.monotonic() - began < 30


async def test_messages_of_a_dead_worker_are_taken_over(
    apart: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await JobQueue(redis, apart).enqueue("job", (1,), queue=QUEUE)
    assert len(taken(consumer_of(broker_of(apart)), 1)) == 1
    alive = consumer_of(broker_of(apart))
    assert taken(alive, 2) == []
    monkeypatch.setattr(brokers, "_HEARTBEAT_TIMEOUT_MS", 0)
    later = consumer_of(broker_of(apart))
    assert [message.args for message in taken(later, 2)] == [(1,)]


async def test_more_messages_than_the_limit_are_not_read(apart: Settings, redis: Redis) -> None:
    queue = JobQueue(redis, apart)
    for number in range(3):
        await queue.enqueue("job", (number,), queue=QUEUE)
    assert await queue.messages(QUEUE, 2) is None


@pytest.mark.parametrize(
    ("retries", "error", "expected"),
    [
        (1000, Unavailable("clickhouse"), True),
        (0, InvalidInput("damaged"), False),
        (0, RuntimeError(), True),
        (5, RuntimeError(), False),
    ],
)
async def test_retries_depend_on_the_error(retries: int, error: Exception, expected: bool) -> None:
    assert is_worth_retrying(retries, error) is expected
