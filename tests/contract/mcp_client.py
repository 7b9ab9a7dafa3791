"""The official MCP client, speaking to the server of the tests over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import INVALID_PARAMS, CallToolResult, InitializeResult, TextContent

from tests.conftest import ProjectAccess
from tests.integration.server.conftest import RunningServer

ROUTE = "/api/public/mcp"


@dataclass(frozen=True)
class Tools:
    """The tools of one project."""

    session: ClientSession
    greeting: InitializeResult

    async def __call__(self, tool: str, /, **arguments: Any) -> Any:
        """What a tool answers that must succeed."""
        result = await self.session.call_tool(tool, arguments)
        assert not result.isError, text_of(result)
        return json.loads(text_of(result))

    async def failure(self, tool: str, /, **arguments: Any) -> str:
        """What a tool says that must fail."""
        result = await self.session.call_tool(tool, arguments)
        assert result.isError, text_of(result)
        return text_of(result)

    async def refusal(self, tool: str, /, **arguments: Any) -> str:
        """What is said of arguments that do not fit."""
        with pytest.raises(McpError) as caught:
            await self.session.call_tool(tool, arguments)
        assert caught.value.error.code == INVALID_PARAMS
        return caught.value.error.message


def text_of(result: CallToolResult) -> str:
    """The one block of text of a result."""
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


@asynccontextmanager
async def tools_of(server: RunningServer, access: ProjectAccess) -> AsyncIterator[Tools]:
    """The tools as a client with the project's keys has them."""
    async with (
        httpx.AsyncClient(headers=access.headers, timeout=30) as client,
        streamable_http_client(server.base_url + ROUTE, http_client=client) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        yield Tools(session, await session.initialize())
