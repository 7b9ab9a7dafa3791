"""Looking back through ever wider windows: the newest rows are found fast however many there are."""

from __future__ import annotations

from collections.abc import Iterator

from lumenspan.clock import now_nanos

_HOUR_NS = 3_600 * 1_000_000_000
# Widening by eight keeps the wasted work of the smaller windows below a seventh of the last one.
_WINDOW_HOURS = (1, 8, 64, 512, 4096)


def lower_bounds(upper_ns: int | None, last_ns: int | None) -> Iterator[int | None]:
    """Ever earlier bounds below ``upper_ns`` (None: now), then ``last_ns`` (None: no bound) for ever."""
    upper = now_nanos() if upper_ns is None else min(upper_ns, now_nanos())
    for hours in _WINDOW_HOURS:
        bound = upper - hours * _HOUR_NS
        if bound > (0 if last_ns is None else last_ns):
            yield bound
    while True:
        yield last_ns
