"""A request of the batch endpoint, event by event."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from lumenspan.errors import InvalidInput
from lumenspan.ingest.events import values
from lumenspan.ingest.events.batch import Parsed, in_answer_order, parse
from lumenspan.ingest.events.schema import Kind, trace_body
from lumenspan.observations.domain import ObservationType
from tests.unit.ingest_events.build import at, sent

GENERATION = "generation-create"


def request(*events: Any, is_scores_only: bool = False) -> Parsed:
    return parse(orjson.dumps({"batch": list(events)}), is_scores_only=is_scores_only)


def reasons(*events: Any) -> list[str]:
    return [error.error for error in request(*events).errors]


class TestTaken:
    @pytest.mark.parametrize(
        ("type_", "kind"),
        [
            ("trace-create", Kind.TRACE),
            *((f"{each.lower()}-create", Kind.OBSERVATION) for each in ObservationType),
            ("span-update", Kind.OBSERVATION),
            ("generation-update", Kind.OBSERVATION),
        ],
    )
    def test_every_type(self, type_: str, kind: Kind) -> None:
        (event,) = request(sent(type_, {"id": "o", "traceId": "t"})).events
        assert (event.kind, event.entity_id, event.id, event.type) == (kind, "o", "e", type_)

    def test_observation_events_take_their_type_from_the_body(self) -> None:
        assert request(sent("observation-create", {"id": "o", "type": "SPAN"})).events
        assert "type of observation" in reasons(sent("observation-update", {"id": "o"}))[0]

    def test_what_has_no_id_gets_that_of_its_event(self) -> None:
        assert request(sent("trace-create", {})).events[0].entity_id == "e"

    def test_an_update_without_an_id_is_refused(self) -> None:
        assert "needs the id" in reasons(sent("span-update", {"endTime": at(1)}))[0]

    def test_unknown_members_do_no_harm(self) -> None:
        assert request({**sent("trace-create", {"id": "t", "externalId": 5, "more": []}), "x": 1}).events

    def test_logs_are_in_neither_list(self) -> None:
        found = request(sent("sdk-log", {"log": "hello"}))
        assert (found.events, found.errors, found.logs) == ([], [], ['{"log":"hello"}'])

    def test_creates_are_answered_before_updates_each_by_time(self) -> None:
        found = request(
            sent("span-update", {"id": "o"}, id="u", timestamp=at(1)),
            sent("span-create", {"id": "o"}, id="c2", timestamp=at(3)),
            sent("trace-create", {"id": "t"}, id="c1", timestamp=at(2)),
        )
        assert [event.id for event in in_answer_order(found.events)] == ["c1", "c2", "u"]


class TestRefused:
    def test_one_bad_event_leaves_its_neighbours_alone(self) -> None:
        found = request(
            sent("trace-create", {"id": "a"}, id="1"),
            sent("trace-create", {"id": 5}, id="2"),
            sent("trace-create", {"id": "c"}, id="3"),
        )
        assert [event.id for event in found.events] == ["1", "3"]
        (error,) = found.errors
        assert (error.id, error.status, error.message) == ("2", 400, "Invalid request data")
        (rejected,) = found.rejected
        assert orjson.loads(bytes(rejected.event))["body"] == {"id": 5}

    @pytest.mark.parametrize(
        ("event", "id_"),
        [
            ({"id": "known", "type": "trace-create", "body": {}}, "known"),
            ({"id": 7, "type": "trace-create", "body": {}, "timestamp": at(0)}, "unknown"),
            ({"id": "", "type": "trace-create", "body": {}, "timestamp": at(0)}, "unknown"),
            ({}, "unknown"),
            (5, "unknown"),
            (None, "unknown"),
            ([], "unknown"),
        ],
    )
    def test_unusable_envelopes(self, event: Any, id_: str) -> None:
        found = request(event)
        assert [error.id for error in found.errors] == [id_]

    @pytest.mark.parametrize(
        ("type_", "body", "place"),
        [
            ("trace-create", {"name": "x" * 1001}, "name"),
            ("trace-create", {"id": "x" * 801}, "id"),
            ("trace-create", {"id": "a\rb"}, "id"),
            ("trace-create", {"tags": "a"}, "tags"),
            ("trace-create", {"tags": [1]}, "tags"),
            ("trace-create", {"public": "yes"}, "public"),
            ("trace-create", {"timestamp": "2026-03-01"}, "timestamp"),
            ("span-create", {"startTime": "2026-03-01T12:00:00"}, "startTime"),
            ("span-create", {"endTime": "1601-01-01T12:00:00Z"}, "endTime"),
            ("span-create", {"level": "error"}, "level"),
            ("span-create", {"parentObservationId": "x" * 801}, "parentObservationId"),
            (GENERATION, {"usage": {"input": 1.5}}, "usage.input"),
            (GENERATION, {"usage": {"unit": "BYTES"}}, "usage.unit"),
            (GENERATION, {"usageDetails": 5}, "usageDetails"),
            (GENERATION, {"costDetails": [1]}, "costDetails"),
            (GENERATION, {"modelParameters": {"a": [1]}}, "modelParameters"),
            (GENERATION, {"promptName": "p"}, "promptName"),
            (GENERATION, {"promptVersion": 1}, "promptName"),
            ("dataset-run-item-create", {}, "type"),
            ("nonsense", {}, "type"),
            ("trace-create", [], "object"),
        ],
    )
    def test_bodies(self, type_: str, body: Any, place: str) -> None:
        (reason,) = reasons(sent(type_, body))
        assert place in reason

    @pytest.mark.parametrize("timestamp", ["", "yesterday", "2026-03-01T12:00:00", "1969-12-31T23:59:59Z"])
    def test_times_of_envelopes(self, timestamp: str) -> None:
        assert "timestamp" in reasons(sent("trace-create", {}, timestamp=timestamp))[0]

    @pytest.mark.parametrize(
        "body", [b"", b"{", b"[]", b"5", b'{"batch":5}', b"{}", b'{"batch":' + b"[" * 100_000]
    )
    def test_a_body_without_a_list_of_events(self, body: bytes) -> None:
        with pytest.raises(InvalidInput):
            parse(body, is_scores_only=False)


class TestPublicKeyAlone:
    def test_it_may_send_scores_and_logs(self) -> None:
        found = request(
            sent("trace-create", {"id": "t"}, id="1"),
            sent("score-create", {"id": "s", "traceId": "t", "name": "n", "value": 1}, id="2"),
            sent("sdk-log", {"log": "x"}, id="3"),
            is_scores_only=True,
        )
        assert found.events == []
        assert [pending.event.id for pending in found.scores] == ["2"]
        assert [(error.id, error.status, error.message) for error in found.forbidden] == [
            ("1", 401, "Authentication error")
        ]
        assert found.rejected == []


class TestOddJson:
    def test_what_python_and_broken_clients_send_is_read(self) -> None:
        body = (
            b'{"batch":[{"id":"e","type":"trace-create","timestamp":"2026-03-01T12:00:00Z",'
            b'"body":{"id":"t","input":NaN,"output":"half \\ud83d","name":"\xff",'
            b'"metadata":{"x":-Infinity}}}]}'
        )
        (event,) = parse(body, is_scores_only=False).events
        read = trace_body(bytes(event.body))
        assert values.truthy_text(read.input) == "NaN"
        assert values.truthy_text(read.output) == "half ?"
        assert values.as_metadata(read.metadata)["x"] == "-Infinity"

    @pytest.mark.parametrize(
        ("sent", "stored"),
        [
            (b'{ "a" : 1 }', '{"a":1}'),
            (b'"text \\u0000 \\ud83d\\ude42"', "text \x00 🙂"),
            (b"1.50", "1.5"),
            (b"true", "true"),
            (b"123456789012345678901234567890", "123456789012345678901234567890"),
            (b"1e999", "1e999"),
            (b'"\\ud800"', "?"),
            (b"[" * 5000 + b"]" * 5000, "[" * 5000 + "]" * 5000),
        ],
    )
    def test_texts_of_values(self, sent: bytes, stored: str) -> None:
        from msgspec import Raw

        assert values.truthy_text(Raw(sent)) == stored
