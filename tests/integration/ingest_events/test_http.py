"""The batch endpoint and the deprecated routes, from the call to what is read, on real processes."""

from __future__ import annotations

import asyncio
import gzip
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from sqlmodel import col, select

from lumenspan.identity.tables import DeadLetterRow
from lumenspan.ids import ProjectId
from lumenspan.observations.domain import Observation
from lumenspan.observations.service import ObservationService
from lumenspan.scores.service import ScoreService
from lumenspan.traces.domain import Trace
from lumenspan.traces.service import TraceService
from tests.conftest import ProjectAccess, Stack
from tests.integration.ingest.conftest import Clients
from tests.support import eventually
from tests.unit.ingest_events.build import at, sent

pytestmark = pytest.mark.engines

RECORDED = orjson.loads((Path(__file__).parent / "recorded" / "langfuse_2_60.json").read_bytes())
URL = "/api/public/ingestion"


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.base_url, timeout=30) as client:
        yield client


class Reader:
    """What a project's data read as, once it is there."""

    def __init__(self, clients: Clients, access: ProjectAccess) -> None:
        self.project = ProjectId(access.project_id)
        self.traces = TraceService(clients.clickhouse)
        self.observations = ObservationService(clients.clickhouse, TraceService(clients.clickhouse))
        self.scores = ScoreService(clients.clickhouse)

    async def trace(self, trace_id: str, observations: int) -> tuple[Trace, dict[str, Observation]]:
        """The trace and its observations by name, once there are so many."""

        async def complete() -> tuple[Trace, dict[str, Observation]] | None:
            trace = await self.traces.get(self.project, trace_id)
            if trace is None:
                return None
            page = (await self.observations.pages(self.project, [trace.key], 100)).get(trace.id)
            found = page.observations if page else []
            return (trace, {each.name: each for each in found}) if len(found) == observations else None

        found = await eventually(complete)
        assert found is not None
        return found


@pytest.fixture
def reader(clients: Clients, project: ProjectAccess) -> Reader:
    return Reader(clients, project)


async def post(
    http: httpx.AsyncClient, access: ProjectAccess, *events: Any, url: str = URL, **more: Any
) -> httpx.Response:
    return await http.post(url, json={"batch": list(events), **more}, headers=access.headers)


async def assert_recorded(reader: Reader) -> None:
    """What the recorded application did is all there."""
    ids = RECORDED["ids"]
    trace, seen = await reader.trace(ids["trace_id"], 4)

    async def answered() -> bool:
        texts = (await reader.traces.texts(reader.project, [trace.key]))[trace.id]
        return texts.output is not None

    await eventually(answered)
    trace, seen = await reader.trace(ids["trace_id"], 4)
    assert (trace.name, trace.user_id, trace.session_id) == ("support-question", "user-42", "session-7")
    assert (trace.environment, trace.version, trace.release) == ("contract", "1.2.3", "r-2")
    assert (trace.tags, trace.is_public, trace.level) == (("contract", "sdk"), True, "ERROR")
    texts = (await reader.traces.texts(reader.project, [trace.key]))[trace.id]
    assert orjson.loads(texts.input or "") == {"question": "How many days?"}
    assert orjson.loads(texts.output or "") == {"answer": "Grüße: zwölf Tage."}
    metadata = (await reader.traces.metadata(reader.project, [trace.key]))[trace.id]
    assert metadata == {"tier": "gold", "nested": '{"deep":[1,2],"more":1}'}

    assert {name: each.type for name, each in seen.items()} == {
        "handle": "SPAN",
        "answer": "GENERATION",
        "note": "EVENT",
        "fail": "SPAN",
    }
    answer = seen["answer"]
    assert (answer.id, answer.parent_id, answer.model) == (ids["generation"], ids["span"], "gpt-4o-mini")
    assert answer.usage == {"input": 120, "output": 30, "cache_read": 5, "total": 155}
    assert {name: float(value) for name, value in answer.cost.items()} == {
        "input": 0.00012,
        "output": 0.00006,
        "total": 0.00018,
    }
    assert orjson.loads(answer.model_parameters) == {"temperature": "0.5", "stop": '["x"]'}
    assert answer.end_ns is not None
    assert answer.completion_start_ns is not None
    assert answer.metadata == {"passages": "3"}
    assert (seen["note"].level, seen["note"].status_message) == ("WARNING", "careful")
    assert (seen["fail"].level, seen["fail"].status_message) == ("ERROR", "the tool is down")

    async def scored() -> bool:
        return len(await reader.scores.by_traces(reader.project, [trace.id])) == 4

    await eventually(scored)
    scores = {each.name: each for each in await reader.scores.by_traces(reader.project, [trace.id])}
    assert (scores["quality"].value, scores["quality"].comment) == (0.75, "good")
    assert (scores["tone"].string_value, scores["tone"].observation_id) == ("friendly", ids["generation"])
    assert (scores["correct"].data_type, scores["correct"].string_value) == ("BOOLEAN", "True")
    assert scores["later"].value == 2


