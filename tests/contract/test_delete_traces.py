"""Deleting traces over REST and GraphQL: hidden at once from every read, gone from every store after."""

from __future__ import annotations

import os
import time
import uuid
from typing import Any

import httpx
import pytest

from lumenspan.clock import now_nanos
from lumenspan.ids import ObservationId, ProjectId, TraceId
from lumenspan.media.domain import Field, FileMark, TraceLink
from lumenspan.media.extract import File
from lumenspan.storage.clickhouse import Sql
from tests.conftest import ProjectAccess
from tests.factories.observations import SECOND_NS, insert, observation
from tests.factories.scores import insert_scores, score
from tests.integration.server.conftest import RunningServer
from tests.support import eventually

ROUTE = "/api/public/traces"
DELETE = "mutation M($input: DeleteTracesInput!) { deleteTraces(input: $input) }"
LIST = """query Q($id: ID!) { project(id: $id) { traces(first: 50) { edges { node { id } } }
  metrics(query: {view: TRACES, metrics: [{measure: "count", aggregation: COUNT}],
    fromTimestamp: "2020-01-01T00:00:00Z", toTimestamp: "2100-01-01T00:00:00Z"}) { rows } } }"""
TABLES = ("observations", "scores", "trace_fields", "trace_rollup")


async def seed(server: RunningServer, access: ProjectAccess, *ids: str) -> None:
    hour = 3_600 * SECOND_NS
    rows = [
        observation(access.project_id, trace_id=id_, start_time=time.time_ns() - number * hour)
        for id_ in ids
        for number in range(3)
    ]
    await insert(server.services.clickhouse, rows)
    await insert_scores(server.services.clickhouse, [score(access.project_id, trace_id=id_) for id_ in ids])


async def seen(server: RunningServer, access: ProjectAccess) -> dict[str, Any]:
    """Ids of traces, and numbers of traces, observations and scores, as every kind of read has them."""
    data = (await server.data(access, LIST, id=access.project_id))["project"]
    headers = access.headers
    v2 = (await server.client.get("/api/public/v2/observations", headers=headers)).json()["data"]
    rest = (await server.client.get(ROUTE, headers=headers)).json()
    return {
        "listed": sorted(edge["node"]["id"] for edge in data["traces"]["edges"]),
        "rest": sorted(row["id"] for row in rest["data"]),
        "total": rest["meta"]["totalItems"],
        "counted": data["metrics"]["rows"][0]["count_count"],
        "observations": sorted({row["traceId"] for row in v2}),
    }


def only(*ids: str) -> dict[str, Any]:
    wanted = sorted(ids)
    return {
        "listed": wanted,
        "rest": wanted,
        "total": len(ids),
        "counted": len(ids),
        "observations": wanted,
    }


