"""The live tail over graphql-transport-ws: nothing is missed, each subscriber has its own filter."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.conftest import ProjectAccess
from tests.factories.observations import insert, observation
from tests.integration.server.conftest import QueryCounter, RunningServer
from tests.support import eventually

TAIL = """
subscription Tail($project: ID!, $filter: TraceFilter, $after: String) {
  traceTail(projectId: $project, filter: $filter, after: $after) {
    cursor isGap traces { id name observationCount inputPreview }
  }
}
"""


@asynccontextmanager
async def connection(
    server: RunningServer, access: ProjectAccess | str | None
) -> AsyncIterator[ClientConnection]:
    """An acknowledged WebSocket."""
    url = server.base_url.replace("http", "ws", 1) + "/graphql"
    async with connect(url, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
        payload = {}
        if access is not None:
            payload["authorization"] = access if isinstance(access, str) else access.authorization
        await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
        answer = json.loads(await socket.recv())
        assert answer["type"] == "connection_ack"
        yield socket


async def subscribe(socket: ClientConnection, id_: str = "1", **variables: Any) -> None:
    payload = {"query": TAIL, "variables": variables}
    await socket.send(json.dumps({"type": "subscribe", "id": id_, "payload": payload}))


async def receive(socket: ClientConnection, id_: str = "1") -> dict[str, Any]:
    """The next tail event."""
    message = json.loads(await asyncio.wait_for(socket.recv(), 10))
    assert (message["type"], message["id"]) == ("next", id_), message
    assert "errors" not in message["payload"], message
    event: dict[str, Any] = message["payload"]["data"]["traceTail"]
    return event


async def write(server: RunningServer, project: ProjectAccess, *ids: str, **given: Any) -> None:
    """Store a trace of one observation for each id and announce them, as a worker does."""
    rows = [observation(project.project_id, trace_id=id_, **given) for id_ in ids]
    await insert(server.services.clickhouse, rows)
    stream = f"{server.services.settings.redis_key_prefix}tail:{project.project_id}"
    await server.services.redis.xadd(stream, {"t": orjson.dumps(list(ids))})


class TestTail:
    async def test_begins_at_once_and_brings_what_is_written(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        await write(server, project, "before")
        async with connection(server, project) as socket:
            await subscribe(socket, project=project.project_id)
            first = await receive(socket)
            assert (first["traces"], first["isGap"]) == ([], False)
            await write(server, project, "a", name="hello", input="question")
            event = await receive(socket)
            assert event["traces"] == [
                {"id": "a", "name": "hello", "observationCount": 1, "inputPreview": "question"}
            ]
            await write(server, project, "a", parent_id="x")
            assert [trace["observationCount"] for trace in (await receive(socket))["traces"]] == [2]

    async def test_a_resumed_tail_misses_nothing(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        async with connection(server, project) as socket:
            await subscribe(socket, project=project.project_id)
            await receive(socket)
            await write(server, project, "seen")
            cursor = (await receive(socket))["cursor"]
        await write(server, project, "m1")
        await write(server, project, "m2", "m3")
        async with connection(server, project) as socket:
            await subscribe(socket, project=project.project_id, after=cursor)
            event = await receive(socket)
            assert {trace["id"] for trace in event["traces"]} == {"m1", "m2", "m3"}
            assert event["isGap"] is False
            await write(server, project, "m4")
            assert [trace["id"] for trace in (await receive(socket))["traces"]] == ["m4"]

    @pytest.mark.parametrize("cursor", ["1-1", "nonsense", "99999999999999-0"])
    async def test_a_cursor_that_the_stream_does_not_reach_is_a_gap(
        self, server: RunningServer, project: ProjectAccess, cursor: str
    ) -> None:
        stream = f"{server.services.settings.redis_key_prefix}tail:{project.project_id}"
        for number in range(5):
            await write(server, project, f"t{number}")
        await server.services.redis.xtrim(stream, maxlen=2, approximate=False)
        async with connection(server, project) as socket:
            await subscribe(socket, project=project.project_id, after=cursor)
            assert (await receive(socket))["isGap"] is True

    async def test_each_subscriber_has_its_filter_and_one_query_serves_all(
        self, server: RunningServer, project: ProjectAccess, queries: QueryCounter
    ) -> None:
        async with connection(server, project) as socket:
            for id_, where in (("1", {"name": ["x"]}), ("2", {"name": ["y"]}), ("3", None)):
                await subscribe(socket, id_, project=project.project_id, filter=where)
                await receive(socket, id_)
            queries.reset()
            await write(server, project, "a", name="x")
            events = [json.loads(await asyncio.wait_for(socket.recv(), 10)) for _ in range(2)]
            assert {event["id"] for event in events} == {"1", "3"}
            fetches = [text for text in queries.texts if "FROM trace_rollup" in text]
            assert len(fetches) == 1

    async def test_another_project_is_refused_and_sees_nothing(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        async with connection(server, other_project) as socket:
            await subscribe(socket, project=project.project_id)
            message = json.loads(await socket.recv())
            errors = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
            assert errors[0]["extensions"]["code"] == "NOT_FOUND"

    async def test_without_credentials_it_is_refused(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        async with connection(server, None) as socket:
            await subscribe(socket, project=project.project_id)
            message = json.loads(await socket.recv())
            errors = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
            assert errors[0]["extensions"]["code"] == "UNAUTHENTICATED"

    async def test_wrong_credentials_close_the_connection(self, server: RunningServer) -> None:
        with pytest.raises(ConnectionClosed) as closed:
            async with connection(server, "Basic eDp5"):
                pass
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4403

    async def test_nobody_left_means_nothing_is_read(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        async with connection(server, project) as socket:
            await subscribe(socket, project=project.project_id)
            await receive(socket)
            assert server.services.tail.watched_projects >= 1

        async def is_idle() -> bool:
            return server.services.tail.watched_projects == 0

        await eventually(is_idle)
