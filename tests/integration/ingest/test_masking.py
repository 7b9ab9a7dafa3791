"""The masking callback: what it answers is stored, and nothing else where it may not be."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest
from aiohttp import web
from msgspec import Raw

from lumenspan.clock import now_nanos
from lumenspan.errors import Unavailable
from lumenspan.ids import ProjectId, TraceId
from lumenspan.ingest.dead_letters import Stage
from lumenspan.ingest.envelope import Frame, FrameHeader
from lumenspan.ingest.events import frame as event_frames
from lumenspan.ingest.events.frame import Event, Events, Rejected
from lumenspan.ingest.events.schema import Kind
from lumenspan.ingest.explanations import ExplanationService
from lumenspan.ingest.otlp import PROTOBUF
from lumenspan.ingest.service import IngestService
from lumenspan.observations.service import ObservationService
from lumenspan.storage.clickhouse import Sql
from lumenspan.traces.service import TraceService
from tests.integration.ingest.conftest import Clients
from tests.integration.ingest.test_process import final, frame, spans
from tests.unit.ingest.build import proto

pytestmark = pytest.mark.engines

SECRET = "4111 1111 1111 1111"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Callback:
    """An HTTP server whose answer the test chooses; masks card numbers unless told otherwise."""

    def __init__(self) -> None:
        self.answer: Answer = self.mask
        self.seen: list[tuple[str, Any]] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.headers["x-lumenspan-project-id"], orjson.loads(await request.read())))
        return await self.answer(request)

    async def mask(self, request: web.Request) -> web.Response:
        text = re.sub(r"(\d{4} ){3}\d{4}", "****", await request.text())
        return web.Response(text=text, content_type="application/json")

    async def fail(self, request: web.Request) -> web.Response:
        return web.Response(status=500)

    async def lose(self, request: web.Request) -> web.Response:
        return web.json_response({"resourceSpans": []})

    async def babble(self, request: web.Request) -> web.Response:
        return web.Response(text="no JSON")


@pytest.fixture
async def callback() -> AsyncIterator[Callback]:
    made = Callback()
    app = web.Application(client_max_size=64 << 20)
    app.router.add_post("/mask", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    made.url = f"http://{host}:{port}/mask"
    yield made
    await runner.cleanup()


async def process(clients: Clients, url: str, sent: Frame, *, is_closed: bool = True) -> IngestService:
    changes = {"masking_url": url, "is_masking_fail_closed": is_closed, "masking_retries": 1}
    service = IngestService(
        clients.clickhouse,
        clients.blobs,
        clients.redis,
        clients.registry,
        clients.settings.model_copy(update=changes),
    )
    key = (await clients.gate().accept(sent.header, sent.body)).blob_key
    await service.process(key)
    await service.close()
    return service


def span_frame(project: str, *, is_proto: bool = False) -> Frame:
    body = spans("1" * 16, "2" * 16, attributes={"langfuse.observation.input": f"card {SECRET}"})
    if is_proto:
        return Frame(FrameHeader(project, PROTOBUF, now_nanos()), proto(body))
    return frame(project, body)


async def letters(clients: Clients, project: str) -> list[tuple[Stage, str, int]]:
    page = await clients.registry.dead_letters.page(ProjectId(project), 9)
    return [(each.stage, each.reason, each.payload_bytes) for each in page.letters]


@pytest.mark.parametrize("is_proto", [False, True])
async def test_what_comes_back_is_stored(clients: Clients, callback: Callback, is_proto: bool) -> None:
    project = uuid.uuid4().hex
    await process(clients, callback.url, span_frame(project, is_proto=is_proto))
    rows = await final(clients, project)
    assert [(row["id"], row["input"]) for row in rows] == [("1" * 16, "card ****"), ("2" * 16, "card ****")]
    ((seen_project, body),) = callback.seen
    assert seen_project == project
    (sent, _) = body["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert sent["traceId"] == rows[0]["trace_id"]


async def test_events_are_masked_before_they_are_kept(clients: Clients, callback: Callback) -> None:
    project = uuid.uuid4().hex
    body = Raw(orjson.dumps({"name": "n", "input": f"card {SECRET}"}))
    events = Events(
        [Event(Kind.TRACE, "t", "e", "trace-create", now_nanos(), body)],
        [Rejected("wrong", Raw(orjson.dumps({"input": SECRET})))],
    )
    header = FrameHeader(project, event_frames.EVENTS, now_nanos())
    await process(clients, callback.url, Frame(header, event_frames.encode(events)))
    for table, column in (("entity_events", "body"), ("trace_fields", "input")):
        text = f"SELECT {column} FROM {table} WHERE project_id = {{project_id:String}}"
        rows = (await clients.clickhouse.query(Sql(text, {"project_id": project}))).rows
        assert [("****" in row[0], SECRET in row[0]) for row in rows] == [(True, False)]
    assert [(stage, reason) for stage, reason, _ in await letters(clients, project)] == [
        (Stage.DECODE, "wrong")
    ]


@pytest.mark.parametrize("name", ["fail", "lose", "babble"])
async def test_where_it_fails_nothing_is_stored_and_nothing_lost(
    clients: Clients, callback: Callback, name: str
) -> None:
    project = uuid.uuid4().hex
    callback.answer = getattr(callback, name)
    sent = span_frame(project)
    await process(clients, callback.url, sent)
    assert await final(clients, project) == []
    ((stage, reason, size),) = await letters(clients, project)
    assert (stage, size) == (Stage.MASK, 0)
    assert "answer" in reason
    assert len(callback.seen) == (2 if name == "fail" else 1)


async def test_where_it_cannot_be_reached_and_may_be_left_out(clients: Clients) -> None:
    project = uuid.uuid4().hex
    await process(clients, "http://127.0.0.1:1/", span_frame(project), is_closed=False)
    assert [row["input"] for row in await final(clients, project)] == [f"card {SECRET}"] * 2
    assert await letters(clients, project) == []


@pytest.mark.parametrize("is_answering", [True, False])
async def test_an_explanation_shows_nothing_that_was_masked(
    clients: Clients, callback: Callback, is_answering: bool
) -> None:
    project = ProjectId(uuid.uuid4().hex)
    await process(clients, callback.url, span_frame(project))
    (row, _) = await final(clients, project)
    traces = TraceService(clients.clickhouse)
    trace = await traces.get(project, TraceId(row["trace_id"]))
    assert trace is not None
    settings = clients.settings.model_copy(update={"masking_url": callback.url, "masking_retries": 0})
    observations = ObservationService(clients.clickhouse, traces)
    explanations = ExplanationService(observations, clients.blobs, settings)
    if is_answering:
        told = {each.field: each for each in await explanations.explain(project, trace.key, row["id"])}
        assert (told["input"].value, told["input"].rule) == ("card ****", "langfuse")
    else:
        callback.answer = callback.fail
        with pytest.raises(Unavailable):
            await explanations.explain(project, trace.key, row["id"])
    await explanations.close()