async def test_a_deleted_trace_is_hidden_at_once(
    server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    await seed(server, project, "one", "two", "three")
    await seed(server, other_project, "one")
    answer = await server.client.delete(f"{ROUTE}/one", headers=project.headers)
    assert (answer.status_code, answer.json()) == (200, {"message": "Trace deleted successfully"})
    assert await seen(server, project) == only("two", "three")
    assert (await server.client.get(f"{ROUTE}/one", headers=project.headers)).status_code == 404
    answer = await server.client.request(
        "DELETE", ROUTE, json={"traceIds": ["two", "unknown"]}, headers=project.headers
    )
    assert answer.json() == {"message": "Traces deleted successfully"}
    given = {"projectId": project.project_id, "ids": ["three"]}
    assert (await server.data(project, DELETE, input=given))["deleteTraces"] is True
    assert await seen(server, project) == only()
    assert await seen(server, other_project) == only("one")
    # What is said of it from now on is shown again, and nothing else.
    await insert(server.services.clickhouse, [observation(project.project_id, trace_id="one", id="new")])
    after = await seen(server, project)
    assert (after["listed"], after["observations"], after["total"]) == (["one"], ["one"], 1)


async def test_rows_events_and_files_are_gone_in_the_end(
    server: RunningServer, project: ProjectAccess
) -> None:
    await seed(server, project, "gone", "kept")
    project_id, data = ProjectId(project.project_id), os.urandom(300)
    file = File(FileMark.of("image/png", data), data)
    link = TraceLink(TraceId("gone"), ObservationId(""), Field.INPUT)
    await server.services.media.keep(project_id, [file], [(file.mark.media_id, link)])
    for _ in range(2):
        await server.services.deletion.remove(project_id, ["gone"], now_nanos())

    async def left() -> list[tuple[str, str]]:
        found = []
        for table in TABLES:
            text = f"SELECT DISTINCT trace_id FROM {table} WHERE project_id = {{project_id:String}}"
            rows = await server.services.clickhouse.query(Sql(text, {"project_id": project_id}))
            found += [(table, row[0]) for row in rows.rows]
        return found

    async def is_gone() -> bool:
        return all(trace_id == "kept" for _, trace_id in await left())

    await eventually(is_gone, timeout_s=60)
    assert {table for table, _ in await left()} == {"observations", "scores", "trace_rollup"}
    assert await seen(server, project) == only("kept")
    media = await server.client.get(f"/api/public/media/{file.mark.media_id}", headers=project.headers)
    assert media.status_code == 404


async def test_what_came_after_the_deletion_survives_a_late_or_repeated_job(
    server: RunningServer, project: ProjectAccess
) -> None:
    await seed(server, project, "t")
    project_id, at_ns = ProjectId(project.project_id), now_nanos()
    await server.services.deletion.remove(project_id, ["t"], at_ns)
    assert (await seen(server, project))["listed"] == []
    await insert(server.services.clickhouse, [observation(project.project_id, trace_id="t", id="new")])
    await server.services.deletion.remove(project_id, ["t"], at_ns)
    after = await seen(server, project)
    assert (after["listed"], after["observations"]) == (["t"], ["t"])


async def test_batch_events_do_not_bring_it_back(stack: Any, project: ProjectAccess) -> None:
    trace_id = uuid.uuid4().hex

    def event(type_: str, **body: Any) -> dict[str, Any]:
        stamp = {"timestamp": "2026-01-01T00:00:00.000Z"}
        return {"id": uuid.uuid4().hex, "type": type_, **stamp, "body": body}

    async with httpx.AsyncClient(base_url=stack.base_url, headers=project.headers, timeout=30) as http:

        async def send(*events: dict[str, Any]) -> None:
            answer = await http.post("/api/public/ingestion", json={"batch": list(events)})
            assert answer.status_code == 207, answer.text
            assert not answer.json()["errors"]

        async def trace() -> dict[str, Any] | None:
            answer = await http.get(f"{ROUTE}/{trace_id}")
            return answer.json() if answer.status_code == 200 else None

        await send(
            event("trace-create", id=trace_id, name="old", tags=["old"]),
            event("span-create", id="span", traceId=trace_id, name="s", startTime="2026-01-01T00:00:00Z"),
        )
        found = await eventually(trace)
        assert found is not None
        assert (await http.delete(f"{ROUTE}/{trace_id}")).status_code == 200
        assert await trace() is None

        async def are_events_gone() -> bool:
            # A new event is merged with those that are still there: only its own word may be left.
            await send(event("trace-create", id=trace_id, name="new"))
            again = await eventually(trace)
            assert again is not None
            return again["name"] == "new" and not again["tags"] and not again["observations"]

        await eventually(are_events_gone, timeout_s=60, every_s=1)


@pytest.mark.parametrize(
    "body", [{"traceIds": []}, {}, {"traceIds": "one"}, {"traceIds": [1]}, {"traceIds": ["x"] * 1001}, []]
)
async def test_what_is_no_list_of_ids(server: RunningServer, project: ProjectAccess, body: Any) -> None:
    answer = await server.client.request("DELETE", ROUTE, json=body, headers=project.headers)
    assert answer.status_code == 400, answer.text


async def test_keys(server: RunningServer, project: ProjectAccess, other_project: ProjectAccess) -> None:
    await seed(server, project, "mine")
    assert (await server.client.delete(f"{ROUTE}/mine")).status_code == 401
    foreign = {"projectId": project.project_id, "ids": ["mine"]}
    answer = await server.graphql(other_project, DELETE, input=foreign)
    assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert (await server.client.delete(f"{ROUTE}/mine", headers=other_project.headers)).status_code == 200
    assert (await seen(server, project))["listed"] == ["mine"]
