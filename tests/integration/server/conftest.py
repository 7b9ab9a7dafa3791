"""The server inside the test process, on a port of its own, so that tests can count its queries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import uvicorn
from litestar.types import ControllerRouterHandler

from lumenspan.settings import Settings
from lumenspan.storage.clickhouse import ClickHouse, Rows, Sql
from lumenspan_server.app import create_app
from lumenspan_server.services import Services
from tests.conftest import ProjectAccess
from tests.contract.documented import DocumentedAnswers
from tests.support import eventually, free_port


@dataclass
class RunningServer:
    """The server's address and what is inside it."""

    base_url: str
    services: Services
    client: httpx.AsyncClient

    async def graphql(
        self, access: ProjectAccess | str | None, query: str, **variables: Any
    ) -> dict[str, Any]:
        """The whole answer to an operation, made with a project's keys or the given header."""
        headers = {}
        if access is not None:
            headers["Authorization"] = access if isinstance(access, str) else access.authorization
        answer = await self.client.post(
            "/graphql", json={"query": query, "variables": variables}, headers=headers
        )
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def data(self, access: ProjectAccess | str | None, query: str, **variables: Any) -> Any:
        """The data of an operation that must succeed."""
        body = await self.graphql(access, query, **variables)
        assert "errors" not in body, body["errors"]
        return body["data"]


@asynccontextmanager
async def serving(
    settings: Settings, extra_routes: Sequence[ControllerRouterHandler] = ()
) -> AsyncIterator[RunningServer]:
    """A server of its own with these settings, as another process would be."""
    app = create_app(settings, extra_routes)
    port = free_port()
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_config=None, access_log=False, ws="websockets-sansio"
    )
    uvicorn_server = uvicorn.Server(config)
    uvicorn_server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    running = asyncio.create_task(uvicorn_server._serve(None))

    async def started() -> bool:
        assert not running.done(), running
        return uvicorn_server.started

    await eventually(started)
    base_url = f"http://127.0.0.1:{port}"
    hooks: dict[str, list[Callable[..., Any]]] = {"response": [DocumentedAnswers(app)]}
    async with httpx.AsyncClient(base_url=base_url, timeout=30, event_hooks=hooks) as client:
        try:
            yield RunningServer(base_url, app.state.services, client)
        finally:
            uvicorn_server.should_exit = True
            await running


@pytest.fixture(scope="session")
async def server(settings: Settings) -> AsyncIterator[RunningServer]:
    async with serving(settings) as started:
        yield started


@dataclass
class QueryCounter:
    """The ClickHouse queries that were run within a test."""

    texts: list[str] = field(default_factory=list)

    def reset(self) -> None:
        self.texts.clear()


@pytest.fixture
def queries(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> QueryCounter:
    counter = QueryCounter()
    run = ClickHouse.query

    async def counted(self: ClickHouse, sql: Sql, **options: Any) -> Rows:
        counter.texts.append(sql.text)
        return await run(self, sql, **options)

    monkeypatch.setattr(ClickHouse, "query", counted)
    return counter
