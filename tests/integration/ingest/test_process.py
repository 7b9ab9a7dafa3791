"""From an accepted call to rows, on real engines."""

from __future__ import annotations

import uuid
from typing import Any

import orjson
import pytest
from sqlmodel import col, select

from lumenspan.clock import now_nanos
from lumenspan.identity.tables import DeadLetterRow, IngestBlobRow
from lumenspan.ids import ProjectId
from lumenspan.ingest.dead_letters import Stage
from lumenspan.ingest.envelope import Frame, FrameHeader, pack
from lumenspan.ingest.keys import make_key
from lumenspan.ingest.otlp import JSON
from lumenspan.storage.clickhouse import Sql
from tests.integration.ingest.conftest import Clients
from tests.unit.ingest.build import END, START, export

pytestmark = pytest.mark.engines

O = "langfuse.observation."  # noqa: E741


def frame(project_id: str, body: dict[str, Any], received_at: int | None = None) -> Frame:
    header = FrameHeader(
        project_id, JSON, received_at or now_nanos(), sdk_name="python", sdk_version="5.0.4"
    )
    return Frame(header, orjson.dumps(body))


def spans(*ids: str, **span: Any) -> dict[str, Any]:
    """One export of several spans."""
    made = export(**span)
    scope = made["resourceSpans"][0]["scopeSpans"][0]
    scope["spans"] = [{**scope["spans"][0], "spanId": each} for each in ids]
    return made


async def stored(clients: Clients, project_id: str) -> list[dict[str, Any]]:
    text = "SELECT * FROM observations WHERE project_id = {project_id:String} ORDER BY id, event_ts"
    return await clients.clickhouse.query_dicts(Sql(text, {"project_id": project_id}))


async def final(clients: Clients, project_id: str) -> list[dict[str, Any]]:
    text = "SELECT * FROM observations FINAL WHERE project_id = {project_id:String} ORDER BY id"
    return await clients.clickhouse.query_dicts(Sql(text, {"project_id": project_id}))


async def test_every_column_reads_back_as_it_was_mapped(clients: Clients) -> None:
    project = uuid.uuid4().hex
    body = export(
        {
            O + "type": "generation",
            O + "input": '[{"role":"user","content":"hi"}]',
            O + "output": "hello ü",
            O + "model.name": "gpt-x",
            O + "model.parameters": '{"temperature":0.5}',
            O + "usage_details": '{"input":10,"output":5}',
            O + "cost_details": '{"input":0.0000012,"output":0.3}',
            O + "prompt.name": "p",
            O + "prompt.version": 3,
            O + "completion_start_time": "2025-07-13T05:20:00.5Z",
            O + "metadata.k": '"v"',
            "langfuse.trace.tags": ["a", "b"],
            "langfuse.trace.public": True,
            "langfuse.user.id": "u",
            "langfuse.session.id": "s",
        }
    )
    key = (await clients.gate().accept(frame(project, body).header, orjson.dumps(body))).blob_key
    assert await clients.service.process(key) == 1
    (row,) = await stored(clients, project)
    assert (row["start_time"], row["end_time"]) == (START, END)
    assert row["completion_start_time"] == 1_752_384_000_500_000_000
    assert (row["type"], row["model"], row["output"]) == ("GENERATION", "gpt-x", "hello ü")
    assert row["usage"] == {"input": 10, "output": 5, "total": 15}
    assert {name: str(value.normalize()) for name, value in row["cost"].items()} == {
        "input": "0.0000012",
        "output": "0.3",
        "total": "0.3000012",
    }
    assert (row["tags"], row["is_public"], row["user_id"], row["session_id"]) == (
        ["a", "b"],
        True,
        "u",
        "s",
    )
    assert (row["prompt_name"], row["prompt_version"]) == ("p", 3)
    assert row["metadata"]["k"] == "v"
    assert row["blob_key"] == key