class TestRecordedSdk2:
    async def test_as_it_was_sent(
        self, http: httpx.AsyncClient, project: ProjectAccess, reader: Reader
    ) -> None:
        for request in RECORDED["requests"]:
            answer = await http.post(request["path"], json=request["body"], headers=project.headers)
            assert answer.status_code == 207
            body = answer.json()
            assert body["errors"] == []
            ids = [event["id"] for event in request["body"]["batch"]]
            assert sorted(each["id"] for each in body["successes"]) == sorted(ids)
            assert {each["status"] for each in body["successes"]} == {201}
        await assert_recorded(reader)

    async def test_backwards_each_event_in_a_call_of_its_own_and_the_whole_once_more(
        self, http: httpx.AsyncClient, project: ProjectAccess, reader: Reader
    ) -> None:
        events = [event for request in RECORDED["requests"] for event in request["body"]["batch"]]
        # Each waits for its answer, but not for the worker.
        for event in reversed(events):
            assert (await post(http, project, event)).json()["errors"] == []
        await post(http, project, *events)
        await assert_recorded(reader)

    async def test_all_at_once(
        self, http: httpx.AsyncClient, project: ProjectAccess, reader: Reader
    ) -> None:
        events = [event for request in RECORDED["requests"] for event in request["body"]["batch"]]
        answers = await asyncio.gather(*(post(http, project, event) for event in events))
        assert {answer.status_code for answer in answers} == {207}
        await assert_recorded(reader)


