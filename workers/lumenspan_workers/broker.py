"""The Dramatiq broker: Redis with a wake-up channel, retries by kind of error, one event loop."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import dramatiq
import dramatiq.worker
import redis
import structlog
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.errors import ConnectionClosed, Retry
from dramatiq.middleware import AsyncIO, Retries, TimeLimit
from dramatiq.worker import Worker

from lumenspan.errors import InvalidInput, LumenspanError
from lumenspan.settings import Settings
from lumenspan.storage.fair_queue import FETCH
from lumenspan.storage.queue import namespace, wake_channel

_log = structlog.get_logger(__name__)
_MAX_TRIES = 5
_MIN_BACKOFF_MS = 500
_MAX_BACKOFF_MS = 30_000
_JOB_LIMIT_MS = 600_000
# A worker that was killed is found dead after this, and its messages go back to the queue. One that only
# stalled for so long has its jobs run twice, which changes nothing.
_HEARTBEAT_TIMEOUT_MS = 5_000
_MAINTENANCE_S = 2.0
# How soon a lost connection is tried again.
RECONNECT_S = 0.5
CONNECTION_ERRORS = (redis.ConnectionError, redis.TimeoutError)
# How long an idle consumer waits for a wake-up before it looks by itself; also the pace of its heartbeat.
IDLE_MS = 1_000


def is_worth_retrying(retries: int, error: BaseException) -> bool:
    """Whether the job is tried again: without end while an engine is down, else a few times."""
    if isinstance(error, Retry) or (isinstance(error, LumenspanError) and error.is_retryable):
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
    """Waits for the wake-up of its queue instead of polling in short steps.

    A new consumer puts back what its predecessor in this process had fetched and not handed on before the
    connection broke; the queue itself does so only for processes that are dead.
    """

    broker: WakingRedisBroker

    def __init__(self, broker: WakingRedisBroker, queue_name: str, prefetch: int, timeout: int) -> None:
        super().__init__(broker, queue_name, prefetch, timeout)  # type: ignore[no-untyped-call]
        with _connection_errors():
            self._put_back()

    def __next__(self) -> Any:
        event = self.broker.wake_ups.event(self.queue_name)
        event.clear()
        self.misses = 0
        timeout, self.timeout = self.timeout, 0
        try:
            with _connection_errors():
                message = super().__next__()  # type: ignore[no-untyped-call]
        finally:
            self.timeout = timeout
        if message is not None:
            self.broker.in_hand.add(message.options["redis_message_id"])
            return message
        event.wait(self.timeout / 1000)
        return None

    def ack(self, message: Any) -> None:
        with _connection_errors():
            super().ack(message)  # type: ignore[no-untyped-call]
        self._settled(message)

    def nack(self, message: Any) -> None:
        with _connection_errors():
            super().nack(message)  # type: ignore[no-untyped-call]
        self._settled(message)

    def _settled(self, message: Any) -> None:
        """There is room for another message: look for one now, whether or not a new one came meanwhile."""
        self.broker.in_hand.discard(message.options["redis_message_id"])
        self.broker.wake_ups.event(self.queue_name).set()

    def requeue(self, messages: Any) -> None:
        with _connection_errors():
            super().requeue(messages)  # type: ignore[no-untyped-call]

    def _put_back(self) -> None:
        broker = self.broker
        name = f"{broker.namespace}:__acks__.{broker.broker_id}.{self.queue_name}"
        members: Any = broker.client.smembers(name)
        fetched = {each.decode() for each in members}
        # Delayed messages are held by the thread that has just lost them; others may be at work.
        lost = fetched if self.queue_name.endswith(".DQ") else fetched - broker.in_hand
        if lost:
            broker.do_requeue(self.queue_name, *lost)


@contextlib.contextmanager
def _connection_errors() -> Iterator[None]:
    """Errors of a lost or hanging Redis as Dramatiq expects them; it knows one of the two by itself."""
    try:
        yield
    except CONNECTION_ERRORS as error:
        raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]


class WakingRedisBroker(RedisBroker):
    """A RedisBroker whose consumers start at once without polling often.

    Attributes:
        in_hand: Redis ids of messages that were handed to the threads of this process and are not settled.
    """

    def __init__(self, settings: Settings, middleware: list[Any]) -> None:
        self.wake_ups = WakeUps(settings)
        self.in_hand: set[str] = set()
        self._is_stopping = threading.Event()
        self._maintained = threading.local()
        super().__init__(  # type: ignore[no-untyped-call]
            client=redis.Redis.from_url(
                settings.redis_url, socket_connect_timeout=3, socket_timeout=10, socket_keepalive=True
            ),
            namespace=namespace(settings),
            middleware=middleware,
            heartbeat_timeout=_HEARTBEAT_TIMEOUT_MS,
        )
        self._fetch_fairly: Any = self.client.register_script(FETCH)

    @property
    def consumer_class(self) -> type[WakingConsumer]:
        return WakingConsumer

    def enqueue(self, message: Any, *, delay: int | None = None) -> Any:
        """Enqueue, waiting for a Redis that is down.

        Dramatiq would settle a failed job although its retry could not be enqueued.
        """
        while True:
            try:
                queued = super().enqueue(message, delay=delay)
                break
            except CONNECTION_ERRORS:
                if self._is_stopping.wait(RECONNECT_S):
                    raise
        if delay is None:
            self.wake_ups.event(message.queue_name).set()
        return queued

    def stop_waiting(self) -> None:
        """Wait for nothing any more: the process is about to end."""
        self._is_stopping.set()
        self.wake_ups.stop()

    def do_fetch(self, queue_name: str, prefetch: int) -> list[bytes]:
        """Messages that were put back first, then those of the fair queue, of each share in turn."""
        fetch: Any = self._dispatch("fetch")  # type: ignore[no-untyped-call]
        found: list[bytes] = list(fetch(queue_name, prefetch))
        if len(found) < prefetch:
            fetched = f"{self.namespace}:__acks__.{self.broker_id}.{queue_name}"
            queue = f"{self.namespace}:{queue_name}"
            found += self._fetch_fairly(keys=[queue, fetched], args=[prefetch - len(found)])
        return found

    def _should_do_maintenance(self, command: str) -> int:
        """Whether this command also looks for dead workers: by the clock of each consumer."""
        now = time.monotonic()
        if command != "fetch" or now - getattr(self._maintained, "at", -_MAINTENANCE_S) < _MAINTENANCE_S:
            return 0
        self._maintained.at = now
        return 1


def make_broker(settings: Settings) -> WakingRedisBroker:
    """The broker of a worker process, set as Dramatiq's own; actors are declared on it afterwards."""
    broker = WakingRedisBroker(
        settings,
        middleware=[
            AsyncIO(),
            TimeLimit(time_limit=_JOB_LIMIT_MS),
            Retries(min_backoff=_MIN_BACKOFF_MS, max_backoff=_MAX_BACKOFF_MS, retry_when=is_worth_retrying),
        ],
    )
    dramatiq.set_broker(broker)
    return broker


def make_worker(broker: WakingRedisBroker, settings: Settings) -> Worker:
    """A worker with as many threads as the settings say, not yet started."""
    dramatiq.worker.CONSUMER_RESTART_DELAY_SECS = RECONNECT_S
    dramatiq.worker.POST_PROCESS_MESSAGE_RETRY_DELAY_SECS = RECONNECT_S  # type: ignore[assignment]
    worker = Worker(broker, worker_threads=settings.worker_threads, worker_timeout=IDLE_MS)
    # What waits in the worker waits in the order of its arrival: as little of it as keeps the threads busy.
    worker.queue_prefetch = settings.worker_threads
    return worker
