"""A hot prompt is answered without a query to PostgreSQL or ClickHouse, also by a new server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from lumenspan.settings import Settings
from tests.conftest import ProjectAccess
from tests.integration.server.conftest import QueryCounter, RunningServer, serving
from tests.support import eventually

ROUTE = "/api/public/v2/prompts"
NAME = "folder/answer politely"
PATH = f"{ROUTE}/folder%2Fanswer%20politely"


@contextmanager
def statements(server: RunningServer) -> Iterator[list[str]]:
    """What PostgreSQL is asked within the block."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement)

    engine = server.services.postgres.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def made(server: RunningServer, project: ProjectAccess, text: str) -> None:
    body = {"name": NAME, "prompt": text, "labels": ["production"]}
    answer = await server.client.post(ROUTE, json=body, headers=project.headers)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("query", [{}, {"label": "latest"}, {"version": 1}, {"resolve": "false"}])
async def test_a_hot_prompt_costs_no_query(
    server: RunningServer, project: ProjectAccess, queries: QueryCounter, query: dict[str, Any]
) -> None:
    await made(server, project, "Hello {{name}}")
    cold = await server.client.get(PATH, params=query, headers=project.headers)
    assert cold.status_code == 200
    queries.reset()
    with statements(server) as asked:
        for _ in range(20):
            hot = await server.client.get(PATH, params=query, headers=project.headers)
            assert hot.content == cold.content
    assert asked == []
    assert queries.texts == []


async def test_nor_does_its_first_reading_by_another_process(
    server: RunningServer, project: ProjectAccess, settings: Settings, queries: QueryCounter
) -> None:
    await made(server, project, "Hello {{name}}")
    assert (await server.client.get(PATH, headers=project.headers)).status_code == 200
    async with serving(settings) as other:

        async def is_initialized() -> bool:
            return other.services.lifecycle.is_initialized

        await eventually(is_initialized)
        queries.reset()
        with statements(other) as asked:
            answer = await other.client.get(PATH, headers=project.headers)
        assert answer.status_code == 200
        assert asked == []
        assert queries.texts == []


async def test_a_change_is_seen_at_once(server: RunningServer, project: ProjectAccess) -> None:
    for text in ("one", "two", "three"):
        await made(server, project, text)
        for _ in range(2):
            found = await server.client.get(PATH, headers=project.headers)
            assert found.json()["prompt"] == text
    gone = await server.client.delete(PATH, headers=project.headers)
    assert gone.status_code == 204
    assert (await server.client.get(PATH, headers=project.headers)).status_code == 404
