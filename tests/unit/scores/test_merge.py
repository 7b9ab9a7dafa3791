"""Events of one score, made one."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from lumenspan.ingest.events.frame import Event
from lumenspan.ingest.events.merge import receipts
from lumenspan.ingest.events.schema import SCORE_CREATE, Kind
from lumenspan.scores import schema
from lumenspan.scores.merge import MergedScore, merge_score
from lumenspan.scores.rows import score_row

DAY_NS = 86_400_000_000_000


def event(at: int, received_at: int | None = None, **given: Any) -> Event:
    body = {"traceId": "t", "name": "n", "value": 1, **given}
    checked = schema.check(
        schema.parse(orjson.dumps({k: v for k, v in body.items() if v is not None}), is_eval_allowed=True),
        None,
    )
    receipt = at if received_at is None else received_at
    return Event(Kind.SCORE, "s", f"e{receipt}", SCORE_CREATE, at, schema.encode_checked(checked), receipt)


def merged(*events: Event) -> MergedScore:
    return merge_score("s", receipts(events).events)


def test_a_later_value_replaces_the_former_with_its_type() -> None:
    made = merged(event(1, value="good"), event(2, value=0.5)).score
    assert (made.value, made.string_value, made.data_type) == (0.5, None, "NUMERIC")


def test_what_a_later_event_does_not_name_stays() -> None:
    first = event(1, comment="why", metadata={"a": 1}, environment="prod", observationId="o")
    made = merged(first, event(2, value=2, metadata={"b": 2}))
    assert (made.score.comment, made.score.observation_id) == ("why", "o")
    assert made.score.metadata == {"a": "1", "b": "2"}
    assert made.environment == "prod"


def test_time_and_trace_stay_as_first_said() -> None:
    made = merged(event(5), event(DAY_NS, traceId="t2", name="m"))
    assert (made.timestamp, made.score.trace_id, made.score.name) == (5, "t", "m")
    assert made.places == {("n", 5), ("n", DAY_NS), ("m", 5), ("m", DAY_NS)}


def test_a_stated_time_counts_more_than_that_of_the_event() -> None:
    made = merged(event(5), event(6, timestamp="1970-01-02T00:00:00Z"))
    assert made.timestamp == DAY_NS


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.sampled_from([1, "a"]), st.sampled_from([None, "c", "d"])),
        min_size=1,
        max_size=6,
    ),
    st.data(),
)
def test_order_and_number_do_not_matter(drawn: list[tuple[int, Any, Any]], data: st.DataObject) -> None:
    events = [
        event(time, 100 + place, value=value, comment=comment)
        for place, (time, value, comment) in enumerate(drawn)
    ]
    shuffled = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events)))))
    rows = []
    for each in (events, shuffled):
        known = receipts(each)
        rows.append(score_row("p", merge_score("s", known.events), known.first_ns, known.version))
    assert rows[0] == rows[1]
