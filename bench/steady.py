"""A steady load for minutes: how soon each span can be read, and whether memory stays what it was."""

from __future__ import annotations

import time
import uuid

from bench import flow, generator
from bench.api import of_project
from bench.idle import memory_mib
from bench.report import Failed, Row, at_least, at_most, exactly, percentile
from bench.system import System

_SPANS_PER_S = 5_000.0
_EVERY_S, _POLL_S = 1.0, 0.02
_MEMORY_EVERY_S = 5.0
# The first part of the load fills caches.
_WARM_UP_S = 20.0
# Between the middle and the end of the load; less is the noise of when somebody looks.
_MOST_GROWTH = 1.15


def measure(system: System, minutes: float) -> list[Row]:
    """5,000 spans a second for so many minutes, with a trace of ten spans looked for every second."""
    api = of_project(system)
    service = f"bench-minutes-{uuid.uuid4().hex[:8]}"
    seconds = 60 * minutes
    steady = generator.run(
        system.port, api.authorization, service, seconds=seconds, connections=8, rate=_SPANS_PER_S
    )
    watch = _Watch(system)
    try:
        until = time.monotonic() + seconds - 2
        lags = flow.lags(system, api, until=until, every_s=_EVERY_S, poll_s=_POLL_S, between=watch.look)
        load = generator.result(steady)
    finally:
        steady.kill()
        api.close()
    found = flow.settled(system, service, load.spans)
    return [
        at_least("sent, at a steady rate", load.spans / load.seconds, "spans/s", 0.98 * _SPANS_PER_S),
        exactly("  spans of it that can be read", found, "spans", load.spans, f"{minutes:g} minutes"),
        at_most("  request to answer, p50", percentile(load.ack_ms, 0.5), "ms"),
        at_most("  request to answer, p99", percentile(load.ack_ms, 0.99), "ms", 150),
        at_most("  answer to readable, p50", percentile(lags, 0.5), "ms", note=f"{len(lags)} samples"),
        at_most("  answer to readable, p95", percentile(lags, 0.95), "ms", 2000),
        at_most("  answer to readable, longest", max(lags), "ms"),
        *watch.rows(),
    ]


class _Watch:
    """Memory of all parts now and then."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._began = time.monotonic()
        self._next = self._began
        self._samples: list[tuple[float, dict[str, float]]] = []

    def look(self) -> None:
        """Take a sample where one is due."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _MEMORY_EVERY_S
            self._samples.append((now - self._began, memory_mib(self._system)))

    def rows(self) -> list[Row]:
        """Medians of the beginning, the middle and the end, of all parts together."""
        settled = [memory for at, memory in self._samples if at >= _WARM_UP_S]
        third = len(settled) // 3
        if not third:
            raise Failed("too short a load to tell whether memory grows")
        parts = {
            name: _median(each)
            for name, each in (
                ("begin", settled[:third]),
                ("middle", settled[third : 2 * third]),
                ("end", settled[2 * third :]),
            )
        }
        growth = sum(parts["end"].values()) / sum(parts["middle"].values())
        rows = [
            at_most(f"  memory (PSS), {name}", sum(each.values()), "MiB", note=_listed(each))
            for name, each in parts.items()
        ]
        return [*rows, at_most("  memory, end over middle", growth, "x", _MOST_GROWTH)]


def _median(samples: list[dict[str, float]]) -> dict[str, float]:
    names = samples[0].keys()
    return {name: percentile([each.get(name, 0.0) for each in samples], 0.5) for name in names}


def _listed(memory: dict[str, float]) -> str:
    largest = sorted(memory, key=lambda part: -memory[part])
    return ", ".join(f"{part} {memory[part]:,.0f}" for part in largest)
