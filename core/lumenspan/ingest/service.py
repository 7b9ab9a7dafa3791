"""From a raw blob to rows: the worker's side of ingestion. Running it again writes the same rows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from redis import exceptions as redis_errors
from redis.asyncio import Redis

from lumenspan.clock import utc_now
from lumenspan.errors import InvalidInput, NotFound, Unavailable
from lumenspan.ids import BlobKey, ProjectId
from lumenspan.ingest import jobs, otlp
from lumenspan.ingest.dead_letters import WHOLE_PAYLOAD, Dead, Stage
from lumenspan.ingest.envelope import Frame, MalformedEnvelope, unpack
from lumenspan.ingest.events import frame as event_frames
from lumenspan.ingest.events.frame import Event
from lumenspan.ingest.events.rows import Origin
from lumenspan.ingest.events.store import EntityStore
from lumenspan.ingest.fairness import Turns
from lumenspan.ingest.inserter import Inserter
from lumenspan.ingest.keys import received_ms, share_of
from lumenspan.ingest.mapping import SpanMapper
from lumenspan.ingest.moved import MovedRows
from lumenspan.ingest.raw_spans import raw_span
from lumenspan.ingest.registry import Note, Registry
from lumenspan.media.payloads import PayloadMedia
from lumenspan.models.pricer import Pricer
from lumenspan.observations.rows import COLUMNS, ObservationColumns
from lumenspan.settings import Settings
from lumenspan.storage.blobs import Blobs
from lumenspan.storage.clickhouse import ClickHouse
from lumenspan.storage.queue import JobQueue

_log = structlog.get_logger(__name__)
# Mapping is work for one core; more payloads in memory would not make it faster.
_READ_AT_ONCE = 4
_TAIL_IDS = 1_000
_TAIL_ENTRIES = 10_000


@dataclass(slots=True)
class Mapped:
    """What a blob holds; ``seen`` is how many spans and events were looked at so far."""

    project_id: str
    received_at: datetime
    frames: list[Frame]
    columns: ObservationColumns = field(default_factory=ObservationColumns)
    events: list[tuple[Event, Origin]] = field(default_factory=list)
    dead: list[Dead] = field(default_factory=list)
    seen: int = 0

    @property
    def rows(self) -> int:
        """How many spans and events there are."""
        return len(self.columns) + len(self.events)


class IngestService:
    """Processes blobs: decode, map, insert, register, tell the live tail."""

    def __init__(
        self,
        clickhouse: ClickHouse,
        blobs: Blobs,
        redis: Redis,
        registry: Registry,
        settings: Settings,
        media: PayloadMedia | None = None,
        pricer: Pricer | None = None,
    ) -> None:
        self._media = media
        self._pricer = pricer
        self._inserter = Inserter(clickhouse, settings.worker_threads)
        self._reading = Turns(_READ_AT_ONCE)
        self._entities = EntityStore(clickhouse, self._prepare)
        self._moved = MovedRows(clickhouse)
        self._queue = JobQueue(redis, settings)
        self._blobs = blobs
        self._redis = redis
        self._registry = registry
        self._tail_prefix = f"{settings.redis_key_prefix}tail:"

    async def process(self, key: BlobKey, *, shift_ns: int = 0, is_replay: bool = False) -> int:
        """Write spans and events of the blob ``key``; returns their number. Repeating it changes nothing.

        What cannot be stored becomes a dead letter, be it one span or all of a blob that cannot be read.

        Args:
            shift_ns: added to the version of every row, so that it replaces what the blob wrote before.
            is_replay: forget the dead letters that the blob had before and has no more.

        Raises:
            Unavailable: an engine is down; try again.
        """
        share = share_of(key)
        try:
            async with self._reading.turn(share):
                mapped = await self._read(key)
        except InvalidInput as error:
            await self.give_up(key, error.message)
            return 0
        _shift(mapped, shift_ns)
        project_id = ProjectId(mapped.project_id)
        await self._prepare(project_id, mapped.columns)
        for row, reason in await self._inserter.insert(mapped.columns, share):
            mapped.dead.append(_refused(mapped, row, reason))
        if shift_ns:
            await self._moved.hide(project_id, key, mapped.columns)
        if mapped.dead or is_replay:
            await self._registry.dead_letters.settle(key, mapped.project_id, mapped.dead)
        told = await self._entities.apply(project_id, mapped.events, shift_ns=shift_ns)
        await self._publish(mapped, told)
        await self._settle(
            Note(
                key=key,
                project_id=mapped.project_id,
                received_at=mapped.received_at,
                processed_at=utc_now(),
                spans=mapped.rows,
                rejected=len(mapped.dead),
            )
        )
        return mapped.rows

    async def give_up(self, key: BlobKey, reason: str) -> None:
        """Keep all of a blob as one dead letter: trying it again would not help.

        Raises:
            Unavailable: an engine is down; try again.
        """
        _log.error("payload_given_up", blob_key=key, reason=reason)
        project = share_of(key)
        dead = Dead(WHOLE_PAYLOAD, Stage.PAYLOAD, reason)
        await self._registry.dead_letters.settle(key, project, [dead])
        received_at = datetime.fromtimestamp(received_ms(key) / 1000, UTC)
        await self._settle(
            Note(
                key=key,
                project_id=project,
                received_at=received_at,
                processed_at=utc_now(),
                spans=0,
                rejected=1,
            )
        )

    async def _settle(self, note: Note) -> None:
        """The blob is done with: it is open no more, and no search will enqueue it again."""
        await self._queue.settle(jobs.QUEUE, share_of(note["key"]), note["key"])
        self._registry.note(note)

    async def _prepare(self, project_id: ProjectId, columns: ObservationColumns) -> None:
        """What is done to observations between mapping and writing, whether of spans or of events."""
        if self._media is not None:
            await self._media.extract(project_id, columns)
        if self._pricer is not None:
            await self._pricer.price(project_id, columns)

    async def _read(self, key: BlobKey) -> Mapped:
        try:
            blob = await self._blobs.get(key)
        except NotFound as error:
            raise InvalidInput("The payload is not in the store") from error
        try:
            return await asyncio.to_thread(map_blob, key, blob)
        except MalformedEnvelope as error:
            raise InvalidInput(f"The payload is damaged: {error}") from error

    async def _publish(self, mapped: Mapped, told: set[str]) -> None:
        trace_ids = list(dict.fromkeys([*mapped.columns.values[COLUMNS.index("trace_id")], *sorted(told)]))
        if not trace_ids:
            return
        stream = self._tail_prefix + mapped.project_id
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for at in range(0, len(trace_ids), _TAIL_IDS):
                    entry: dict[Any, Any] = {"t": orjson.dumps(trace_ids[at : at + _TAIL_IDS])}
                    pipeline.xadd(stream, entry, maxlen=_TAIL_ENTRIES, approximate=True)
                await pipeline.execute()
        except (redis_errors.RedisError, OSError, TimeoutError) as error:
            raise Unavailable("redis") from error


def _shift(mapped: Mapped, shift_ns: int) -> None:
    """Make every row newer."""
    if shift_ns:
        versions = mapped.columns.values[COLUMNS.index("event_ts")]
        versions[:] = [version + shift_ns for version in versions]


def _refused(mapped: Mapped, row: int, reason: str) -> Dead:
    """A row that the store refuses, with its span as it was sent."""
    values = mapped.columns.values
    trace_id, id_ = (values[COLUMNS.index(name)][row] for name in ("trace_id", "id"))
    return Dead(row, Stage.INSERT, reason, raw_span(mapped.frames, trace_id, id_), trace_id, id_)


def map_blob(key: BlobKey, blob: bytes) -> Mapped:
    """Decode and map all requests of a blob; MalformedEnvelope when it is damaged. Pure."""
    frames = unpack(blob)
    if not frames:
        raise MalformedEnvelope("no frames")
    first = frames[0].header
    received_at = datetime.fromtimestamp(first.received_at // 1_000_000_000, UTC)
    mapped = Mapped(first.project_id, received_at, frames)
    for frame in frames:
        if frame.header.content_type == event_frames.EVENTS:
            _map_events(key, frame, mapped)
        else:
            _map_spans(key, frame, mapped)
    return mapped


def _map_spans(key: BlobKey, frame: Frame, mapped: Mapped) -> None:
    first = mapped.seen
    try:
        export = otlp.decode(frame.body, frame.header.content_type)
    except otlp.MalformedOtlp as error:
        mapped.dead.append(Dead(first, Stage.DECODE, error.reason, frame.body))
        mapped.seen += 1
        return
    mapped.seen += len(export.spans) + len(export.rejected)
    for rejected in export.rejected:
        place = first + rejected.position
        mapped.dead.append(Dead(place, Stage.DECODE, rejected.reason, rejected.payload))
    mapper = SpanMapper(key, frame.header, mapped.columns)
    # A bug of ours in one span must not lose the others; the raw bytes stay in the blob.
    for at, cause in mapper.add(export.spans):
        span = export.spans[at]
        _log.error("span_not_mapped", blob_key=key, span_id=span.id, exc_info=cause)
        raw = raw_span([frame], span.trace_id, span.id)
        mapped.dead.append(Dead(first + at, Stage.MAP, type(cause).__name__, raw, span.trace_id, span.id))


def _map_events(key: BlobKey, frame: Frame, mapped: Mapped) -> None:
    first = mapped.seen
    try:
        events = event_frames.decode(frame.body, frame.header.received_at)
    except MalformedEnvelope as error:
        mapped.dead.append(Dead(first, Stage.DECODE, str(error), frame.body))
        mapped.seen += 1
        return
    mapped.seen += len(events.accepted) + len(events.rejected)
    origin = Origin(key, frame.header.sdk_name, frame.header.sdk_version)
    mapped.events += [(event, origin) for event in events.accepted]
    for place, rejected in enumerate(events.rejected, first):
        mapped.dead.append(Dead(place, Stage.DECODE, rejected.reason, bytes(rejected.event)))
