"""Tools about the server itself."""

from typing import Any

from lumenspan_server.mcp.tools import Call, Nothing, Tool, tool
from lumenspan_server.version import VERSION

TOOLS: list[Tool] = []


@tool(TOOLS, "getHealth", "Whether the server runs, and its version", is_read_only=True)
async def get_health(call: Call, given: Nothing) -> Any:
    return {"status": "OK", "version": VERSION}
