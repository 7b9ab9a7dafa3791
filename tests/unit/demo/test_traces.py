"""Demo traces: the same again for the same seed, well formed, varied, and encoded as SDKs encode."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lumenspan.demo.otlp import SCOPE, attributes, encode
from lumenspan.demo.schedule import traces
from lumenspan.demo.spans import Trace

NOW = datetime(2026, 3, 4, 15, 6, 7, tzinfo=UTC)
DAY_NS = 86_400 * 10**9


def nanos(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9


@pytest.fixture(scope="module")
def week() -> list[Trace]:
    return list(traces(seed=1, count=600, now=NOW))


class TestTraces:
    def test_count_is_exact(self, week: list[Trace]) -> None:
        assert len(week) == 600
        assert len({trace.id for trace in week}) == 600

    def test_one_trace_is_possible(self) -> None:
        assert len(list(traces(seed=1, count=1, now=NOW))) == 1

    def test_same_seed_gives_the_same_bytes(self, week: list[Trace]) -> None:
        assert encode(week) == encode(traces(seed=1, count=600, now=NOW))

    def test_another_seed_gives_other_traces(self, week: list[Trace]) -> None:
        other = {trace.id for trace in traces(seed=2, count=600, now=NOW)}
        assert not other & {trace.id for trace in week}

    def test_later_run_repeats_what_both_cover(self, week: list[Trace]) -> None:
        later = {trace.id: trace for trace in traces(seed=1, count=600, now=NOW + timedelta(days=1))}
        shared = [trace for trace in week if trace.id in later]
        assert len(shared) > 400
        assert all(encode([trace]) == encode([later[trace.id]]) for trace in shared)

    def test_spread_over_about_a_week_and_over_by_now(self, week: list[Trace]) -> None:
        ends = [span.end_ns for trace in week for span in trace.spans]
        assert max(ends) <= nanos(NOW)
        oldest = nanos(NOW) - min(trace.root.start_ns for trace in week)
        assert 5 * DAY_NS < oldest < 10 * DAY_NS
        days = Counter((nanos(NOW) - trace.root.start_ns) // DAY_NS for trace in week)
        assert all(days[day] > 20 for day in range(5))

    def test_every_type_and_level_occurs(self, week: list[Trace]) -> None:
        spans = [span for trace in week for span in trace.spans]
        assert {span.type for span in spans} == {
            *("span", "generation", "event", "agent", "tool", "chain"),
            *("retriever", "evaluator", "embedding", "guardrail"),
        }
        assert {span.level for span in spans} == {"DEFAULT", "WARNING", "ERROR"}
        assert all(span.status_message for span in spans if span.level != "DEFAULT")

    def test_sessions_of_several_turns_belong_to_one_user(self, week: list[Trace]) -> None:
        chats = [trace.profile for trace in week if trace.profile.trace_name == "support-chat"]
        turns = Counter(profile.session_id for profile in chats)
        assert max(turns.values()) >= 3
        users = {(profile.session_id, profile.user_id) for profile in chats}
        assert len(users) == len(turns)
        assert len({profile.user_id for profile in chats}) > 10


class TestSpans:
    def test_children_lie_within_their_parents(self, week: list[Trace]) -> None:
        for trace in week:
            by_id = {span.id: span for span in trace.spans}
            assert len(by_id) == len(trace.spans)
            assert [span for span in trace.spans if not span.parent_id] == [trace.root]
            for span in trace.spans[1:]:
                parent = by_id[span.parent_id]
                assert parent.start_ns < span.start_ns <= span.end_ns <= parent.end_ns

    def test_spans_come_in_the_order_of_their_starts(self, week: list[Trace]) -> None:
        for trace in week:
            assert all(one.start_ns <= two.start_ns for one, two in pairwise(trace.spans))

    def test_generations_have_model_usage_cost_and_chat_messages(self, week: list[Trace]) -> None:
        answered = [s for t in week for s in t.spans if s.type == "generation" and s.level != "ERROR"]
        assert len({span.model for span in answered}) >= 4
        for span in answered:
            assert span.usage["total"] == span.usage["input"] + span.usage["output"] > 0
            assert span.cost["total"] == pytest.approx(span.cost["input"] + span.cost["output"])
            assert {message["role"] for message in span.input} >= {"system", "user"}
            assert span.output["role"] == "assistant"
            assert span.first_token_ns == 0 or span.start_ns < span.first_token_ns <= span.end_ns


class TestEncode:
    def test_every_span_arrives_with_ids_and_times(self, week: list[Trace]) -> None:
        request = ExportTraceServiceRequest.FromString(encode(week))
        wire = [span for r in request.resource_spans for s in r.scope_spans for span in s.spans]
        expected = {(trace.id, span.id): span for trace in week for span in trace.spans}
        assert len(wire) == len(expected)
        for span in wire:
            ours = expected[(span.trace_id, span.span_id)]
            assert (span.name, span.parent_span_id) == (ours.name, ours.parent_id)
            assert (span.start_time_unix_nano, span.end_time_unix_nano) == (ours.start_ns, ours.end_ns)

    def test_each_service_is_a_resource_of_the_demo_scope(self, week: list[Trace]) -> None:
        request = ExportTraceServiceRequest.FromString(encode(week))
        services = {r.resource.attributes[0].value.string_value for r in request.resource_spans}
        assert services == {trace.profile.service for trace in week}
        assert {s.scope.name for r in request.resource_spans for s in r.scope_spans} == {SCOPE}

    def test_every_span_carries_what_is_known_of_its_trace(self, week: list[Trace]) -> None:
        trace = next(trace for trace in week if trace.profile.trace_name == "support-chat")
        request = ExportTraceServiceRequest.FromString(encode([trace]))
        for span in request.resource_spans[0].scope_spans[0].spans:
            values = {pair.key: pair.value for pair in span.attributes}
            assert values["langfuse.trace.name"].string_value == "support-chat"
            assert values["user.id"].string_value == trace.profile.user_id
            assert values["session.id"].string_value == trace.profile.session_id
            tags = [tag.string_value for tag in values["langfuse.trace.tags"].array_value.values]
            assert tuple(tags) == trace.profile.tags

    def test_attributes_of_a_generation(self, week: list[Trace]) -> None:
        span = next(
            s for t in week for s in t.spans if s.type == "generation" and s.first_token_ns and s.prompt
        )
        found = dict(attributes(span))
        assert found["langfuse.observation.type"] == "generation"
        assert found["langfuse.observation.model.name"] == span.model
        assert json.loads(str(found["langfuse.observation.usage_details"])) == span.usage
        assert json.loads(str(found["langfuse.observation.cost_details"])) == span.cost
        assert json.loads(str(found["langfuse.observation.input"])) == span.input
        started = datetime.fromisoformat(
            json.loads(str(found["langfuse.observation.completion_start_time"]))
        )
        assert int(started.timestamp() * 1e6) == pytest.approx(span.first_token_ns // 1000, abs=1)

    def test_what_a_span_lacks_is_left_out(self, week: list[Trace]) -> None:
        span = next(s for t in week for s in t.spans if s.type == "span")
        assert "langfuse.observation.model.name" not in dict(attributes(span))
