"""Every project gets its turn within one process.

Between processes the queue itself serves by share (see ``lumenspan.storage.fair_queue``).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Rotation(Generic[T]):
    """Items that wait, taken of each share in turn, and of one share in their order."""

    def __init__(self) -> None:
        self._shares: deque[str] = deque()
        self._items: dict[str, deque[T]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[T]:
        for items in self._items.values():
            yield from items

    def add(self, share: str, item: T) -> None:
        """Let ``item`` wait; a share that had nothing waiting comes last in the round."""
        if share not in self._items:
            self._items[share] = deque()
            self._shares.append(share)
        self._items[share].append(item)
        self._count += 1

    def peek(self) -> T:
        """The item that is next; IndexError when none waits."""
        return self._items[self._shares[0]][0]

    def take(self) -> T:
        """Take the item that is next; IndexError when none waits."""
        share = self._shares.popleft()
        items = self._items[share]
        item = items.popleft()
        if items:
            self._shares.append(share)
        else:
            del self._items[share]
        self._count -= 1
        return item


class Turns:
    """A semaphore whose waiters are let in share by share."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: Rotation[asyncio.Future[None]] = Rotation()

    @asynccontextmanager
    async def turn(self, share: str) -> AsyncIterator[None]:
        """The block runs once it is this share's turn."""
        await self._enter(share)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, share: str) -> None:
        if self._free > 0 and not self._waiting:
            self._free -= 1
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(share, waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                # The turn had been given to it already.
                self._leave()
            raise

    def _leave(self) -> None:
        self._free += 1
        while self._free and self._waiting:
            waiter = self._waiting.take()
            if not waiter.done():
                self._free -= 1
                waiter.set_result(None)
