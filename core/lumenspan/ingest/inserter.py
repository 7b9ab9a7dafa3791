"""Rows of several jobs in one insert: what arrives while an insert runs goes along with the next.

Whoever waits longest does not go first: each share (a project) gets its turn, so that one with many rows
delays the others by a block and no more. Rows that the store refuses are found by halving.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from lumenspan.errors import Unavailable
from lumenspan.ingest.fairness import Rotation
from lumenspan.observations.rows import COLUMNS, TABLE, TYPES, Columns, ObservationColumns, joined
from lumenspan.storage.clickhouse import ClickHouse, RowsRefused

_log = structlog.get_logger(__name__)
# Merging what was inserted costs as much as inserting it: few large parts are merged less often.
_BLOCK_ROWS = 20_000
_BLOCK_BYTES = 64 << 20
# What is refused together is searched for bad rows together.
_PIECE_ROWS = 5_000
# An insert costs about as much as a thousand rows: under load they are gathered for so long, and longer
# while more are on their way.
_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 1.0
# Rows in memory that are not written yet, by the size of their spans.
_HELD_BYTES = 128 << 20
# Two dozen bad rows among five thousand are found with so many inserts; beyond, the rest is given up.
_MOST_HALVINGS = 300
_SETTINGS = {
    # A batch of old spans touches many months; that is no reason to refuse it.
    "max_partitions_per_insert_block": 0,
    "async_insert": 0,
    # Rows of the same id are merged later anyway, and a block is too small to share it among threads.
    "optimize_on_insert": 0,
    "max_threads": 1,
}


class Refused(NamedTuple):
    """A row that the store refuses: its place among the caller's rows, and the name of the error."""

    row: int
    reason: str


@dataclass(slots=True)
class _Waiting:
    columns: Columns
    rows: int
    size_bytes: int
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Inserter:
    """Writes observations; each caller's are there, or have failed, when its call returns.

    ``callers`` is how many there can be at once: when all of them wait, there is nothing more to gather.
    """

    def __init__(self, clickhouse: ClickHouse, callers: int) -> None:
        self._clickhouse = clickhouse
        self._callers = callers
        self._waiting: Rotation[_Waiting] = Rotation()
        self._changed = asyncio.Event()
        self._coming = 0
        self._held_bytes = 0
        self._released = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._helper: asyncio.Task[None] | None = None
        self._halving = asyncio.Semaphore(1)

    @contextmanager
    def coming(self) -> Iterator[None]:
        """Around what leads to a call of ``insert``: its rows are worth waiting for."""
        self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1
            self._changed.set()

    async def room(self) -> None:
        """Return when there is memory for more rows."""
        while self._held_bytes >= _HELD_BYTES:
            self._released.clear()
            await self._released.wait()

    async def insert(self, columns: ObservationColumns, share: str = "") -> list[Refused]:
        """Insert ``columns`` and return the rows that cannot be stored; the same again changes nothing.

        Raises:
            Unavailable: ClickHouse is down or busy; a part may have been written.
            Exception: these rows cannot be written; those of other callers are not concerned.
        """
        blocks = [_waiting(block) for block in columns.blocks(_PIECE_ROWS)]
        for block in blocks:
            self._waiting.add(share, block)
            self._held_bytes += block.size_bytes
        self._changed.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        elif self._is_block_waiting() and (self._helper is None or self._helper.done()):
            self._helper = asyncio.create_task(self._help())
        try:
            outcomes = await asyncio.gather(*(block.done for block in blocks), return_exceptions=True)
        finally:
            self._held_bytes -= sum(block.size_bytes for block in blocks)
            self._released.set()
        refused: list[Refused] = []
        first = 0
        for block, outcome in zip(blocks, outcomes, strict=True):
            if isinstance(outcome, RowsRefused):
                # Apart from the others: they need not wait until the bad rows are found.
                async with self._halving:
                    found = await self._halve(block.columns, outcome)
                refused += [Refused(first + row, reason) for row, reason in found]
            elif outcome is not None:
                raise outcome
            first += block.rows
        return refused

    async def _halve(self, columns: Columns, error: RowsRefused) -> list[Refused]:
        """Write all of a refused block that can be written; returns the rest."""
        refused: list[Refused] = []
        tries = 0
        parts = [(0, len(columns[0]), error)]
        while parts:
            first, end, reason = parts.pop()
            if end - first == 1 or tries >= _MOST_HALVINGS:
                refused += [Refused(row, reason.reason) for row in range(first, end)]
                continue
            middle = (first + end) // 2
            for half in ((first, middle), (middle, end)):
                tries += 1
                try:
                    await self._send([column[slice(*half)] for column in columns])
                except RowsRefused as again:
                    parts.append((*half, again))
        _log.warning("rows_refused", count=len(refused), inserts=tries, reason=error.reason)
        return sorted(refused)

    async def _work(self) -> None:
        """Insert until nothing waits."""
        while self._waiting:
            begun = asyncio.get_running_loop().time()
            await self._write(self._take())
            await self._gather(begun)

    async def _help(self) -> None:
        """Insert beside ``_work`` while more than enough waits: a block is encoded as one is stored."""
        while self._is_block_waiting():
            await self._write(self._take())

    def _is_block_waiting(self) -> bool:
        rows = sum(each.rows for each in self._waiting)
        return rows >= _BLOCK_ROWS or sum(each.size_bytes for each in self._waiting) >= _BLOCK_BYTES

    async def _gather(self, begun: float) -> None:
        """Wait for more rows: a while, or until they fill a block or everybody waits."""
        while len(self._waiting) < self._callers and not self._is_block_waiting():
            self._changed.clear()
            pause_s = _LONGEST_PAUSE_S if self._coming else _PAUSE_S
            try:
                async with asyncio.timeout_at(begun + pause_s):
                    await self._changed.wait()
            except TimeoutError:
                return

    def _take(self) -> list[_Waiting]:
        """The next blocks that fit together, of each share in turn."""
        taken = [self._waiting.take()]
        rows, size = taken[0].rows, taken[0].size_bytes
        while self._waiting:
            following = self._waiting.peek()
            rows += following.rows
            size += following.size_bytes
            if rows > _BLOCK_ROWS or size > _BLOCK_BYTES:
                break
            taken.append(self._waiting.take())
        return taken

    async def _write(self, taken: list[_Waiting]) -> None:
        try:
            await self._send(await _joined(taken))
        except Exception as error:
            if isinstance(error, Unavailable) or len(taken) == 1:
                for each in taken:
                    _fail(each, error)
                return
            # Something in one of them cannot be written: find out in which.
            middle = len(taken) // 2
            await self._write(taken[:middle])
            await self._write(taken[middle:])
        except BaseException as error:
            for each in taken:
                _fail(each, error)
            raise
        else:
            for each in taken:
                if not each.done.done():
                    each.done.set_result(None)

    async def _send(self, columns: Columns) -> None:
        await self._clickhouse.insert(TABLE, COLUMNS, columns, TYPES, settings=_SETTINGS)


async def _joined(taken: list[_Waiting]) -> Columns:
    if len(taken) == 1:
        return taken[0].columns
    return await asyncio.to_thread(joined, [each.columns for each in taken])


def _waiting(block: Columns) -> _Waiting:
    return _Waiting(block, len(block[0]), sum(block[COLUMNS.index("event_bytes")]))


def _fail(waiting: _Waiting, error: BaseException) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)
        # The caller may have gone: read the error so that it is not reported as forgotten.
        waiting.done.exception()
