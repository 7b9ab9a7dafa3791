"""From a raw blob to rows: the worker's side of ingestion. Running it again writes the same rows."""

from __future__ import annotations

import asyncio
import hashlib
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
from lumenspan.ingest import otlp
from lumenspan.ingest.envelope import Frame, MalformedEnvelope, unpack
from lumenspan.ingest.events import frame as event_frames
from lumenspan.ingest.events.frame import Event
from lumenspan.ingest.events.rows import Origin
from lumenspan.ingest.events.store import EntityStore
from lumenspan.ingest.inserter import Inserter
from lumenspan.ingest.mapping import SpanMapper
from lumenspan.ingest.registry import Note, Registry
from lumenspan.media.payloads import PayloadMedia
from lumenspan.models.pricer import Pricer
from lumenspan.observations.rows import COLUMNS, ObservationColumns
from lumenspan.settings import Settings
from lumenspan.storage.blobs import Blobs
from lumenspan.storage.clickhouse import ClickHouse

_log = structlog.get_logger(__name__)
# Mapping is work for one core; more payloads in memory would not make it faster.
_READ_AT_ONCE = 4
_TAIL_IDS = 1_000
_TAIL_ENTRIES = 10_000
_MAX_DEAD_PAYLOAD = 1 << 20


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A part of a blob that cannot be stored."""

    position: int
    reason: str
    payload: bytes


@dataclass(slots=True)
class Mapped:
    """What a blob holds."""

    project_id: str
    received_at: datetime
    columns: ObservationColumns = field(default_factory=ObservationColumns)
    events: list[tuple[Event, Origin]] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)

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
        self._reading = asyncio.Semaphore(_READ_AT_ONCE)
        self._entities = EntityStore(clickhouse, self._prepare)
        self._blobs = blobs
        self._redis = redis
        self._registry = registry
        self._tail_prefix = f"{settings.redis_key_prefix}tail:"

    async def process(self, key: BlobKey) -> int:
        """Write spans and events of the blob ``key``; returns their number. Repeating it changes nothing.

        Raises:
            Unavailable: an engine is down; try again.
            InvalidInput: the blob is missing or damaged; trying again will not help.
        """
        async with self._reading:
            mapped = await self._read(key)
        await self._prepare(ProjectId(mapped.project_id), mapped.columns)
        await self._inserter.insert(mapped.columns)
        if mapped.dead:
            await self._registry.keep_dead([_letter(key, mapped.project_id, dead) for dead in mapped.dead])
        told = await self._entities.apply(ProjectId(mapped.project_id), mapped.events)
        await self._publish(mapped, told)
        self._registry.note(
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


def map_blob(key: BlobKey, blob: bytes) -> Mapped:
    """Decode and map all requests of a blob; MalformedEnvelope when it is damaged. Pure."""
    frames = unpack(blob)
    if not frames:
        raise MalformedEnvelope("no frames")
    first = frames[0].header
    mapped = Mapped(first.project_id, datetime.fromtimestamp(first.received_at // 1_000_000_000, UTC))
    for frame in frames:
        _map_frame(key, frame, mapped)
    return mapped


def _map_frame(key: BlobKey, frame: Frame, mapped: Mapped) -> None:
    if frame.header.content_type == event_frames.EVENTS:
        _map_events(key, frame, mapped)
        return
    try:
        export = otlp.decode(frame.body, frame.header.content_type)
    except otlp.MalformedOtlp as error:
        mapped.dead.append(DeadLetter(len(mapped.dead), error.reason, frame.body))
        return
    for rejected in export.rejected:
        mapped.dead.append(DeadLetter(len(mapped.dead), rejected.reason, rejected.payload))
    mapper = SpanMapper(key, frame.header, mapped.columns)
    for span in export.spans:
        try:
            mapper.add(span)
        except Exception as error:
            # A bug of ours in one span must not lose the others; the raw bytes stay in the blob.
            _log.exception("span_not_mapped", blob_key=key, span_id=span.id)
            reason = f"span {span.id} of trace {span.trace_id} could not be mapped: {type(error).__name__}"
            mapped.dead.append(DeadLetter(len(mapped.dead), reason, b""))


def _map_events(key: BlobKey, frame: Frame, mapped: Mapped) -> None:
    try:
        events = event_frames.decode(frame.body, frame.header.received_at)
    except MalformedEnvelope as error:
        mapped.dead.append(DeadLetter(len(mapped.dead), str(error), frame.body))
        return
    origin = Origin(key, frame.header.sdk_name, frame.header.sdk_version)
    mapped.events += [(event, origin) for event in events.accepted]
    for rejected in events.rejected:
        mapped.dead.append(DeadLetter(len(mapped.dead), rejected.reason, bytes(rejected.event)))


def _letter(key: BlobKey, project_id: str, dead: DeadLetter) -> dict[str, object]:
    digest = hashlib.sha256(f"{key}:{dead.position}".encode()).hexdigest()[:32]
    return {
        "id": digest,
        "project_id": project_id,
        "blob_key": key,
        "position": dead.position,
        "reason": dead.reason[:1000].replace("\0", ""),
        "payload": dead.payload[:_MAX_DEAD_PAYLOAD],
        "created_at": utc_now(),
    }
