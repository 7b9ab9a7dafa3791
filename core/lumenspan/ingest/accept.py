"""The durable front of ingestion: calls of a project that arrive together share one object and job."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter

from lumenspan.clock import now_nanos
from lumenspan.errors import LumenspanError, Unavailable
from lumenspan.ids import BlobKey, ProjectId
from lumenspan.ingest import jobs
from lumenspan.ingest.envelope import Frame, FrameHeader, pack
from lumenspan.ingest.keys import make_key, share
from lumenspan.ingest.pressure import Pressure
from lumenspan.settings import Settings
from lumenspan.storage.blobs import Blobs
from lumenspan.storage.queue import JobQueue
from lumenspan.telemetry import ACCEPT_SECONDS, ACCEPTED_BYTES, CALLS

_MIB = 1 << 20
# Packing this much takes longer than a millisecond and would hold up other calls on the loop.
_PACK_IN_THREAD_BYTES = 256 << 10
# With so many of its objects on the way, a project's next one gathers calls for longer.
_WRITES_A_PROJECT = 2
# Exporters wait ten seconds by default: they are told to come again before they give up.
_STORE_S = 6.0
_QUEUE_S = 1.5


@dataclass(frozen=True, slots=True)
class AcceptResult:
    """Where the call's bytes are now."""

    blob_key: BlobKey


@dataclass(slots=True)
class _Group:
    """Calls that will be written as one object."""

    frames: list[Frame] = field(default_factory=list)
    size_bytes: int = 0
    done: asyncio.Future[BlobKey] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    timer: asyncio.TimerHandle | None = None
    is_due: bool = False


class IngestGate:
    """Group commit of raw payloads: an answer means that the bytes are stored and their job is enqueued."""

    def __init__(self, blobs: Blobs, queue: JobQueue, settings: Settings) -> None:
        self._blobs = blobs
        self._queue = queue
        self._prefix = settings.s3_prefix
        self._window_s = settings.ingest_group_ms / 1000
        self._group_bytes = settings.ingest_group_mib * _MIB
        self._pending_limit = settings.ingest_pending_mib * _MIB
        self._pending_bytes = 0
        self._pressure = Pressure(queue, settings.backlog_payloads, settings.project_backlog_payloads)
        self._is_queue_doubtful = False
        self._in_flight: Counter[ProjectId] = Counter()
        self._groups: dict[ProjectId, _Group] = {}
        self._commits: set[asyncio.Task[None]] = set()

    @property
    def pending_bytes(self) -> int:
        """Bytes taken in and not yet durable."""
        return self._pending_bytes

    async def accept(self, header: FrameHeader, body: bytes) -> AcceptResult:
        """Make ``body`` durable and its job enqueued.

        Raises:
            Unavailable: the store or the queue is down, or too much is waiting for it. The call may be sent
                again: spans have ids, so nothing doubles.
            RateLimited: too much of the project waits to be processed.
        """
        began = perf_counter()
        try:
            result = await self._accept(header, body)
        except LumenspanError as error:
            CALLS.labels(error.code.lower()).inc()
            raise
        CALLS.labels("accepted").inc()
        ACCEPTED_BYTES.inc(len(body))
        ACCEPT_SECONDS.observe(perf_counter() - began)
        return result

    async def _accept(self, header: FrameHeader, body: bytes) -> AcceptResult:
        project_id = ProjectId(header.project_id)
        await self._pressure.check(project_id)
        if self._pending_bytes + len(body) > self._pending_limit:
            raise Unavailable("ingest", "Too much is waiting for storage; try again shortly")
        group = self._groups.get(project_id)
        if group is None:
            group = self._groups[project_id] = _Group()
            group.timer = asyncio.get_running_loop().call_later(
                self._window_s, self._expire, project_id, group
            )
        group.frames.append(Frame(header, body))
        group.size_bytes += len(body)
        self._pending_bytes += len(body)
        if group.size_bytes >= self._group_bytes:
            self._close(project_id, group)
        # Shielded: a caller that hangs up must not cancel the others of its group.
        return AcceptResult(await asyncio.shield(group.done))

    async def close(self) -> None:
        """Write what is waiting and return when all of it is done; for a clean stop."""
        for project_id, group in list(self._groups.items()):
            self._close(project_id, group)
        if self._commits:
            await asyncio.gather(*self._commits, return_exceptions=True)

    def _expire(self, project_id: ProjectId, group: _Group) -> None:
        """The wait is over; the group may still grow while the store is busy with this project."""
        group.is_due = True
        if self._in_flight[project_id] < _WRITES_A_PROJECT:
            self._close(project_id, group)

    def _close(self, project_id: ProjectId, group: _Group) -> None:
        if self._groups.get(project_id) is group:
            del self._groups[project_id]
            if group.timer is not None:
                group.timer.cancel()
            task = asyncio.get_running_loop().create_task(self._commit(project_id, group))
            self._in_flight[project_id] += 1
            self._commits.add(task)
            task.add_done_callback(self._commits.discard)

    async def _commit(self, project_id: ProjectId, group: _Group) -> None:
        try:
            group.done.set_result(await self._write(project_id, group))
        except BaseException as error:
            group.done.set_exception(error)
            # Every caller may have hung up: read the error so that it is not reported as forgotten.
            group.done.exception()
            if not isinstance(error, Exception):
                raise
        finally:
            self._pending_bytes -= group.size_bytes
            self._committed(project_id)

    def _committed(self, project_id: ProjectId) -> None:
        self._in_flight[project_id] -= 1
        if not self._in_flight[project_id]:
            del self._in_flight[project_id]
        group = self._groups.get(project_id)
        if group is not None and group.is_due:
            self._close(project_id, group)

    async def _write(self, project_id: ProjectId, group: _Group) -> BlobKey:
        if self._is_queue_doubtful:
            # An object without a job waits for the sweeper, and the caller sends the same again.
            async with _within(_QUEUE_S, "redis"):
                await self._queue.ping()
        key = make_key(self._prefix, project_id, now_nanos())
        if group.size_bytes > _PACK_IN_THREAD_BYTES:
            blob = await asyncio.to_thread(pack, group.frames)
        else:
            blob = pack(group.frames)
        async with _within(_STORE_S, "s3"):
            await self._blobs.put(key, blob)
        try:
            async with _within(_QUEUE_S, "redis"):
                depth = await self._queue.enqueue_fairly(
                    jobs.PROCESS_BLOB, (key,), share(key, group.size_bytes), queue=jobs.QUEUE
                )
            self._pressure.note(project_id, depth)
        except Unavailable:
            self._is_queue_doubtful = True
            raise
        self._is_queue_doubtful = False
        return key


@asynccontextmanager
async def _within(seconds: float, engine: str) -> AsyncIterator[None]:
    """Unavailable when the block takes longer: the engine hangs, or its machine has gone."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise Unavailable(engine) from None
