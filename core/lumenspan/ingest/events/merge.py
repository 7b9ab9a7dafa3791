"""Partial updates of one id, made one (contract, section 3).

Pure: the result depends on the set of events only, never on the order in which they arrived, on how they
were grouped into requests or on how often each was sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from msgspec import UNSET

from lumenspan.ingest import trace_fields
from lumenspan.ingest import usage as usages
from lumenspan.ingest.attributes import Value, to_text
from lumenspan.ingest.events import values
from lumenspan.ingest.events.frame import Event
from lumenspan.ingest.events.schema import (
    ObservationBody,
    TraceBody,
    instant,
    observation_body,
    observation_type,
    trace_body,
    usage_of,
)


@dataclass(frozen=True, slots=True)
class Receipts:
    """The events of one id, each once, in merge order, and what their receipts say.

    Attributes:
        first_ns: when the first of them was received, nanoseconds since the epoch.
        version: greater than that of any part of these receipts.
        size_bytes: of all bodies.
    """

    events: tuple[Event, ...]
    first_ns: int
    version: int
    size_bytes: int


def receipts(events: Iterable[Event]) -> Receipts:
    """Order the events of one id: by their own time, what creates before what updates, then by receipt.

    An event that was sent again counts as it was first received. ``events`` must not be empty.
    """
    every = {(event.timestamp, event.id, event.received_at): event for event in events}
    first: dict[tuple[int, str], Event] = {}
    for event in sorted(every.values(), key=lambda event: event.received_at):
        first.setdefault((event.timestamp, event.id), event)
    in_order = sorted(
        first.values(),
        key=lambda event: (event.timestamp, not event.is_create, event.received_at, event.id),
    )
    times = [event.received_at for event in every.values()]
    return Receipts(
        events=tuple(in_order),
        first_ns=min(times),
        # Two steps a receipt leave a version between a part and the whole: that of a tombstone.
        version=max(times) + 2 * len(every),
        size_bytes=sum(len(bytes(event.body)) for event in in_order),
    )


@dataclass(slots=True)
class MergedTrace:
    """What the events of a trace say together; None where none says anything.

    Attributes:
        cleared: columns whose newest word is an explicit null or an empty text.
        timestamp: nanoseconds since the epoch.
    """

    id: str
    timestamp: int
    fields: dict[str, str | None] = field(default_factory=dict)
    environment: str = "default"
    is_public: bool | None = None
    tags: list[str] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    input: str = ""
    output: str = ""

    @property
    def cleared(self) -> list[str]:
        return sorted(name for name, value in self.fields.items() if not value)


# Body member to column of those whose explicit null is an answer.
TRACE_COLUMNS = {
    "name": "name",
    "user_id": "user_id",
    "session_id": "session_id",
    "release": "release",
    "version": "version",
}


def merge_trace(trace_id: str, events: Sequence[Event]) -> MergedTrace:
    """The trace that its events, in merge order, describe."""
    bodies = [(event, trace_body(bytes(event.body))) for event in events]
    stated = [instant(body.timestamp, "timestamp") for _, body in bodies]
    merged = MergedTrace(trace_id, _first(stated, bodies[0][0].timestamp))
    merged.environment = _environment([body for _, body in bodies])
    metadata: dict[str, Value] = {}
    tags: set[str] = set()
    for _, body in bodies:
        for member, column in TRACE_COLUMNS.items():
            value = getattr(body, member)
            if value is not UNSET:
                merged.fields[column] = value
        if isinstance(body.public, bool):
            merged.is_public = body.public
        tags.update(body.tags or ())
        metadata = values.deep_merge(metadata, values.as_metadata(body.metadata))
        merged.input = values.truthy_text(body.input) or merged.input
        merged.output = values.truthy_text(body.output) or merged.output
    merged.tags = sorted(tags)
    merged.metadata = values.metadata_texts(metadata)
    return merged


@dataclass(slots=True)
class MergedObservation:
    """What the events of an observation say together; times are nanoseconds since the epoch.

    Attributes:
        places: every ``(trace id, start)`` that a part of the events could have led to.
    """

    id: str
    trace_id: str
    type: str
    start: int
    places: frozenset[tuple[str, int]]
    end: int | None = None
    completion_start: int | None = None
    parent_id: str = ""
    name: str = ""
    level: str = "DEFAULT"
    status_message: str = ""
    environment: str = "default"
    version: str = ""
    input: str = ""
    output: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    model: str = ""
    model_parameters: dict[str, Value] = field(default_factory=dict)
    prompt_name: str = ""
    prompt_version: int | None = None
    usage: dict[str, int] = field(default_factory=dict)
    cost: dict[str, Decimal] = field(default_factory=dict)


_NULLABLE = {"name": "name", "level": "level", "model": "model"}
_KEPT = {
    "status_message": "status_message",
    "version": "version",
    "parent_observation_id": "parent_id",
    "model_parameters": "model_parameters",
    "prompt_name": "prompt_name",
    "prompt_version": "prompt_version",
}
_TIMES = {
    "end_time": ("endTime", "end"),
    "completion_start_time": ("completionStartTime", "completion_start"),
}
_DEFAULTS = {"level": "DEFAULT"}


def merge_observation(observation_id: str, events: Sequence[Event]) -> MergedObservation:
    """The observation that its events, in merge order, describe.

    One without a trace makes a trace of its own id.
    """
    bodies = [(event, observation_body(bytes(event.body))) for event in events]
    starts = [instant(body.start_time, "startTime") for _, body in bodies]
    trace_ids = [body.trace_id or None for _, body in bodies]
    merged = MergedObservation(
        observation_id,
        _first(trace_ids, observation_id),
        observation_type(events[-1].type, bodies[-1][1]),
        _first(starts, bodies[0][0].timestamp),
        _places(observation_id, bodies),
    )
    merged.environment = _environment([body for _, body in bodies])
    metadata: dict[str, Value] = {}
    left: dict[str, str] = {}
    for _, body in bodies:
        _apply(merged, body)
        metadata = values.deep_merge(metadata, values.as_metadata(body.metadata))
        merged.input = values.truthy_text(body.input) or merged.input
        merged.output = values.truthy_text(body.output) or merged.output
        _apply_usage(merged, body, left)
    merged.metadata = {**left, **values.metadata_texts(metadata)}
    if merged.end is not None:
        merged.end = max(merged.end, merged.start)
    return merged


def _apply(merged: MergedObservation, body: ObservationBody) -> None:
    for member, target in _NULLABLE.items():
        value = getattr(body, member)
        if value is not UNSET:
            setattr(merged, target, _DEFAULTS.get(member, "") if value is None else value)
    for member, target in _KEPT.items():
        value = getattr(body, member)
        if value is not UNSET and value is not None and value != {}:
            setattr(merged, target, value)
    for member, (name, target) in _TIMES.items():
        nanos = instant(getattr(body, member), name)
        if nanos is not None:
            setattr(merged, target, nanos)


def _apply_usage(merged: MergedObservation, body: ObservationBody, left: dict[str, str]) -> None:
    """Usage and cost of one event replace the former whole; ``left`` gets what is no count or price."""
    counts, costs = _plain_usage(body)
    if body.usage_details:
        details, other = usages.normalize(body.usage_details)
        counts |= details
        left.update({f"usage_details.{key}": to_text(value) for key, value in other.items()})
    if body.cost_details:
        prices, unpriced = usages.normalize_cost(body.cost_details)
        costs |= prices
        left.update({f"cost_details.{key}": to_text(value) for key, value in unpriced.items()})
    if counts:
        merged.usage = counts
    if costs:
        merged.cost = costs


def _plain_usage(body: ObservationBody) -> tuple[dict[str, int], dict[str, Decimal]]:
    usage = usage_of(body)
    if usage is None:
        return {}, {}
    renamed = (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)
    given: tuple[Any, ...] = (usage.input, usage.output, usage.total)
    if any(each is not UNSET for each in renamed):
        given = tuple(None if each is UNSET else each for each in renamed)
    names = ("input", "output", "total")
    counts, _ = usages.normalize(dict(zip(names, given, strict=True)))
    prices = (usage.input_cost, usage.output_cost, usage.total_cost)
    costs, _ = usages.normalize_cost(dict(zip(names, prices, strict=True)))
    return counts, costs


def _places(
    observation_id: str, bodies: Sequence[tuple[Event, ObservationBody]]
) -> frozenset[tuple[str, int]]:
    trace_ids = {body.trace_id or observation_id for _, body in bodies}
    starts = {
        event.timestamp if nanos is None else nanos
        for event, body in bodies
        for nanos in (instant(body.start_time, "startTime"),)
    }
    return frozenset((trace_id, start) for trace_id in trace_ids for start in starts)


def _environment(bodies: Sequence[TraceBody | ObservationBody]) -> str:
    sent = [values.environment(body.environment) for body in bodies]
    found = _first(sent, None)
    return "default" if found is None else trace_fields.normal_environment(found)


def _first(found: Sequence[Any], fallback: Any) -> Any:
    return next((value for value in found if value is not None), fallback)