async def test_the_same_blob_again_changes_nothing(clients: Clients) -> None:
    project = uuid.uuid4().hex
    body = spans("b7ad6b7169203331", "b7ad6b7169203332")
    key = (await clients.gate().accept(frame(project, body).header, orjson.dumps(body))).blob_key
    await clients.service.process(key)
    before = await final(clients, project)
    await clients.service.process(key)
    after = await final(clients, project)
    for row in (*before, *after):
        del row["created_at"]
    assert len(after) == 2
    assert before == after
    text = "SELECT count() FROM trace_rollup FINAL WHERE project_id = {project_id:String}"
    assert (await clients.clickhouse.query(Sql(text, {"project_id": project}))).rows == [(1,)]


async def test_the_newest_receipt_wins_in_any_order(clients: Clients) -> None:
    project = uuid.uuid4().hex
    at = now_nanos()
    keys = []
    for name, received_at in (("new", at + 10), ("old", at)):
        key = make_key(clients.settings.s3_prefix, ProjectId(project), at)
        await clients.blobs.put(key, pack([frame(project, export(name=name), received_at)]))
        keys.append(key)
    for key in keys:
        await clients.service.process(key)
    assert [row["name"] for row in await final(clients, project)] == ["new"]


async def test_bad_spans_are_kept_apart_with_their_reason(clients: Clients) -> None:
    project = uuid.uuid4().hex
    body = spans("b7ad6b7169203331", "")
    key = (await clients.gate().accept(frame(project, body).header, orjson.dumps(body))).blob_key
    for _ in range(2):
        assert await clients.service.process(key) == 1
        await clients.registry.flush()
    async with clients.postgres.session() as session:
        letters = (
            await session.execute(select(DeadLetterRow).where(col(DeadLetterRow.blob_key) == key))
        ).scalars()
        (letter,) = letters.all()
        blob = await session.get(IngestBlobRow, key)
    assert letter.reason == "spanId:absent"
    assert letter.project_id == project
    assert orjson.loads(letter.payload or b"")["name"] == "span"
    assert blob is not None
    assert (blob.spans, blob.rejected) == (1, 1)


async def test_the_live_tail_hears_of_each_trace_once(clients: Clients) -> None:
    project = uuid.uuid4().hex
    body = spans("b7ad6b7169203331", "b7ad6b7169203332")
    key = (await clients.gate().accept(frame(project, body).header, orjson.dumps(body))).blob_key
    await clients.service.process(key)
    entries: Any = await clients.redis.xrange(f"{clients.settings.redis_key_prefix}tail:{project}")
    assert [orjson.loads(fields[b"t"]) for _, fields in entries] == [["0af7651916cd43dd8448eb211c80319c"]]


async def test_spans_of_many_months_go_in_together(clients: Clients) -> None:
    project = uuid.uuid4().hex
    month = 31 * 86_400 * 1_000_000_000
    made = export()
    scope = made["resourceSpans"][0]["scopeSpans"][0]
    scope["spans"] = [
        {**scope["spans"][0], "spanId": f"{i:016x}", "startTimeUnixNano": str(START - i * month)}
        for i in range(150)
    ]
    key = (await clients.gate().accept(frame(project, made).header, orjson.dumps(made))).blob_key
    assert await clients.service.process(key) == 150
    assert len(await final(clients, project)) == 150


@pytest.mark.parametrize("blob", [b"", b"not a blob", pack([])])
async def test_a_damaged_blob_becomes_a_dead_letter(clients: Clients, blob: bytes) -> None:
    project = ProjectId(uuid.uuid4().hex)
    key = make_key(clients.settings.s3_prefix, project, now_nanos())
    await clients.blobs.put(key, blob)
    assert await clients.service.process(key) == 0
    (letter,) = (await clients.registry.dead_letters.page(project, 10)).letters
    assert (letter.stage, letter.blob_key) == (Stage.PAYLOAD, key)
    assert letter.reason.startswith("The payload is damaged")
    await clients.registry.flush()
    assert await clients.registry.processed([key]) == {key}


async def test_a_missing_blob_becomes_a_dead_letter(clients: Clients) -> None:
    project = ProjectId(uuid.uuid4().hex)
    key = make_key(clients.settings.s3_prefix, project, now_nanos())
    assert await clients.service.process(key) == 0
    (letter,) = (await clients.registry.dead_letters.page(project, 10)).letters
    assert letter.reason == "The payload is not in the store"
