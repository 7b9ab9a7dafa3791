"""What a system costs that has nothing to do: memory and processor time of its whole process tree."""

from __future__ import annotations

import time
from collections import defaultdict

import psutil

from bench.report import Row, at_most, exactly
from bench.system import System
from lumenspan.embedded import status

_MIB = 1 << 20
_SETTLE_S, _WINDOW_S = 20.0, 30.0


def measure(system: System) -> list[Row]:
    """Totals with goals, then each part. Memory is PSS: what processes share is counted once, in shares."""
    time.sleep(_SETTLE_S)
    before, began = cpu_seconds(system), time.monotonic()
    time.sleep(_WINDOW_S)
    after, elapsed = cpu_seconds(system), time.monotonic() - began
    cpu = {part: 100 * (after[part] - before.get(part, 0.0)) / elapsed for part in after}
    memory = memory_mib(system)
    rows = [
        at_most("idle memory (PSS), all processes", sum(memory.values()), "MiB", 1024),
        at_most("idle CPU, all processes", sum(cpu.values()), "% of a core", 2, f"over {_WINDOW_S:.0f} s"),
    ]
    rows += [at_most(f"  memory of {part}", value, "MiB") for part, value in memory.items()]
    rows += [at_most(f"  CPU of {part}", value, "% of a core") for part, value in cpu.items()]
    return rows


def memory_rows(system: System, moment: str) -> list[Row]:
    """Memory of the whole tree at some moment."""
    memory = memory_mib(system)
    most = sorted(memory, key=lambda part: -memory[part])
    note = ", ".join(f"{part} {memory[part]:,.0f}" for part in most)
    return [at_most(f"memory (PSS) {moment}", sum(memory.values()), "MiB", note=note)]


def restarts(system: System) -> Row:
    """No process may have crashed meanwhile."""
    found = status.read(system.folder)
    count = sum(child.restarts for child in found.children) if found else 0
    return exactly("processes that had to be restarted", count, "processes", 0)


def memory_mib(system: System) -> dict[str, float]:
    """Proportional set size of each part."""
    found: dict[str, float] = defaultdict(float)
    for part, processes in system.parts().items():
        for process in processes:
            try:
                found[part] += process.memory_full_info().pss / _MIB
            except psutil.NoSuchProcess:
                continue
    return dict(found)


def cpu_seconds(system: System) -> dict[str, float]:
    """Processor time of each part so far, with that of processes which ended meanwhile."""
    found: dict[str, float] = defaultdict(float)
    for part, processes in system.parts().items():
        for process in processes:
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            found[part] += times.user + times.system + times.children_user + times.children_system
    return dict(found)
