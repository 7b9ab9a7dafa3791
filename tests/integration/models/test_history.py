"""Prices from the blob to the row, and history priced again, on the real engines."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest

from lumenspan.clock import now_nanos
from lumenspan.errors import InvalidInput, NotFound
from lumenspan.ids import ProjectId
from lumenspan.ingest.envelope import Frame, FrameHeader, pack
from lumenspan.ingest.keys import make_key
from lumenspan.ingest.otlp import JSON
from lumenspan.ingest.registry import Registry
from lumenspan.ingest.service import IngestService
from lumenspan.models.domain import NewModel, Tokenizer
from lumenspan.models.pricer import Pricer
from lumenspan.models.repricing import Repricing, Run, State
from lumenspan.models.tokens import TokenCounter
from lumenspan.storage.blobs import Blobs
from lumenspan.storage.clickhouse import Sql
from tests.integration.models.conftest import Clients
from tests.unit.ingest.build import START, export

pytestmark = pytest.mark.engines

O = "langfuse.observation."  # noqa: E741
FROM = datetime.fromtimestamp(START // 1_000_000_000, UTC) - timedelta(hours=1)
TO = FROM + timedelta(days=2)
MINUTE_NS = 60_000_000_000


@pytest.fixture
async def blobs(clients: Clients) -> AsyncIterator[Blobs]:
    made = Blobs(clients.settings)
    yield made
    await made.close()


class Pipeline:
    """Ingests spans of one project with prices."""

    def __init__(self, clients: Clients, blobs: Blobs, project_id: ProjectId) -> None:
        self.clients, self.blobs, self.project_id = clients, blobs, project_id
        self.models = clients.models()
        self.counter = TokenCounter()

    async def send(self, *spans: dict[str, Any]) -> None:
        """One span for each dict of attributes; ``at`` shifts it by minutes, ``id`` names it."""
        frames = [
            Frame(FrameHeader(self.project_id, JSON, now_nanos()), orjson.dumps(_export(dict(span))))
            for span in spans
        ]
        key = make_key(self.clients.settings.s3_prefix, self.project_id, now_nanos())
        await self.blobs.put(key, pack(frames))
        pricer = Pricer(self.models.definitions, self.counter)
        registry = Registry(self.clients.postgres)
        clients = self.clients
        service = IngestService(
            clients.clickhouse, self.blobs, clients.redis, registry, clients.settings, pricer=pricer
        )
        await service.process(key)

    async def rows(self) -> dict[str, dict[str, Any]]:
        text = "SELECT * FROM observations FINAL WHERE project_id = {project_id:String}"
        found = await self.clients.clickhouse.query_dicts(Sql(text, {"project_id": self.project_id}))
        return {row["id"]: row for row in found}

    def repricing(self, **options: Any) -> Repricing:
        # A process of its own, with a memory of its own.
        definitions = self.clients.models().definitions
        return Repricing(
            self.clients.postgres, self.clients.clickhouse, definitions, self.counter, **options
        )

    async def reprice(self, **options: Any) -> Run:
        repricing = self.repricing(**options)
        return await repricing.run(await repricing.start(self.project_id, FROM, TO))


def _export(span: dict[str, Any]) -> dict[str, Any]:
    start = START + span.pop("at", 0) * MINUTE_NS
    given = {
        "spanId": span.pop("id"),
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 1),
    }
    return export({O + name: value for name, value in span.items()}, **given)


@pytest.fixture
def pipeline(clients: Clients, blobs: Blobs, own: ProjectId) -> Pipeline:
    return Pipeline(clients, blobs, own)


def span_id(number: int) -> str:
    return f"{number + 1:016x}"


async def test_a_row_has_its_cost_and_where_it_comes_from(pipeline: Pipeline) -> None:
    await pipeline.send(
        {"id": span_id(0), "model.name": "gpt-4o", "usage_details": '{"input":1000,"output":10}'},
        {"id": span_id(1), "model.name": "gpt-4o", "input": "hello world", "output": "hello world"},
        {"id": span_id(2), "model.name": "gpt-4o", "cost_details": '{"input":0.5}'},
        {"id": span_id(3), "model.name": "nobody's", "usage_details": '{"input":1}'},
    )
    rows = await pipeline.rows()
    first, second, third, fourth = (rows[span_id(number)] for number in range(4))
    assert first["cost"] == {
        "input": Decimal("0.0025"),
        "output": Decimal("0.0001"),
        "total": Decimal("0.0026"),
    }
    assert (first["usage_source"], first["cost_source"]) == ("provided", "calculated")
    assert first["price_tier_name"] == "Standard"
    assert first["price_source"].startswith("litellm ")
    model = await pipeline.models.get(pipeline.project_id, first["model_id"])
    assert model.name == "gpt-4o"
    assert (second["usage"], second["usage_source"]) == ({"input": 2, "output": 2, "total": 4}, "tokenizer")
    assert second["provided_usage"] == {}
    assert second["cost"]["total"] == Decimal("0.000025")
    assert (third["cost"], third["cost_source"]) == (
        {"input": Decimal("0.5"), "total": Decimal("0.5")},
        "provided",
    )
    assert (fourth["cost"], fourth["model_id"], fourth["cost_source"]) == ({}, "", "")


async def test_a_definition_prices_what_comes_after_it(pipeline: Pipeline) -> None:
    span = {"id": span_id(0), "model.name": "mine", "usage_details": '{"input":3}'}
    await pipeline.send(span)
    assert (await pipeline.rows())[span_id(0)]["cost"] == {}
    new = NewModel("mine", "^mine$", input_price=Decimal(2))
    made = await pipeline.models.create(pipeline.project_id, new)
    await pipeline.send({**span, "id": span_id(1)})
    row = (await pipeline.rows())[span_id(1)]
    assert (row["cost"]["total"], row["model_id"]) == (6, made.id)
    assert row["price_source"] == "project revision 1"


async def test_history_is_priced_again_and_repeating_it_changes_nothing(pipeline: Pipeline) -> None:
    await pipeline.send(
        *(
            {"id": span_id(at), "at": at, "model.name": "mine", "usage_details": f'{{"input":{at + 1}}}'}
            for at in range(20)
        ),
        {"id": span_id(20), "model.name": "mine", "cost_details": '{"total":7}'},
        {"id": span_id(21), "model.name": "mine", "input": "hello world", "output": "x" * 1000},
        {"id": span_id(22), "name": "no model"},
    )
    before = await pipeline.rows()
    new = NewModel("mine", "^mine$", input_price=Decimal(2), tokenizer=Tokenizer.CLAUDE)
    made = await pipeline.models.create(pipeline.project_id, new)
    run = await pipeline.reprice(chunk_rows=6)
    assert (run.state, run.seen, run.changed) == (State.DONE, 23, 22)
    after = await pipeline.rows()
    assert [after[span_id(at)]["cost"].get("total") for at in range(21)] == [
        *(Decimal(2 * (at + 1)) for at in range(20)),
        Decimal(7),
    ]
    assert after[span_id(20)]["model_id"] == made.id
    assert after[span_id(21)]["usage"]["input"] == 2
    assert after[span_id(21)]["cost"]["input"] == 4
    changes = {"cost", "usage", "model_id", "event_ts", "usage_source", "cost_source"}
    changes |= {"price_tier_id", "price_tier_name", "price_source"}
    for id_, row in before.items():
        same = {name: value for name, value in row.items() if name not in changes}
        assert {name: after[id_][name] for name in same} == same
    again = await pipeline.reprice()
    assert (again.seen, again.changed) == (23, 0)
    assert again.id != run.id

    await pipeline.models.delete(pipeline.project_id, made.id)
    gone = await pipeline.reprice()
    assert gone.changed == 22
    left = await pipeline.rows()
    assert left[span_id(0)]["cost"] == {}
    assert left[span_id(21)]["usage"] == {}
    assert left[span_id(20)]["cost"] == {"total": Decimal(7)}


async def test_a_later_write_wins_over_new_prices(pipeline: Pipeline) -> None:
    span = {"id": span_id(0), "model.name": "mine", "usage_details": '{"input":1}'}
    await pipeline.send(span)
    new = NewModel("mine", "^mine$", input_price=Decimal(2))
    await pipeline.models.create(pipeline.project_id, new)
    assert (await pipeline.reprice()).changed == 1
    await pipeline.send({**span, "usage_details": '{"input":5}'})
    text = (
        "SELECT usage['input'], cost['total'] FROM observations WHERE project_id = {project_id:String}"
        " ORDER BY event_ts DESC LIMIT 1"
    )
    params = {"project_id": pipeline.project_id}
    newest = await pipeline.clients.clickhouse.query(Sql(text, params))
    assert newest.rows == [(5, Decimal(10))]


async def test_only_the_range_and_the_project_are_touched(
    pipeline: Pipeline, clients: Clients, blobs: Blobs, other: ProjectId
) -> None:
    foreign = Pipeline(clients, blobs, other)
    spans = [
        {"id": span_id(at), "at": minutes, "model.name": "mine", "usage_details": '{"input":1}'}
        for at, minutes in enumerate((-61, 0, 60 * 24 * 3))
    ]
    await pipeline.send(*spans)
    await foreign.send(*spans)
    new = NewModel("mine", "^mine$", input_price=Decimal(2))
    await pipeline.models.create(pipeline.project_id, new)
    await foreign.models.create(other, new)
    run = await pipeline.reprice()
    assert (run.seen, run.changed) == (1, 1)
    costs = {id_: row["cost"].get("total") for id_, row in (await pipeline.rows()).items()}
    assert costs == {span_id(0): None, span_id(1): 2, span_id(2): None}
    assert all(row["cost"] == {} for row in (await foreign.rows()).values())
    with pytest.raises(NotFound):
        await foreign.repricing().get(other, run.id)


async def test_a_run_goes_on_where_it_stopped(pipeline: Pipeline) -> None:
    await pipeline.send(
        *(
            {"id": span_id(at), "at": at, "model.name": "mine", "usage_details": '{"input":1}'}
            for at in range(10)
        )
    )
    new = NewModel("mine", "^mine$", input_price=Decimal(2))
    await pipeline.models.create(pipeline.project_id, new)
    repricing = pipeline.repricing(chunk_rows=2)
    first = await repricing.start(pipeline.project_id, FROM, TO)
    pausing: list[asyncio.Task[None]] = []

    def pause(run: Run) -> None:
        if run.seen >= 4 and not pausing:
            stop = repricing.stop(pipeline.project_id, run.id, State.PAUSED)
            pausing.append(asyncio.get_running_loop().create_task(stop))

    paused = await repricing.run(first, pause)
    assert paused.state is State.PAUSED
    assert 4 <= paused.seen < 10
    assert 0 < paused.share_done < 1
    resumed = await pipeline.repricing().start(pipeline.project_id, FROM, TO)
    assert (resumed.id, resumed.position_at) == (first.id, paused.position_at)
    done = await pipeline.repricing().run(resumed)
    assert (done.state, done.seen, done.changed, done.share_done) == (State.DONE, 10, 10, 1.0)
    assert all(row["cost"]["total"] == 2 for row in (await pipeline.rows()).values())

    cancelled = await repricing.start(pipeline.project_id, FROM, TO)
    await repricing.stop(pipeline.project_id, cancelled.id)
    assert (await repricing.get(pipeline.project_id, cancelled.id)).state is State.CANCELLED
    assert (await repricing.start(pipeline.project_id, FROM, TO)).id != cancelled.id


async def test_an_empty_range_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(InvalidInput):
        await pipeline.repricing().start(pipeline.project_id, TO, FROM)


async def test_the_command_shows_what_it_did(pipeline: Pipeline, engines: Any) -> None:
    await pipeline.send({"id": span_id(0), "model.name": "mine", "usage_details": '{"input":1}'})
    new = NewModel("mine", "^mine$", input_price=Decimal(2))
    await pipeline.models.create(pipeline.project_id, new)
    env = {**os.environ, **engines.env, "SALT": "s", "ENCRYPTION_KEY": "ab" * 32, "NEXTAUTH_SECRET": "s"}
    command = [sys.executable, "-c", "from lumenspan.cli import main; main()", "models", "reprice"]
    command += ["--project", pipeline.project_id]
    command += ["--from", FROM.isoformat(), "--to", TO.isoformat(), "--data-dir", "/nonexistent"]
    done = await asyncio.to_thread(
        subprocess.run, command, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Done: 1 of 1 observations have new prices." in done.stdout
