"""Freed memory goes back to the system."""

from __future__ import annotations

import asyncio
import sys

import pytest

from lumenspan import memory
from tests.support import eventually

_MIB = 1 << 20
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc and needs glibc")


def _fragmented() -> list[bytearray]:
    """Many blocks of the heap in use, so that freeing all but the last leaves its top where it is."""
    return [bytearray(60_000) for _ in range(3_000)]


def test_a_heap_whose_top_is_in_use_shrinks() -> None:
    blocks = _fragmented()
    full = memory.resident_bytes()
    last = blocks.pop()
    blocks.clear()
    memory.give_back()
    assert memory.resident_bytes() < full - 100 * _MIB
    assert len(last) == 60_000


async def test_a_process_that_grew_is_kept_small() -> None:
    keeper = asyncio.create_task(memory.keep_small(every_s=0.3))
    await asyncio.sleep(0)
    blocks = _fragmented()
    full = memory.resident_bytes()
    last = blocks.pop()
    blocks.clear()

    async def is_small() -> bool:
        assert sum(range(1_000_000))  # some work
        return memory.resident_bytes() < full - 100 * _MIB

    await eventually(is_small)
    keeper.cancel()
    assert len(last) == 60_000
