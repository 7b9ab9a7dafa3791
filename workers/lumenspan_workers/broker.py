"""The Dramatiq broker: Redis with a wake-up channel, retries by kind of error, one event loop."""

from __future__ import annotations

import threading
from typing import Any

import dramatiq
import redis
import structlog
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.middleware import AsyncIO, Retries, ShutdownNotifications, TimeLimit
from dramatiq.worker import Worker

from lumenspan.errors import InvalidInput, LumenspanError
from lumenspan.settings import Settings
from lumenspan.storage.queue import namespace, wake_channel

_log = structlog.get_logger(__name__)
_MAX_TRIES = 5
_MIN_BACKOFF_MS = 500
_MAX_BACKOFF_MS = 30_000
_JOB_LIMIT_MS = 600_000
# A worker that was killed is found dead after this; its messages go back to the queue.
_HEARTBEAT_TIMEOUT_MS = 15_000
# One in fifty commands looks for dead workers; the default of one in a thousand takes minutes when idle.
_MAINTENANCE_CHANCE = 20_000
# How long an idle consumer waits for a wake-up before it looks by itself; also the pace of its heartbeat.
IDLE_MS = 1_000


def is_worth_retrying(retries: int, error: BaseException) -> bool:
    """Whether the job is tried again: without end while an engine is down, else a few times."""
    if isinstance(error, LumenspanError) and error.is_retryable:
        return True
    return not isinstance(error, InvalidInput) and retries < _MAX_TRIES


class WakeUps:
    """Listens to the wake-up channel and releases the consumers of the queue that is named there."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._events: dict[str, threading.Event] = {}
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wake-ups", daemon=True)

    def event(self, queue: str) -> threading.Event:
        """The event that is set when ``queue`` got a message; the waiter clears it."""
        return self._events.setdefault(queue, threading.Event())

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._is_stopping.set()

    def _run(self) -> None:
        while not self._is_stopping.is_set():
            try:
                self._listen()
            except (redis.RedisError, OSError):
                # The consumers look by themselves meanwhile.
                self._is_stopping.wait(1)

    def _listen(self) -> None:
        client = redis.Redis.from_url(self._settings.redis_url, socket_connect_timeout=3)
        channels: Any = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        with client, channels as channel:
            channel.subscribe(wake_channel(self._settings))
            # What came before the subscription is found now.
            for event in self._events.values():
                event.set()
            while not self._is_stopping.is_set():
                message = channel.get_message(timeout=30)
                if message is not None:
                    self.event(message["data"].decode()).set()


class WakingConsumer(_RedisConsumer):
    """Waits for the wake-up of its queue instead of polling in short steps."""

    def __next__(self) -> Any:
        event = self.broker.wake_ups.event(self.queue_name)
        event.clear()
        self.misses = 0
        timeout, self.timeout = self.timeout, 0
        try:
            message = super().__next__()  # type: ignore[no-untyped-call]
        finally:
            self.timeout = timeout
        if message is None:
            is_full = self.outstanding_message_count >= self.prefetch
            event.wait(0.01 if is_full else self.timeout / 1000)
        return message


class WakingRedisBroker(RedisBroker):
    """A RedisBroker whose consumers start at once without polling often."""

    def __init__(self, settings: Settings, middleware: list[Any]) -> None:
        self.wake_ups = WakeUps(settings)
        super().__init__(  # type: ignore[no-untyped-call]
            url=settings.redis_url,
            namespace=namespace(settings),
            middleware=middleware,
            heartbeat_timeout=_HEARTBEAT_TIMEOUT_MS,
            maintenance_chance=_MAINTENANCE_CHANCE,
        )

    @property
    def consumer_class(self) -> type[WakingConsumer]:
        return WakingConsumer

    def enqueue(self, message: Any, *, delay: int | None = None) -> Any:
        queued = super().enqueue(message, delay=delay)
        if delay is None:
            self.wake_ups.event(message.queue_name).set()
        return queued


def make_broker(settings: Settings) -> WakingRedisBroker:
    """The broker of a worker process, set as Dramatiq's own; actors are declared on it afterwards."""
    broker = WakingRedisBroker(
        settings,
        middleware=[
            AsyncIO(),
            ShutdownNotifications(),
            TimeLimit(time_limit=_JOB_LIMIT_MS),
            Retries(min_backoff=_MIN_BACKOFF_MS, max_backoff=_MAX_BACKOFF_MS, retry_when=is_worth_retrying),
        ],
    )
    dramatiq.set_broker(broker)
    return broker


def make_worker(broker: WakingRedisBroker, settings: Settings) -> Worker:
    """A worker with as many threads as the settings say, not yet started."""
    return Worker(broker, worker_threads=settings.worker_threads, worker_timeout=IDLE_MS)
