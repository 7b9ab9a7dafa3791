"""Events of one score, made one: later values replace; time and trace stay as first said. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lumenspan.ingest import trace_fields
from lumenspan.ingest.events.frame import Event
from lumenspan.scores.schema import CheckedScore, decode_checked


@dataclass(frozen=True, slots=True)
class MergedScore:
    """A score as it is stored.

    Attributes:
        timestamp: nanoseconds since the epoch.
        places: every ``(name, timestamp)`` that a part of the events could have led to.
    """

    id: str
    timestamp: int
    environment: str
    score: CheckedScore
    places: frozenset[tuple[str, int]]


# The value and its type are one: a later event replaces all of them.
_WHOLE = ("name", "data_type", "value", "string_value", "long_string_value")
_LATEST = (
    "source",
    "observation_id",
    "session_id",
    "dataset_run_id",
    "comment",
    "config_id",
    "queue_id",
    "execution_trace_id",
)


def merge_score(score_id: str, events: Sequence[Event]) -> MergedScore:
    """The score that its events, in merge order, describe."""
    sent = [decode_checked(bytes(event.body)) for event in events]
    times = [
        event.timestamp if score.timestamp is None else score.timestamp
        for event, score in zip(events, sent, strict=True)
    ]
    merged = CheckedScore(**{name: getattr(sent[-1], name) for name in _WHOLE})
    for score in sent:
        for name in _LATEST:
            value = getattr(score, name)
            if value:
                setattr(merged, name, value)
        merged.trace_id = merged.trace_id or score.trace_id
        merged.metadata = {**merged.metadata, **score.metadata}
    stated = [score.timestamp for score in sent if score.timestamp is not None]
    environments = [score.environment for score in sent if score.environment is not None]
    names = {score.name for score in sent}
    return MergedScore(
        score_id,
        stated[0] if stated else times[0],
        trace_fields.normal_environment(environments[0]) if environments else "default",
        merged,
        frozenset((name, time) for name in names for time in times),
    )
