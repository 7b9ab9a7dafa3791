"""The live tail: traces as they are written, from the Redis stream of each project to its subscribers.

Workers append the ids of the traces they wrote to ``tail:<project>``. One task of the process reads the
streams of all projects that somebody watches, gathers what arrives within a tick, reads those traces once
and hands them to every subscriber, each with its own filter. A cursor is an id of the stream, so a client
that comes back with the last one it saw misses nothing, or is told (``is_gap``) when the stream no longer
reaches back that far.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from lumenspan.errors import LumenspanError
from lumenspan.ids import ProjectId
from lumenspan.settings import Settings
from lumenspan.storage.cache import key, redis_errors
from lumenspan.traces.domain import Trace, TraceFilter
from lumenspan.traces.service import TraceService

_log = structlog.get_logger(__name__)
_CURSOR = re.compile(r"(\d{1,20})-(\d{1,20})\Z")
# Also the longest that a project watched from now on waits for its first read.
_BLOCK_MS = 250
_TICK_S = 0.2
_ENTRIES_PER_READ = 500
_QUEUE_EVENTS = 64
_RETRY_S = 1.0
_REPLAY_TRACES = 1_000


@dataclass(frozen=True, slots=True)
class TailEvent:
    """Traces that were written, newest first, and the cursor after them.

    Attributes:
        is_gap: some may be missing before this event: reload the list.
    """

    cursor: str
    traces: list[Trace] = field(default_factory=list)
    is_gap: bool = False


@dataclass(eq=False)
class _Subscriber:
    where: TraceFilter
    position: tuple[int, int]
    queue: asyncio.Queue[TailEvent] = field(default_factory=lambda: asyncio.Queue(_QUEUE_EVENTS))
    missed: bool = False

    def offer(self, event: TailEvent) -> None:
        """Queue an event; a subscriber that is too slow loses it and is told so with the next one."""
        traces = [trace for trace in event.traces if self.where.matches(trace)]
        is_gap = event.is_gap or self.missed
        if not traces and not is_gap:
            return
        try:
            self.queue.put_nowait(TailEvent(event.cursor, traces, is_gap))
            self.missed = False
        except asyncio.QueueFull:
            self.missed = True


@dataclass(eq=False)
class _Watch:
    """A project somebody watches: its stream, how far it was read, who wants to know."""

    project_id: ProjectId
    stream: bytes
    position: str
    subscribers: set[_Subscriber] = field(default_factory=set)
    pending: dict[str, None] = field(default_factory=dict)
    pending_cursor: str = ""


def parse_cursor(text: str) -> tuple[int, int] | None:
    """The stream id of a cursor as two numbers, None where it is none."""
    match = _CURSOR.match(text)
    if match is None:
        return None
    millis, sequence = int(match[1]), int(match[2])
    return (millis, sequence) if max(millis, sequence) < 2**64 else None


class TailHub:
    """The tails of all projects in this process."""

    def __init__(self, redis: Redis, traces: TraceService, settings: Settings) -> None:
        self._redis = redis
        self._traces = traces
        self._settings = settings
        self._watches: dict[ProjectId, _Watch] = {}
        self._reader: asyncio.Task[None] | None = None

    async def subscribe(
        self, project_id: ProjectId, where: TraceFilter, after: str | None = None
    ) -> AsyncGenerator[TailEvent, None]:
        """Events from the cursor ``after`` on (from now on without one), for ever.

        The first event comes at once and carries the cursor at which the tail begins.

        Raises:
            Unavailable: Redis or ClickHouse is down at the start.
        """
        stream = key(self._settings, "tail", project_id).encode()
        newest, oldest_lost = await self._extent(stream)
        begin = newest
        is_gap = False
        if after is not None:
            wanted = parse_cursor(after)
            is_gap = wanted is None or wanted < oldest_lost or wanted > parse_position(newest)
            if not is_gap:
                begin = after
        subscriber = _Subscriber(where, parse_position(begin))
        watch = self._watches.get(project_id)
        if watch is None:
            watch = self._watches[project_id] = _Watch(project_id, stream, newest)
        watch.subscribers.add(subscriber)
        self._start()
        try:
            yield await self._replay(watch, subscriber, begin, is_gap)
            while True:
                event = await subscriber.queue.get()
                position = parse_position(event.cursor)
                if position > subscriber.position or event.is_gap:
                    subscriber.position = max(position, subscriber.position)
                    yield event
        finally:
            self._leave(watch, subscriber)

    async def close(self) -> None:
        """Stop reading; subscribers end with their connections."""
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
            self._reader = None

    @property
    def watched_projects(self) -> int:
        """Number of projects with at least one subscriber."""
        return len(self._watches)

    def _leave(self, watch: _Watch, subscriber: _Subscriber) -> None:
        watch.subscribers.discard(subscriber)
        if not watch.subscribers and self._watches.get(watch.project_id) is watch:
            del self._watches[watch.project_id]

    async def _extent(self, stream: bytes) -> tuple[str, tuple[int, int]]:
        """Id of the newest entry ever added, and of the newest one no longer kept ((0, 0) for none)."""
        with redis_errors():
            if not await self._redis.exists(stream):
                return "0-0", (0, 0)
            info: dict[str, Any] = await self._redis.xinfo_stream(stream)
        lost = parse_position(_text(info.get("max-deleted-entry-id", b"0-0")))
        first = info.get("first-entry")
        added = int(info.get("entries-added", 0))
        if added > int(info["length"]):
            # Trimming by length does not note what it drops: all before the first kept entry may be gone.
            oldest = (
                parse_position(_text(first[0]))
                if first
                else parse_position(_text(info["last-generated-id"]))
            )
            lost = max(lost, (oldest[0], oldest[1] - 1) if oldest[1] else (oldest[0] - 1, 2**64 - 1))
        return _text(info["last-generated-id"]), lost

    async def _replay(self, watch: _Watch, subscriber: _Subscriber, begin: str, is_gap: bool) -> TailEvent:
        """What was written between the cursor and now; bounded, with a gap where that is not enough."""
        ids: dict[str, None] = {}
        cursor = begin
        while True:
            with redis_errors():
                entries: Any = await self._redis.xrange(
                    watch.stream, f"({cursor}", "+", count=_ENTRIES_PER_READ
                )
            for entry_id, fields in entries:
                cursor = _text(entry_id)
                ids.update(dict.fromkeys(_trace_ids(fields)))
            if len(entries) < _ENTRIES_PER_READ:
                break
            if len(ids) > _REPLAY_TRACES:
                is_gap, ids = True, {}
        subscriber.position = parse_position(cursor)
        traces = await self._traces.by_ids(watch.project_id, list(ids))
        return TailEvent(cursor, [trace for trace in traces if subscriber.where.matches(trace)], is_gap)

    def _start(self) -> None:
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._run(), name="live tail")

    async def _run(self) -> None:
        """Read all watched streams until nobody watches."""
        while self._watches:
            try:
                if await self._read():
                    # What arrives right behind it goes with it: one query and one message for all.
                    await asyncio.sleep(_TICK_S)
                    await self._read(is_blocking=False)
                await self._deliver()
            except (RedisError, LumenspanError, OSError) as error:
                _log.warning("live tail interrupted", cause=type(error).__name__)
                await asyncio.sleep(_RETRY_S)

    async def _read(self, *, is_blocking: bool = True) -> bool:
        """Take new entries of all watched streams into ``pending``; whether there were any."""
        streams: dict[Any, Any] = {watch.stream: watch.position for watch in self._watches.values()}
        if not streams:
            return False
        by_stream = {watch.stream: watch for watch in self._watches.values()}
        answer = await self._redis.xread(
            streams, count=_ENTRIES_PER_READ, block=_BLOCK_MS if is_blocking else None
        )
        for stream, entries in _pairs(answer):
            watch = by_stream.get(stream)
            if watch is None or not entries:
                continue
            for entry_id, fields in entries:
                watch.pending.update(dict.fromkeys(_trace_ids(fields)))
                watch.position = watch.pending_cursor = _text(entry_id)
        return bool(answer)

    async def _deliver(self) -> None:
        """Read the pending traces of each project once and hand them to its subscribers."""
        for watch in list(self._watches.values()):
            if not watch.pending_cursor:
                continue
            ids, cursor = list(watch.pending), watch.pending_cursor
            traces = await self._traces.by_ids(watch.project_id, ids)
            # Only now are they no longer pending: a failed read above is tried again with the next tick.
            watch.pending, watch.pending_cursor = {}, ""
            event = TailEvent(cursor, traces)
            for subscriber in list(watch.subscribers):
                subscriber.offer(event)


def parse_position(text: str) -> tuple[int, int]:
    """The stream id ``text`` as two numbers; (0, 0) for what is no id."""
    return parse_cursor(text) or (0, 0)


def _pairs(answer: Any) -> list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]:
    """The answer of XREAD as pairs, whichever protocol version shaped it."""
    if isinstance(answer, dict):
        return [(stream, entries[0] if entries else []) for stream, entries in answer.items()]
    return [(stream, entries) for stream, entries in answer or []]


def _trace_ids(fields: dict[bytes, bytes]) -> list[str]:
    try:
        ids = orjson.loads(fields[b"t"])
    except (KeyError, orjson.JSONDecodeError):
        return []
    return [id_ for id_ in ids if isinstance(id_, str)] if isinstance(ids, list) else []


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
