"""Deleting a project: hidden at once, and in the end gone from every store."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from lumenspan.clock import utc_now
from lumenspan.identity import jobs
from lumenspan.identity.deletion import ProjectDeletion
from lumenspan.identity.service import IdentityService
from lumenspan.identity.tables import DeadLetterRow, IngestBlobRow
from lumenspan.ids import ObservationId, ProjectId, TraceId, new_id
from lumenspan.ingest.keys import key_segment, make_key, payload_keys, share_of
from lumenspan.media.domain import Field, FileMark, TraceLink
from lumenspan.media.extract import File
from lumenspan.storage.clickhouse import Sql
from tests.conftest import ProjectAccess, Stack
from tests.factories.identity import organization_key
from tests.factories.observations import insert, observation
from tests.factories.scores import insert_scores, score
from tests.integration.server.conftest import RunningServer
from tests.support import eventually

ROUTE = "/api/public/projects"


def deletion(server: RunningServer, now: Callable[[], datetime]) -> ProjectDeletion:
    mine = server.services
    return ProjectDeletion(
        mine.postgres, mine.clickhouse, mine.blobs, mine.media, mine.redis, mine.settings, now=now
    )


def later() -> datetime:
    """When nothing that was let in before can still be on its way."""
    return utc_now() + timedelta(hours=2)


async def delete(server: RunningServer, identity: IdentityService, access: ProjectAccess) -> None:
    key = await organization_key(identity, access)
    answer = await server.client.delete(f"{ROUTE}/{access.project_id}", headers=key.headers)
    assert answer.status_code == 202


async def seed(server: RunningServer, access: ProjectAccess) -> FileMark:
    """Something in every store; returns its file."""
    mine, project_id = server.services, ProjectId(access.project_id)
    await insert(mine.clickhouse, [observation(project_id, trace_id="t") for _ in range(3)])
    await insert_scores(mine.clickhouse, [score(project_id, trace_id="t")])
    names = ["project_id", "kind", "entity_id", "timestamp", "event_id", "received_at", "type", "body"]
    now = datetime.now(UTC)
    row: list[Any] = [project_id, "trace", "t", now, "e", now, "trace-create", "{}"]
    await mine.clickhouse.insert("entity_events", names, [[value] for value in row])
    data = os.urandom(200)
    mark = FileMark.of("image/png", data)
    link = TraceLink(TraceId("t"), ObservationId(""), Field.INPUT)
    await mine.media.keep(project_id, [File(mark, data)], [(mark.media_id, link)])
    blob_key = make_key(mine.settings.s3_prefix, project_id, time.time_ns())
    await mine.blobs.put(blob_key, b"payload")
    async with mine.postgres.session() as session:
        session.add(IngestBlobRow(key=blob_key, project_id=project_id, received_at=now))
        session.add(DeadLetterRow(id=new_id(), project_id=project_id, blob_key=blob_key, reason="why"))
    await mine.redis.xadd(f"{mine.settings.redis_key_prefix}tail:{project_id}", {"t": b"[]"})
    for path, body in (
        ("v2/prompts", {"name": "p", "type": "text", "prompt": "hello"}),
        ("v2/datasets", {"name": "d"}),
        ("dataset-items", {"datasetName": "d", "input": 1}),
        ("models", {"modelName": "m", "matchPattern": "m", "inputPrice": 1}),
        ("score-configs", {"name": "c", "dataType": "NUMERIC"}),
    ):
        answer = await server.client.post(f"/api/public/{path}", json=body, headers=access.headers)
        assert answer.status_code < 300, answer.text
    return mark


async def left(server: RunningServer, project_id: str) -> dict[str, int]:
    """How much of the project there is, by table or place, where there is something."""
    mine, found = server.services, {}
    tables = await mine.clickhouse.query(
        Sql.unscoped(
            "SELECT DISTINCT table FROM system.columns "
            "WHERE database = currentDatabase() AND name = 'project_id'"
        )
    )
    for (table,) in tables.rows:
        query = Sql(
            f"SELECT count() FROM `{table}` WHERE project_id = {{project_id:String}}",
            {"project_id": project_id},
        )
        found[f"clickhouse {table}"] = (await mine.clickhouse.query(query)).rows[0][0]
    async with mine.postgres.session() as session:
        names = await session.execute(
            text("SELECT table_name FROM information_schema.columns WHERE column_name = 'project_id'")
        )
        for name in names.scalars():
            query_text = text(f'SELECT count(*) FROM "{name}" WHERE project_id = :id')
            found[name] = (await session.execute(query_text, {"id": project_id})).scalar_one()
        query_text = text("SELECT count(*) FROM projects WHERE id = :id")
        found["projects"] = (await session.execute(query_text, {"id": project_id})).scalar_one()
    found["tail"] = await mine.redis.exists(f"{mine.settings.redis_key_prefix}tail:{project_id}")
    pages = [page async for page in payload_keys(mine.blobs, mine.settings.s3_prefix, "", later())]
    found["payloads"] = sum(share_of(each) == key_segment(project_id) for page in pages for each in page)
    return {place: count for place, count in found.items() if count}


async def test_everything_is_gone_in_the_end(
    server: RunningServer,
    identity_clients: IdentityService,
    project: ProjectAccess,
    other_project: ProjectAccess,
) -> None:
    mark, other_mark = await seed(server, project), await seed(server, other_project)
    before = await left(server, other_project.project_id)
    assert {"clickhouse observations", "clickhouse entity_events", "prompts", "datasets", "media"} <= set(
        before
    )
    assert {"ingest_blobs", "dead_letters", "tail", "payloads", "projects"} <= set(before)
    project_id = ProjectId(project.project_id)
    stores = server.services.media._required()
    object_key = server.services.media._key(project_id, mark)
    assert await stores.internal.has(object_key)
    await delete(server, identity_clients, project)
    work, after = deletion(server, later), ""

    async def is_done() -> bool:
        nonlocal after
        progress = await work.work(project_id, after)
        after = progress.after
        return progress.is_done

    await eventually(is_done, timeout_s=60)
    assert await left(server, project.project_id) == {}
    assert not await stores.internal.has(object_key)
    # Again, as a repeated job would.
    assert (await work.work(project_id)).is_done
    assert await left(server, other_project.project_id) == before
    answer = await server.client.get(
        f"/api/public/media/{other_mark.media_id}", headers=other_project.headers
    )
    assert answer.status_code == 200


async def test_looking_again_does_not_delete_again(
    server: RunningServer, identity_clients: IdentityService, project: ProjectAccess
) -> None:
    await seed(server, project)
    clickhouse, project_id = server.services.clickhouse, ProjectId(project.project_id)
    # Deletions run where merges do.
    await clickhouse.command(Sql.unscoped("SYSTEM STOP MERGES observations"))
    try:
        await delete(server, identity_clients, project)
        for _ in range(5):
            assert not (await deletion(server, later).work(project_id)).is_done
        query = Sql(
            "SELECT count() FROM system.mutations WHERE database = currentDatabase() "
            "AND table = 'observations' AND position(command, {project_id:String}) > 0",
            {"project_id": project_id},
        )
        # The worker of a running stack may have begun at the same moment.
        assert 1 <= await clickhouse.query_number(query) <= 2
    finally:
        await clickhouse.command(Sql.unscoped("SYSTEM START MERGES observations"))


async def test_it_waits_for_what_may_be_on_its_way(
    server: RunningServer, identity_clients: IdentityService, project: ProjectAccess
) -> None:
    await delete(server, identity_clients, project)
    at = utc_now()
    work = deletion(server, lambda: at - timedelta(seconds=1))
    progress = await work.work(ProjectId(project.project_id))
    if not progress.is_done:  # A worker of the running stack may have been there first.
        assert progress.is_waiting
        assert (await left(server, project.project_id)).get("projects") == 1


async def test_a_project_that_was_not_deleted_is_left_alone(
    server: RunningServer, project: ProjectAccess
) -> None:
    await seed(server, project)
    before = await left(server, project.project_id)
    for project_id in (project.project_id, "nothing"):
        assert (await deletion(server, later).work(ProjectId(project_id))).is_done
    assert await left(server, project.project_id) == before


async def test_a_lost_job_is_enqueued_again(
    server: RunningServer, identity_clients: IdentityService, project: ProjectAccess
) -> None:
    await delete(server, identity_clients, project)
    mine = server.services
    name = f"{mine.settings.redis_key_prefix}project-deletion:{project.project_id}"
    await mine.redis.delete(name)
    await deletion(server, utc_now).enqueue_lost()
    # Right after the deletion nobody is missed; later, whoever has shown no sign of work is.
    await deletion(server, later).enqueue_lost()

    async def is_waiting_twice_or_done() -> bool:
        messages = await mine.queue.messages(jobs.QUEUE, 10_000)
        assert messages is not None
        waiting = [each.args[0] for each in messages.waiting if each.actor_name == jobs.DELETE_PROJECT]
        return waiting.count(project.project_id) == 2 or not await left(server, project.project_id)

    # Once from the deletion and once again; the worker of a running stack may be doing it, or have done it.
    await eventually(is_waiting_twice_or_done)


@pytest.mark.timeout(120)
async def test_a_worker_does_it(
    stack: Stack, server: RunningServer, identity_clients: IdentityService, project: ProjectAccess
) -> None:
    event = {
        "id": new_id(),
        "timestamp": "2026-01-01T00:00:00Z",
        "type": "trace-create",
        "body": {"id": "t"},
    }
    async with httpx.AsyncClient(base_url=stack.base_url, timeout=30) as client:
        answer = await client.post(
            "/api/public/ingestion", json={"batch": [event]}, headers=project.headers
        )
        assert answer.status_code == 207
        key = await organization_key(identity_clients, project)
        answer = await client.delete(f"{ROUTE}/{project.project_id}", headers=key.headers)
        assert answer.status_code == 202

    async def is_gone() -> bool:
        return await left(server, project.project_id) == {}

    assert await eventually(is_gone, timeout_s=90, every_s=1)
