"""Whatever the order, the grouping and the repetition of events: the outcome is the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lumenspan.ingest.events.frame import Event, Events, decode, encode
from lumenspan.ingest.events.merge import merge_observation, merge_trace, receipts
from lumenspan.ingest.events.rows import Origin, observation_row, trace_row
from tests.unit.ingest_events.build import at, event

# Two cores that others use, too: how long an example takes says nothing.
_calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
_texts = st.none() | st.sampled_from(["", "a", "b", "\x00", "ü🙂"])
_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=2),
    max_leaves=6,
)
_counts = st.none() | st.dictionaries(
    st.sampled_from(["input", "output", "c"]), st.integers(0, 9), max_size=2
)
_times = st.none() | st.integers(0, 130).map(at)


def _bodies(members: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=members)


_TRACE = _bodies(
    {
        "name": _texts,
        "userId": _texts,
        "sessionId": _texts,
        "environment": _texts,
        "timestamp": _times,
        "public": st.none() | st.booleans(),
        "tags": st.none() | st.lists(st.sampled_from("abc"), max_size=2),
        "metadata": _json,
        "input": _json,
        "output": _json,
    }
)
_OBSERVATION = _bodies(
    {
        "traceId": st.sampled_from(["t1", "t2"]),
        "name": _texts,
        "level": st.none() | st.sampled_from(["DEBUG", "ERROR"]),
        "startTime": _times,
        "endTime": _times,
        "metadata": _json,
        "input": _json,
        "model": _texts,
        "statusMessage": _texts,
        "usageDetails": _counts,
        "costDetails": _counts,
    }
)


@st.composite
def _events(
    draw: st.DrawFn, types: Sequence[str], bodies: st.SearchStrategy[dict[str, Any]]
) -> list[Event]:
    """A few events, ties in time included, each with an id of its own and some received more than once."""
    made: list[Event] = []
    for place in range(draw(st.integers(1, 6))):
        type_, second, body = draw(st.sampled_from(types)), draw(st.integers(0, 3)), draw(bodies)
        for repeat in range(draw(st.integers(1, 2))):
            made.append(
                event(type_, second, body, id=f"e{place}", received_at=1_000 + 100 * repeat + place)
            )
    return made


def _trace_row(events: Sequence[Event]) -> dict[str, Any]:
    known = receipts(events)
    return trace_row("p", merge_trace("t", known.events), known, Origin())


def _observation_row(events: Sequence[Event]) -> dict[str, Any]:
    known = receipts(events)
    return observation_row("p", merge_observation("o", known.events), known, Origin())


@_calm
@given(_events(["trace-create"], _TRACE), st.data())
def test_a_trace_is_the_same_in_any_order_and_number(events: list[Event], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events)))))
    assert _trace_row(shuffled) == _trace_row(events)


@_calm
@given(_events(["span-create", "span-update", "generation-update"], _OBSERVATION), st.data())
def test_an_observation_is_the_same_in_any_order_and_number(
    events: list[Event], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events)))))
    assert _observation_row(shuffled) == _observation_row(events)


@_calm
@given(_events(["span-create", "span-update"], _OBSERVATION), st.data())
def test_any_part_is_older_than_the_whole_and_lies_where_the_whole_expects_it(
    events: list[Event], data: st.DataObject
) -> None:
    part = data.draw(st.lists(st.sampled_from(events), min_size=1, unique_by=id))
    whole, some = receipts(events), receipts(part)
    if len(part) < len(events):
        assert some.version < whole.version - 1
    merged = merge_observation("o", some.events)
    assert (merged.trace_id, merged.start) in merge_observation("o", whole.events).places


@_calm
@given(_events(["trace-create"], _TRACE), st.integers(1, 6))
def test_grouping_into_requests_changes_nothing(events: list[Event], size: int) -> None:
    """Each request is a frame of its own, received when its first event was."""
    unique = list({each.id: each for each in events}.values())
    groups = [unique[start : start + size] for start in range(0, len(unique), size)]
    received, decoded = 5_000, []
    for group in groups:
        decoded += decode(encode(Events(group)), received).accepted
        received += len(group)
    whole = decode(encode(Events(unique)), 5_000).accepted
    assert decoded == whole
    assert _trace_row(decoded) == _trace_row(whole)
