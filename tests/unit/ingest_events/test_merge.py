"""The merge rules of partial updates (contract, section 3 and vectors 51, 53)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from lumenspan.clock import iso_to_nanos
from lumenspan.ingest.events.frame import Event
from lumenspan.ingest.events.merge import (
    MergedObservation,
    MergedTrace,
    merge_observation,
    merge_trace,
    receipts,
)
from tests.unit.ingest_events.build import at, event


def trace(*bodies: dict[str, Any]) -> MergedTrace:
    """The trace of ``trace-create`` events a second apart."""
    events = [event("trace-create", second, body) for second, body in enumerate(bodies)]
    return merge_trace("t", receipts(events).events)


def observation(*events: Event) -> MergedObservation:
    return merge_observation("o", receipts(events).events)


def generation(*bodies: dict[str, Any]) -> MergedObservation:
    """The observation of a ``generation-create`` and ``generation-update`` a second after each other."""
    types = ["generation-create"] + ["generation-update"] * (len(bodies) - 1)
    pairs = zip(types, bodies, strict=True)
    return observation(*(event(type_, second, body) for second, (type_, body) in enumerate(pairs)))


class TestTrace:
    def test_vector_51_except_that_public_is_only_taken_back_by_a_word(self) -> None:
        merged = trace(
            {"public": True, "userId": "u", "tags": ["b", "a"], "metadata": {"k": {"x": 1}}},
            {"name": None, "tags": ["c"], "metadata": {"k": {"y": 2}}},
        )
        assert merged.fields["user_id"] == "u"
        assert merged.fields["name"] is None
        assert merged.tags == ["a", "b", "c"]
        assert merged.metadata == {"k": '{"x":1,"y":2}'}
        assert merged.is_public is True

    def test_public_is_taken_back_by_false(self) -> None:
        assert trace({"public": True}, {"public": False}).is_public is False
        assert trace({"public": True}, {"public": None}).is_public is True
        assert trace({}).is_public is None

    @pytest.mark.parametrize("member", ["name", "userId", "sessionId", "release", "version"])
    def test_null_clears_and_absence_keeps(self, member: str) -> None:
        column = {"userId": "user_id", "sessionId": "session_id"}.get(member, member)
        kept = trace({member: "a"}, {})
        assert (kept.fields[column], kept.cleared) == ("a", [])
        assert trace({member: "a"}, {member: None}).cleared == [column]
        assert trace({member: None}, {member: "b"}).cleared == []
        assert trace({}).fields == {}

    @pytest.mark.parametrize("falsy", [None, "", 0, False])
    def test_the_last_truthy_input_and_output_stay(self, falsy: Any) -> None:
        merged = trace({"input": {"q": 1}, "output": "x"}, {"input": falsy, "output": falsy})
        assert (merged.input, merged.output) == ('{"q":1}', "x")

    def test_an_empty_object_is_truthy(self) -> None:
        assert trace({"input": "x"}, {"input": {}}).input == "{}"

    def test_the_first_stated_time_stays(self) -> None:
        assert trace({"timestamp": at(30)}, {"timestamp": at(40)}).timestamp == iso_to_nanos(at(30))
        assert trace({}, {}).timestamp == iso_to_nanos(at(0))
        # What was said counts more than when it was said.
        assert trace({}, {"timestamp": at(40)}).timestamp == iso_to_nanos(at(40))

    def test_the_first_environment_stays_and_is_normalized(self) -> None:
        assert trace({"environment": "Langfuse-Prod"}, {"environment": "b"}).environment == "prod"
        assert trace({"environment": ".bad!"}, {}).environment == "default"
        assert trace({}, {"environment": "late"}).environment == "late"

    @pytest.mark.parametrize(
        ("sent", "stored"),
        [
            ([{"a": 1}, {"b": None}], {"a": "1", "b": "null"}),
            ([{"a": {"b": {"c": 1}}}, {"a": {"b": {"d": [1]}}}], {"a": '{"b":{"c":1,"d":[1]}}'}),
            ([{"a": [1, 2]}, {"a": [3]}], {"a": "[3]"}),
            (["text"], {"metadata": "text"}),
            ([[1, "x"]], {"metadata": '[1,"x"]'}),
            ([7, {"a": "b"}], {"metadata": "7", "a": "b"}),
            ([{"a": 1}, None], {"a": "1"}),
        ],
    )
    def test_metadata_merges_deep_and_is_text_by_name(
        self, sent: list[Any], stored: dict[str, str]
    ) -> None:
        assert trace(*({"metadata": each} for each in sent)).metadata == stored


class TestObservation:
    def test_an_update_completes_what_a_create_began(self) -> None:
        merged = observation(
            event("span-create", 0, {"traceId": "t", "name": "s", "startTime": at(0), "input": [1]}),
            event("span-update", 5, {"endTime": at(5), "output": "done", "level": "WARNING"}),
        )
        assert (merged.trace_id, merged.name, merged.type) == ("t", "s", "SPAN")
        assert (merged.start, merged.end) == (iso_to_nanos(at(0)), iso_to_nanos(at(5)))
        assert (merged.input, merged.output, merged.level) == ("[1]", "done", "WARNING")

    def test_at_the_same_time_what_creates_comes_first(self) -> None:
        merged = observation(
            event("span-update", 1, {"name": "updated"}), event("span-create", 1, {"name": "created"})
        )
        assert merged.name == "updated"

    def test_events_of_the_same_time_go_by_receipt(self) -> None:
        first = event("span-update", 1, {"name": "first"})
        second = event("span-update", 1, {"name": "second"})
        assert observation(second, first).name == "second"

    def test_null_clears_name_level_and_model_only(self) -> None:
        said = {
            "name": "n",
            "level": "ERROR",
            "model": "m",
            "statusMessage": "s",
            "version": "v",
            "parentObservationId": "p",
            "endTime": at(9),
            "modelParameters": {"a": 1},
            "promptName": "p",
            "promptVersion": 1,
            "usageDetails": {"input": 1},
            "costDetails": {"input": 1},
        }
        merged = generation(said, dict.fromkeys(said))
        assert (merged.name, merged.level, merged.model) == ("", "DEFAULT", "")
        assert (merged.status_message, merged.version, merged.parent_id) == ("s", "v", "p")
        assert (merged.end, merged.model_parameters) == (iso_to_nanos(at(9)), {"a": 1})
        assert (merged.prompt_name, merged.prompt_version) == ("p", 1)
        assert (merged.usage, merged.cost) == ({"input": 1}, {"input": Decimal(1)})

    def test_empty_objects_replace_nothing_and_full_ones_replace_all(self) -> None:
        first = {"modelParameters": {"a": 1}, "usageDetails": {"input": 1}, "costDetails": {"input": 1}}
        kept = generation(first, {"modelParameters": {}, "usageDetails": {}, "costDetails": {}})
        assert (kept.model_parameters, kept.usage) == ({"a": 1}, {"input": 1})
        replaced = generation(
            first, {"modelParameters": {"b": 2}, "usageDetails": {"x": 3}, "costDetails": {"x": 0.25}}
        )
        assert (replaced.model_parameters, replaced.usage) == ({"b": 2}, {"x": 3})
        assert replaced.cost == {"x": Decimal("0.25")}

    def test_first_trace_and_start_stay(self) -> None:
        merged = observation(
            event("span-create", 0, {"traceId": "t1", "startTime": at(1)}),
            event("span-update", 1, {"traceId": "t2", "startTime": at(2)}),
        )
        assert (merged.trace_id, merged.start) == ("t1", iso_to_nanos(at(1)))

    def test_without_a_trace_it_makes_one_of_its_own_id(self) -> None:
        assert observation(event("event-create", 0, {"traceId": ""})).trace_id == "o"

    def test_the_last_type_wins(self) -> None:
        merged = observation(event("span-create", 0, {}), event("generation-update", 1, {}))
        assert merged.type == "GENERATION"

    @pytest.mark.parametrize(
        ("type_", "body", "expected"),
        [
            ("agent-create", {}, "AGENT"),
            ("guardrail-create", {}, "GUARDRAIL"),
            ("embedding-create", {}, "EMBEDDING"),
            ("event-create", {}, "EVENT"),
            ("observation-create", {"type": "GENERATION"}, "GENERATION"),
            ("observation-update", {"type": "SPAN"}, "SPAN"),
        ],
    )
    def test_types(self, type_: str, body: dict[str, Any], expected: str) -> None:
        assert observation(event(type_, 0, body)).type == expected

    def test_an_end_before_the_start_becomes_the_start(self) -> None:
        merged = observation(event("span-create", 0, {"startTime": at(10), "endTime": at(3)}))
        assert merged.end == merged.start == iso_to_nanos(at(10))

    def test_places_are_where_any_part_of_the_events_would_be(self) -> None:
        merged = observation(
            event("span-create", 0, {"traceId": "t", "startTime": at(1)}), event("span-update", 70, {})
        )
        starts = (iso_to_nanos(at(1)), iso_to_nanos(at(70)))
        assert merged.places == {(trace, start) for trace in ("t", "o") for start in starts}


class TestUsage:
    @pytest.mark.parametrize(
        ("body", "usage"),
        [
            ({"usage": {"input": 1, "totalTokens": 7}}, {"total": 7}),
            ({"usage": {"input": 10, "output": 5, "unit": "TOKENS"}}, {"input": 10, "output": 5}),
            ({"usage": {"promptTokens": 3, "completionTokens": 4}}, {"input": 3, "output": 4}),
            ({"usage": {"input": 1}, "usageDetails": {"input": 2, "cached": 3}}, {"input": 2, "cached": 3}),
            ({"usage": None}, {}),
        ],
    )
    def test_usage(self, body: dict[str, Any], usage: dict[str, int]) -> None:
        assert generation(body).usage == usage

    def test_the_shape_of_openai_is_taken_apart(self) -> None:
        details = {
            "prompt_tokens": 5,
            "completion_tokens": 11,
            "total_tokens": 16,
            "prompt_tokens_details": {"cached": 2, "audio": None},
            "completion_tokens_details": {"reasoning": 4},
        }
        assert generation({"usageDetails": details}).usage == {
            "input": 3,
            "output": 7,
            "total": 16,
            "input_cached": 2,
            "output_reasoning": 4,
        }

    def test_what_is_no_count_is_kept_as_metadata(self) -> None:
        merged = generation({"usageDetails": {"input": 1, "seconds": 2.5}, "costDetails": {"input": -1}})
        assert merged.usage == {"input": 1}
        assert merged.cost == {}
        assert merged.metadata == {"usage_details.seconds": "2.5", "cost_details.input": "-1"}

    def test_costs_of_usage_are_overlaid_by_cost_details(self) -> None:
        merged = generation(
            {"usage": {"inputCost": 0.5, "outputCost": 0.25}, "costDetails": {"output": 0.125}}
        )
        assert merged.cost == {"input": Decimal("0.5"), "output": Decimal("0.125")}


class TestReceipts:
    def test_an_event_sent_again_counts_as_first_received(self) -> None:
        first = event("span-create", 1, {"name": "a"}, id="one", received_at=100)
        again = event("span-create", 1, {"name": "b"}, id="one", received_at=200)
        known = receipts([again, first])
        assert known.events == (first,)
        assert known.first_ns == 100

    def test_the_whole_has_a_greater_version_than_any_part_with_room_for_a_tombstone(self) -> None:
        events = [event("span-create", 1, {"n": place}, received_at=100 + place) for place in range(4)]
        whole = receipts(events).version
        for left_out in range(4):
            part = receipts(events[:left_out] + events[left_out + 1 :]).version
            assert part < whole - 1
