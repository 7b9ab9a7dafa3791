"""Raw payloads of a span of time once more, after a mapping or a price was corrected.

Workers do it in the background, in steps; it can be paused, gone on with and cancelled, and doing it twice
changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from sqlalchemy import select, update
from sqlmodel import col

from lumenspan.clock import utc_now
from lumenspan.errors import InvalidInput, NotFound
from lumenspan.identity.tables import ReplayRow
from lumenspan.ids import BlobKey, ProjectId, new_id
from lumenspan.ingest import jobs
from lumenspan.ingest.keys import before_minute, key_segment, payload_keys, received_ms, share_of
from lumenspan.settings import Settings
from lumenspan.storage import statements
from lumenspan.storage.blobs import Blobs
from lumenspan.storage.postgres import Postgres
from lumenspan.storage.queue import JobQueue

# Versions are nanoseconds of receipt: a replay is so much newer than what it replaces, and older than what
# a client sends afterwards. Between two replays there is room for prices that were worked out again.
STEP_NS = 1_000
_AT_ONCE = 4
# Noted so often, and looked whether somebody stops it.
_NOTED_EVERY = 20
# A job ends after this and enqueues the next, so that other jobs get their turn.
_WORK_S = 20.0


class ReplayState(StrEnum):
    """Of a replay; one that is PAUSED can be gone on with."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    CANCELLED = "CANCELLED"
    DONE = "DONE"


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay of what was received in [``from_at``, ``to_at``).

    Attributes:
        position_at: when the last payload that is done was received.
        payloads, spans: how many are done.
    """

    id: str
    project_id: ProjectId
    from_at: datetime
    to_at: datetime
    state: ReplayState
    position: str
    position_at: datetime
    payloads: int
    spans: int
    created_at: datetime
    updated_at: datetime


class _Processor(Protocol):
    async def process(self, key: BlobKey, *, shift_ns: int = 0, is_replay: bool = False) -> int: ...


class ReplayService:
    """Starts, watches and stops replays. Every method raises Unavailable while an engine is down."""

    def __init__(self, postgres: Postgres, blobs: Blobs, queue: JobQueue, settings: Settings) -> None:
        self._postgres = postgres
        self._blobs = blobs
        self._queue = queue
        self._prefix = settings.s3_prefix

    async def count(self, project_id: ProjectId, from_at: datetime, to_at: datetime) -> int:
        """How many payloads there are to replay.

        Raises:
            InvalidInput: the range is empty.
        """
        _check(from_at, to_at)
        segment, found = key_segment(project_id), 0
        start = before_minute(self._prefix, from_at)
        async for keys in payload_keys(self._blobs, self._prefix, start, to_at):
            found += sum(_is_within(key, segment, from_at) for key in keys)
        return found

    async def start(self, project_id: ProjectId, from_at: datetime, to_at: datetime) -> Replay:
        """A new replay, or the unfinished one of the same range to go on with.

        Raises:
            InvalidInput: the range is empty.
        """
        _check(from_at, to_at)
        async with self._postgres.session() as session:
            unfinished = (
                select(ReplayRow)
                .where(
                    col(ReplayRow.project_id) == project_id,
                    col(ReplayRow.from_at) == from_at,
                    col(ReplayRow.to_at) == to_at,
                    col(ReplayRow.state).in_((ReplayState.RUNNING, ReplayState.PAUSED)),
                )
                .limit(1)
            )
            row = (await session.execute(unfinished)).scalar_one_or_none()
            if row is None:
                earlier = await statements.count(
                    session, ReplayRow, col(ReplayRow.project_id) == project_id
                )
                now = utc_now()
                row = ReplayRow(
                    id=new_id(),
                    project_id=project_id,
                    number=earlier + 1,
                    from_at=from_at,
                    to_at=to_at,
                    state=ReplayState.RUNNING,
                    created_at=now,
                    updated_at=now,
                )
                session.add(row)
            row.state = ReplayState.RUNNING
            replay = _to_replay(row)
        await self._queue.enqueue(jobs.REPLAY, (replay.id,), queue=jobs.QUEUE)
        return replay

    async def get(self, project_id: ProjectId, replay_id: str) -> Replay:
        """NotFound where the project has no such replay."""
        async with self._postgres.session() as session:
            row = await session.get(ReplayRow, replay_id)
            if row is None or row.project_id != project_id:
                raise NotFound("There is no such replay")
            return _to_replay(row)

    async def newest(self, project_id: ProjectId, limit: int) -> list[Replay]:
        """The replays of a project, newest first."""
        query = (
            select(ReplayRow)
            .where(col(ReplayRow.project_id) == project_id)
            .order_by(col(ReplayRow.created_at).desc(), col(ReplayRow.id).desc())
            .limit(limit)
        )
        async with self._postgres.session() as session:
            return [_to_replay(row) for row in (await session.execute(query)).scalars()]

    async def stop(self, project_id: ProjectId, replay_id: str, state: ReplayState) -> Replay:
        """Pause or cancel a replay that runs; one that does not is left as it is.

        Raises:
            NotFound: the project has no such replay.
        """
        async with self._postgres.session() as session:
            await session.execute(
                update(ReplayRow)
                .where(
                    col(ReplayRow.project_id) == project_id,
                    col(ReplayRow.id) == replay_id,
                    col(ReplayRow.state).in_((ReplayState.RUNNING, ReplayState.PAUSED)),
                )
                .values(state=state, updated_at=utc_now())
            )
        return await self.get(project_id, replay_id)


class ReplayWork:
    """The worker's side: processes the payloads of a replay."""

    def __init__(
        self,
        postgres: Postgres,
        blobs: Blobs,
        queue: JobQueue,
        processor: _Processor,
        settings: Settings,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._postgres = postgres
        self._blobs = blobs
        self._queue = queue
        self._processor = processor
        self._prefix = settings.s3_prefix
        self._clock = clock or (lambda: asyncio.get_running_loop().time())

    async def work(self, replay_id: str) -> None:
        """Go on with a replay for a while and enqueue the rest; nothing when it is not running.

        Raises:
            Unavailable: an engine is down; doing it again goes on from where it was.
        """
        async with self._postgres.session() as session:
            row = await session.get(ReplayRow, replay_id)
            if row is None or row.state != ReplayState.RUNNING:
                return
            replay, shift_ns = _to_replay(row), row.number * STEP_NS
        until = self._clock() + _WORK_S
        segment = key_segment(replay.project_id)
        after = replay.position or before_minute(self._prefix, replay.from_at)
        async for page in payload_keys(self._blobs, self._prefix, after, replay.to_at):
            keys = [key for key in page if _is_within(key, segment, replay.from_at)]
            for at in range(0, len(keys), _NOTED_EVERY):
                part = keys[at : at + _NOTED_EVERY]
                spans = await self._process(part, shift_ns)
                if not await self._note(replay_id, part[-1], len(part), spans):
                    return
                if self._clock() > until:
                    await self._queue.enqueue(jobs.REPLAY, (replay_id,), queue=jobs.QUEUE)
                    return
        await self._note(replay_id, "", 0, 0, ReplayState.DONE)

    async def _process(self, keys: list[BlobKey], shift_ns: int) -> int:
        limit = asyncio.Semaphore(_AT_ONCE)

        async def one(key: BlobKey) -> int:
            async with limit:
                return await self._processor.process(key, shift_ns=shift_ns, is_replay=True)

        return sum(await asyncio.gather(*(one(key) for key in keys)))

    async def _note(
        self, replay_id: str, position: str, payloads: int, spans: int, state: ReplayState | None = None
    ) -> bool:
        """Note what is done; False when somebody has stopped the replay, or it is done already."""
        async with self._postgres.session() as session:
            row = await session.get(ReplayRow, replay_id, with_for_update=True)
            if row is None:
                return False
            if position > row.position:
                row.position = position
                row.payloads += payloads
                row.spans += spans
            row.updated_at = utc_now()
            is_running = row.state == ReplayState.RUNNING
            if state is not None and is_running:
                row.state = state
            return is_running


def _check(from_at: datetime, to_at: datetime) -> None:
    if from_at >= to_at:
        raise InvalidInput("The range is empty: its start is not before its end")


def _is_within(key: str, segment: str, from_at: datetime) -> bool:
    return share_of(key) == segment and received_ms(key) >= int(from_at.timestamp() * 1000)


def _to_replay(row: ReplayRow) -> Replay:
    at = row.from_at
    if row.position:
        at = datetime.fromtimestamp(received_ms(row.position) / 1000, row.from_at.tzinfo)
    return Replay(
        id=row.id,
        project_id=ProjectId(row.project_id),
        from_at=row.from_at,
        to_at=row.to_at,
        state=ReplayState(row.state),
        position=row.position,
        position_at=row.to_at if row.state == ReplayState.DONE else at,
        payloads=row.payloads,
        spans=row.spans,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
