"""Rows of several jobs in one insert: what arrives while an insert runs goes along with the next."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from lumenspan.errors import Unavailable
from lumenspan.observations.rows import COLUMNS, TABLE, TYPES, Columns, ObservationColumns, joined
from lumenspan.storage.clickhouse import ClickHouse

_BLOCK_ROWS = 5_000
_BLOCK_BYTES = 32 << 20
# An insert costs about as much as a thousand rows: under load they are gathered for so long.
_PAUSE_S = 0.1
_SETTINGS = {
    # A batch of old spans touches many months; that is no reason to refuse it.
    "max_partitions_per_insert_block": 0,
    "async_insert": 0,
    # Rows of the same id are merged later anyway, and a block is too small to share it among threads.
    "optimize_on_insert": 0,
    "max_threads": 1,
}


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
        self._waiting: deque[_Waiting] = deque()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def insert(self, columns: ObservationColumns) -> None:
        """Insert all of ``columns``; the same again changes nothing.

        Raises:
            Unavailable: ClickHouse is down or busy; a part may have been written.
            Exception: these rows cannot be written; those of other callers are not concerned.
        """
        blocks = [_waiting(block) for block in columns.blocks(_BLOCK_ROWS)]
        self._waiting.extend(blocks)
        self._changed.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        await asyncio.gather(*(block.done for block in blocks))

    async def _work(self) -> None:
        """Insert until nothing waits."""
        while self._waiting:
            begun = asyncio.get_running_loop().time()
            await self._write(self._take())
            await self._gather(begun + _PAUSE_S)

    async def _gather(self, until: float) -> None:
        """Wait for more rows until that time, or until they fill a block or everybody waits."""
        while len(self._waiting) < self._callers and sum(each.rows for each in self._waiting) < _BLOCK_ROWS:
            self._changed.clear()
            try:
                async with asyncio.timeout_at(until):
                    await self._changed.wait()
            except TimeoutError:
                return

    def _take(self) -> list[_Waiting]:
        """The next blocks that fit together."""
        taken = [self._waiting.popleft()]
        rows, size = taken[0].rows, taken[0].size_bytes
        while self._waiting:
            rows += self._waiting[0].rows
            size += self._waiting[0].size_bytes
            if rows > _BLOCK_ROWS or size > _BLOCK_BYTES:
                break
            taken.append(self._waiting.popleft())
        return taken

    async def _write(self, taken: list[_Waiting]) -> None:
        try:
            await self._send(joined([each.columns for each in taken]))
        except Exception as error:
            if isinstance(error, Unavailable) or len(taken) == 1:
                for each in taken:
                    _fail(each, error)
                return
            # Something in one of them cannot be written: find out in which.
            for each in taken:
                await self._write([each])
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


def _waiting(block: Columns) -> _Waiting:
    return _Waiting(block, len(block[0]), sum(block[COLUMNS.index("event_bytes")]))


def _fail(waiting: _Waiting, error: BaseException) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)
        # The caller may have gone: read the error so that it is not reported as forgotten.
        waiting.done.exception()
