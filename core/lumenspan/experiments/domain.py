"""Experiments: runs of an application over items, each item with the span that is its root.

An experiment is known from its spans, or from the run and run items that older SDKs make over REST; the ids
agree, and the spans win.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lumenspan.filters import Condition
from lumenspan.observations.domain import Level
from lumenspan.scores.domain import Score


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment within a range of time.

    Attributes:
        start_ns, end_ns: earliest start and latest end within the range, nanoseconds since the epoch.
        item_count: items within the range.
        dataset_id: None where it used no dataset.
        metadata, scores: empty where they were not asked for; scores are those of the experiment itself.
    """

    id: str
    name: str
    description: str | None
    start_ns: int
    end_ns: int
    item_count: int
    dataset_id: str | None
    metadata: dict[str, Any] = field(default_factory=dict)
    scores: tuple[Score, ...] = ()


@dataclass(frozen=True, slots=True)
class ExperimentItem:
    """What an experiment did with one item.

    Attributes:
        id: of the root span; of the trace where a run item names no more than that.
        place: where it stands in the list.
        item_version_ns: since when the item had the content that was used.
        input, output, expected_output: what was stored, None where there is none or it was not asked for.
        metadata: of the span.
        scores: of the span, and of its trace as a whole.
    """

    id: str
    trace_id: str
    start_ns: int
    end_ns: int | None
    level: Level
    environment: str
    experiment_id: str
    experiment_name: str
    item_id: str
    dataset_id: str | None
    item_version_ns: int | None
    place: Place
    input: Any = None
    output: Any = None
    expected_output: Any = None
    metadata: dict[str, Any] = field(default_factory=dict)
    item_metadata: dict[str, Any] = field(default_factory=dict)
    experiment_metadata: dict[str, Any] = field(default_factory=dict)
    experiment_description: str | None = None
    scores: tuple[Score, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A place in one of the lists, newest first.

    Attributes:
        time_ns: of an experiment its end; of an item its start, or when its run item was made.
        trace_id, id: of an item's span; a run item has no ``trace_id`` here. Both empty for experiments.
    """

    time_ns: int
    experiment_id: str
    trace_id: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked for.

    Attributes:
        from_ns, to_ns: the range, the end exclusive; nanoseconds since the epoch.
        conditions: on the columns of ``filters``.
        score_limit: of scores each; 0 for none.
        has_texts: whether items come with input, output and expected output.
        has_metadata: whether items come with the metadata of their spans.
    """

    from_ns: int
    to_ns: int | None
    conditions: tuple[Condition, ...] = ()
    limit: int = 50
    after: Place | None = None
    score_limit: int = 0
    has_texts: bool = False
    has_metadata: bool = False
