"""Which scene is played in a slot, and how often each."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from lumenspan.demo import agents, documents, support
from lumenspan.demo.spans import Trace
from lumenspan.demo.stage import Stage

# No scene lasts longer; one that began this long ago is over.
LONGEST_SCENE_S = 900
# How many traces a scene makes on average; only the spread over time depends on it.
TRACES_PER_SCENE = 2.2

_SCENES: tuple[tuple[int, Callable[[Stage], Iterator[Trace]]], ...] = (
    (50, support.conversation),
    (18, agents.trip),
    (12, agents.analysis),
    (14, documents.invoices),
    (6, documents.judgements),
)


def play(key: str, rng: random.Random, start_ns: int) -> Iterator[Trace]:
    """The traces of one scene in the order of time. ``key`` decides their ids, ``rng`` all else."""
    (scene,) = rng.choices([scene for _, scene in _SCENES], [weight for weight, _ in _SCENES])
    return scene(Stage(key, rng, start_ns))
