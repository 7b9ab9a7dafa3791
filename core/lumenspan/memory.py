"""Freed memory back to the system: the C library would keep the most that was ever in use."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import time
from functools import cache
from pathlib import Path
from typing import Any

_STATM = Path("/proc/self/statm")
_EVERY_S = 5.0
# Less than this is not worth a walk through the heap.
_GROWTH_BYTES = 32 << 20
# An idle process uses less processor time than this between two looks.
_WORK_S = 0.1


def resident_bytes() -> int:
    """What of this process is in memory now; 0 where the system does not tell."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def give_back() -> None:
    """Collect cycles, and return freed memory to the system where the C library can."""
    # Clients of engines leave rounds of references to whole batches of rows; by itself the collector looks
    # among old objects only when there are many new ones, and those batches are few and large.
    gc.collect()
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Any:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None


async def keep_small(every_s: float = _EVERY_S) -> None:
    """Give memory back while the process works and has grown, until cancelled."""
    smallest = resident_bytes()
    worked_s = time.process_time()
    while True:
        await asyncio.sleep(every_s)
        has_worked = time.process_time() > worked_s + _WORK_S
        if has_worked and resident_bytes() > smallest + _GROWTH_BYTES:
            # Other threads go on meanwhile.
            await asyncio.to_thread(give_back)
            smallest = min(smallest, resident_bytes())
        if has_worked:
            worked_s = time.process_time()