class TestAnswers:
    async def test_each_event_has_its_own(
        self, http: httpx.AsyncClient, project: ProjectAccess, clients: Clients, reader: Reader
    ) -> None:
        answer = await post(
            http,
            project,
            sent("span-update", {"id": "s", "endTime": at(2)}, id="update"),
            sent("span-create", {"id": "s", "traceId": "t", "name": "s"}, id="create"),
            sent("span-create", {"id": "s", "level": "BAD"}, id="bad"),
            {"nothing": "usable"},
            sent("sdk-log", {"log": "x"}, id="log"),
        )
        assert answer.status_code == 207
        body = answer.json()
        assert body["successes"] == [{"id": "create", "status": 201}, {"id": "update", "status": 201}]
        assert [(each["id"], each["status"], each["message"]) for each in body["errors"]] == [
            ("bad", 400, "Invalid request data"),
            ("unknown", 400, "Invalid request data"),
        ]
        assert "level" in body["errors"][0]["error"]
        await reader.trace("t", 1)

        async def letters() -> list[DeadLetterRow]:
            query = select(DeadLetterRow).where(col(DeadLetterRow.project_id) == project.project_id)
            async with clients.postgres.session() as session:
                return list((await session.execute(query)).scalars())

        kept = await eventually(letters)
        assert len(kept) == 2
        bad = next(each for each in kept if each.reason.startswith("event bad: "))
        assert orjson.loads(bad.payload or b"")["body"] == {"id": "s", "level": "BAD"}

    async def test_nothing_to_do(self, http: httpx.AsyncClient, project: ProjectAccess) -> None:
        answer = await post(http, project)
        assert (answer.status_code, answer.json()) == (207, {"successes": [], "errors": []})

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"batch":{}}'])
    async def test_no_batch(self, http: httpx.AsyncClient, project: ProjectAccess, body: bytes) -> None:
        answer = await http.post(URL, content=body, headers=project.headers)
        assert answer.status_code == 400
        assert answer.json()["message"] == "Invalid request data"
        assert answer.json()["errors"]

    @pytest.mark.parametrize("authorization", [None, "Basic eDp5", "Bearer pk-lf-nobody"])
    async def test_unknown_callers(self, http: httpx.AsyncClient, authorization: str | None) -> None:
        headers = {"Authorization": authorization} if authorization else {}
        answer = await http.post(URL, json={"batch": []}, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"] == "UnauthorizedError"
        assert answer.json()["message"]

    async def test_other_verbs(self, http: httpx.AsyncClient, project: ProjectAccess) -> None:
        assert (await http.get(URL, headers=project.headers)).status_code == 405

    async def test_a_public_key_alone_sends_scores_only(
        self, http: httpx.AsyncClient, project: ProjectAccess, reader: Reader
    ) -> None:
        headers = {"Authorization": f"Bearer {project.public_key}"}
        events = [
            sent("trace-create", {"id": "t"}, id="trace"),
            sent("score-create", {"id": "s", "traceId": "t", "name": "n", "value": 1}, id="score"),
            sent("score-create", {"id": "s", "name": "n", "value": 1}, id="bad"),
        ]
        answer = await http.post(URL, json={"batch": events}, headers=headers)
        assert answer.status_code == 207
        assert answer.json()["successes"] == [{"id": "score", "status": 201}]
        assert [(each["id"], each["status"]) for each in answer.json()["errors"]] == [
            ("bad", 400),
            ("trace", 401),
        ]
        single = await http.post("/api/public/traces", json={"id": "t"}, headers=headers)
        assert single.status_code == 403

    async def test_compressed_and_large(
        self, http: httpx.AsyncClient, project: ProjectAccess, reader: Reader
    ) -> None:
        text = "x" * (6 << 20)
        body = orjson.dumps({"batch": [sent("trace-create", {"id": "t", "input": text})]})
        answer = await http.post(
            URL, content=gzip.compress(body, 1), headers={**project.headers, "Content-Encoding": "gzip"}
        )
        assert answer.status_code == 207

        async def stored() -> bool:
            trace = await reader.traces.get(reader.project, "t")
            if trace is None:
                return False
            return (await reader.traces.texts(reader.project, [trace.key]))[trace.id].input == text

        assert await eventually(stored)

    async def test_odd_texts_come_through(
        self, http: httpx.AsyncClient, project: ProjectAccess, reader: Reader
    ) -> None:
        body = (
            b'{"batch":[{"id":"e","type":"span-create","timestamp":"2026-03-01T12:00:00Z","body":{"id":"s",'
            b'"traceId":"t","name":"n\\u0000\\ud800\xff","input":NaN,"metadata":{"a":Infinity,"\\u0000":1},'
            b'"output":' + b"[" * 9 + b'"deep"' + b"]" * 9 + b"}}]}"
        )
        answer = await http.post(URL, content=body, headers=project.headers)
        assert answer.json()["successes"] == [{"id": "e", "status": 201}], answer.text
        trace, seen = await reader.trace("t", 1)
        (span,) = seen.values()
        assert span.name == "n\x00?\ufffd"
        assert span.metadata == {"a": "Infinity", "\x00": "1"}
        texts = await reader.observations.texts(reader.project, [trace.key], ["s"])
        (text,) = texts.values()
        assert (text.input, text.output) == ("NaN", "[" * 9 + '"deep"' + "]" * 9)


class TestSingleRoutes:
    async def test_each_makes_what_it_says(
        self, http: httpx.AsyncClient, project: ProjectAccess, reader: Reader
    ) -> None:
        async def call(verb: str, url: str, body: dict[str, Any]) -> str:
            answer = await http.request(verb, f"/api/public/{url}", json=body, headers=project.headers)
            assert answer.status_code == 200, answer.text
            assert list(answer.json()) == ["id"]
            id_: str = answer.json()["id"]
            return id_

        trace_id = await call("POST", "traces", {"name": "whole", "userId": "u"})
        assert uuid.UUID(trace_id)
        span = await call("POST", "spans", {"id": "s", "traceId": trace_id, "name": "span"})
        generation = await call(
            "POST", "generations", {"traceId": trace_id, "name": "call", "parentObservationId": span}
        )
        await call("POST", "events", {"traceId": trace_id, "name": "event"})
        assert await call("PATCH", "spans", {"spanId": span, "statusMessage": "done"}) == span
        assert await call("PATCH", "generations", {"id": generation, "model": "m"}) == generation

        async def updated() -> bool:
            _, seen = await reader.trace(trace_id, 3)
            return seen["span"].status_message == "done" and seen["call"].model == "m"

        assert await eventually(updated)
        trace, seen = await reader.trace(trace_id, 3)
        assert (trace.name, trace.user_id) == ("whole", "u")
        assert {name: each.type for name, each in seen.items()} == {
            "span": "SPAN",
            "call": "GENERATION",
            "event": "EVENT",
        }

    async def test_what_does_not_fit_is_answered(
        self, http: httpx.AsyncClient, project: ProjectAccess
    ) -> None:
        for verb, url, body in (
            ("POST", "traces", b'{"name":5}'),
            ("PATCH", "spans", b'{"statusMessage":"whose?"}'),
            ("POST", "generations", b'{"usage":{"input":1.5}}'),
            ("POST", "events", b"[]"),
            ("POST", "events", b"{"),
        ):
            answer = await http.request(verb, f"/api/public/{url}", content=body, headers=project.headers)
            assert answer.status_code == 400, (url, body)
            assert answer.json()["message"].startswith("Invalid request data")
