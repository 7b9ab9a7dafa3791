"""When demo traces happen: in fixed slots of time, so that a second run repeats and extends the first."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count as counted

from lumenspan.demo.scenes import LONGEST_SCENE_S, TRACES_PER_SCENE, play
from lumenspan.demo.spans import Trace

_NANOS = 1_000_000_000
WEEK = timedelta(days=7)


def traces(seed: int, count: int, now: datetime, span: timedelta = WEEK) -> Iterator[Trace]:
    """``count`` traces over about ``span`` before ``now`` (aware), newest first.

    Time is cut into slots of equal width, numbered from the Unix epoch; seed, width and number decide all
    of a slot's content, times and ids. So a later run with the same seed and count makes the same traces
    again for the time that it shares with the earlier one.
    """
    width_s = max(1, round(span.total_seconds() * TRACES_PER_SCENE / count))
    newest = (int(now.timestamp()) - LONGEST_SCENE_S) // width_s - 1
    left = count
    for slot in counted(newest, -1):
        key = f"{seed}:{width_s}:{slot}"
        rng = random.Random(key)
        start_ns = slot * width_s * _NANOS + rng.randrange(width_s * _NANOS)
        for trace in play(key, rng, start_ns):
            if left == 0:
                return
            yield trace
            left -= 1
