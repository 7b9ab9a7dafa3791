"""From a raw blob to rows: the worker's side of ingestion. Running it again writes the same rows."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson
import structlog
from redis import exceptions as redis_errors
from redis.asyncio import Redis

from lumenspan.clock import now_nanos, utc_now
from lumenspan.errors import InvalidInput, NotFound, Unavailable
from lumenspan.ids import BlobKey, ProjectId
from lumenspan.ingest import jobs, otlp
from lumenspan.ingest.dead_letters import WHOLE_PAYLOAD, Dead, Stage
from lumenspan.ingest.envelope import Frame, MalformedEnvelope, unpack
from lumenspan.ingest.events.store import EntityStore
from lumenspan.ingest.fairness import Turns
from lumenspan.ingest.inserter import Inserter
from lumenspan.ingest.keys import received_ms, share_of
from lumenspan.ingest.mapped import Mapped, map_frames, refused, shift
from lumenspan.ingest.masking import Masking, MaskingFailed
from lumenspan.ingest.moved import MovedRows
from lumenspan.ingest.registry import Note, Registry
from lumenspan.ingest.sampling import share_of_project
from lumenspan.media.payloads import PayloadMedia
from lumenspan.models.pricer import Pricer
from lumenspan.observations.rows import COLUMNS, ObservationColumns
from lumenspan.settings import Settings
from lumenspan.storage.blobs import Blobs
from lumenspan.storage.clickhouse import ClickHouse
from lumenspan.storage.queue import JobQueue
from lumenspan.telemetry import PAYLOADS, READABLE_SECONDS, ROWS, timed

_log = structlog.get_logger(__name__)
# Mapping is work for one core; more payloads in memory would not make it faster.
_READ_AT_ONCE = 4
_TAIL_IDS = 1_000
_TAIL_ENTRIES = 10_000


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
        self._masking = Masking(settings)
        self._settings = settings
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
            with self._inserter.coming():
                async with self._reading.turn(share):
                    # Within the turn: all the others would pass at once, and read one after another.
                    await self._inserter.room()
                    mapped = await self._read(key)
                shift(mapped, shift_ns)
                project_id = ProjectId(mapped.project_id)
                with timed("prepare"):
                    await self._prepare(project_id, mapped.columns)
        except InvalidInput as error:
            await self.give_up(key, error.message)
            return 0
        with timed("insert"):
            turned_away = await self._inserter.insert(mapped.columns, share)
        if turned_away:
            frames = unpack(await self._blobs.get(key))
            mapped.dead += [refused(mapped, frames, row, reason) for row, reason in turned_away]
        if shift_ns:
            await self._moved.hide(project_id, key, mapped.columns)
        if mapped.dead or is_replay:
            await self._registry.dead_letters.settle(key, mapped.project_id, mapped.dead)
        with timed("events"):
            told = await self._entities.apply(project_id, mapped.events, shift_ns=shift_ns)
        await self._publish(mapped, told)
        PAYLOADS.labels("processed").inc()
        for outcome, rows in (
            ("stored", mapped.rows - len(turned_away)),
            ("rejected", len(mapped.dead)),
            ("left_out", mapped.left_out),
        ):
            ROWS.labels(outcome).inc(rows)
        READABLE_SECONDS.observe(max(0.0, now_nanos() / 1e9 - received_ms(key) / 1000))
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
        PAYLOADS.labels("given_up").inc()
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

    async def close(self) -> None:
        """Let go of the connections that are its own."""
        await self._masking.close()

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
        with timed("read"):
            try:
                blob = await self._blobs.get(key)
            except NotFound as error:
                raise InvalidInput("The payload is not in the store") from error
        dead: list[Dead] = []
        try:
            if not self._masking.is_on:
                with timed("map"):
                    return await asyncio.to_thread(lambda: self._map(key, unpack(blob)))
            frames = await asyncio.to_thread(unpack, blob)
            with timed("mask"):
                frames = [await self._masked(frame, dead) for frame in frames]
        except MalformedEnvelope as error:
            raise InvalidInput(f"The payload is damaged: {error}") from error
        with timed("map"):
            mapped = await asyncio.to_thread(self._map, key, frames)
        mapped.dead += dead
        return mapped

    def _map(self, key: BlobKey, frames: list[Frame]) -> Mapped:
        if not frames:
            raise MalformedEnvelope("no frames")
        return map_frames(key, frames, share_of_project(self._settings, frames[0].header.project_id))

    async def _masked(self, frame: Frame, dead: list[Dead]) -> Frame:
        """The masked frame; an empty one where nothing of it may be stored."""
        try:
            return await self._masking.mask(frame)
        except MaskingFailed as error:
            dead.append(Dead(len(dead), Stage.MASK, str(error)))
            return Frame(msgspec.structs.replace(frame.header, content_type=otlp.JSON), b"{}")
        except otlp.MalformedOtlp:
            # Mapping says the same of it, and keeps it.
            return frame

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
