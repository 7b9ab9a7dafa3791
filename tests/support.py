"""Small helpers of the tests: free ports, waiting for a condition with a deadline."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from functools import cache
from typing import TypeVar

T = TypeVar("T")


def free_port() -> int:
    """A loopback port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(check: Callable[[], T], timeout_s: float = 20, every_s: float = 0.05) -> T:
    """The first truthy answer of ``check``; fails the test when none came in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(
                f"condition did not hold within {timeout_s} s; the last answer was {answer!r}"
            )
        time.sleep(every_s)


async def eventually(check: Callable[[], Awaitable[T]], timeout_s: float = 20, every_s: float = 0.05) -> T:
    """``wait_until`` for a coroutine function."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = await check()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(
                f"condition did not hold within {timeout_s} s; the last answer was {answer!r}"
            )
        await asyncio.sleep(every_s)


@cache
def why_qt_is_missing() -> str | None:
    """What the loader says of a system library that Qt needs and does not find; None when all is there."""
    try:
        import PySide6.QtTest
        import PySide6.QtWidgets  # noqa: F401
    except ImportError as error:
        return str(error)
    return None
