"""Waiting within a job while an engine is down, instead of sending it round through the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from dramatiq import Retry

from lumenspan.errors import Unavailable

_log = structlog.get_logger(__name__)
T = TypeVar("T")
_FIRST_S = 0.25
_LONGEST_S = 2.0
_GIVE_UP_S = 120.0
_BACK_AFTER_MS = 1_000


class Patience:
    """Repeats work until its engines are there: the jobs behind it stay queued, and go on at once then.

    After two minutes, or when the process stops, the job goes back to the queue for a delayed retry.
    """

    def __init__(self) -> None:
        self._is_stopping = asyncio.Event()

    def stop(self) -> None:
        """Let every waiting job go back to the queue."""
        self._is_stopping.set()

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """What ``work`` returns; it may be called several times.

        Raises:
            Retry: an engine stayed down, or the process stops.
        """
        wait_s = _FIRST_S
        deadline = asyncio.get_running_loop().time() + _GIVE_UP_S
        while True:
            try:
                return await work()
            except Unavailable as error:
                if self._is_stopping.is_set() or asyncio.get_running_loop().time() > deadline:
                    raise Retry(error.message, delay=_BACK_AFTER_MS) from error
                _log.warning("waiting for an engine", engine=error.engine, wait_s=wait_s)
            try:
                await asyncio.wait_for(self._is_stopping.wait(), wait_s)
            except TimeoutError:
                wait_s = min(2 * wait_s, _LONGEST_S)
