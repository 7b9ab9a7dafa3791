"""The MCP server behind the route: lists the tools of the table and runs them."""

from contextlib import AbstractAsyncContextManager
from typing import Any

import structlog
from litestar.types import Receive, Scope, Send
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import McpError

from lumenspan.errors import LumenspanError, Unavailable
from lumenspan_server.body_limits import LARGE_BODY_BYTES
from lumenspan_server.errors import ValidationFailed
from lumenspan_server.mcp.table import TOOLS
from lumenspan_server.mcp.tools import BadArguments, Call, Tool, pretty

NAME, VERSION = "langfuse", "0.3.0-unstable"
CALL = "lumenspan.mcp_call"
_INSTRUCTIONS = (
    "Reads and changes one project of an LLM engineering platform: the project of the API key. "
    "Observations are the spans, generations and events of traces; look at getObservationFilterSchema and "
    "getMetricsSchema before filtering or aggregating."
)
_INTERNAL = "Internal error"
_log = structlog.get_logger(__name__)


class McpEndpoint:
    """Answers JSON-RPC calls of one process, each for itself: nothing is kept between two of them."""

    def __init__(self) -> None:
        self._tools = {tool.name: tool for tool in TOOLS}
        self._server: Server[Any, Any] = Server(NAME, VERSION, _INSTRUCTIONS)
        self._server.request_handlers[types.ListToolsRequest] = self._list
        self._server.request_handlers[types.CallToolRequest] = self._call
        self._manager = StreamableHTTPSessionManager(
            self._server, json_response=True, stateless=True, max_request_body_size=LARGE_BODY_BYTES
        )

    def running(self) -> AbstractAsyncContextManager[None]:
        """While this is entered, calls are answered; once in the life of the object."""
        return self._manager.run()

    async def answer(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request whose caller is known."""
        # The same three things as here, by the types of another framework.
        handle: Any = self._manager.handle_request
        await handle({**scope, CALL: call}, receive, send)

    async def _list(self, _: types.ListToolsRequest) -> types.ServerResult:
        return types.ServerResult(types.ListToolsResult(tools=[_described(tool) for tool in TOOLS]))

    async def _call(self, request: types.CallToolRequest) -> types.ServerResult:
        wanted = request.params
        tool = self._tools.get(wanted.name)
        if tool is None:
            raise _bad_arguments(f"Unknown tool: {wanted.name}")
        http_request = self._server.request_context.request
        assert http_request is not None
        try:
            found = await tool.run(http_request.scope[CALL], tool.arguments(wanted.arguments or {}))
            return _result(pretty(found))
        except BadArguments as error:
            raise _bad_arguments(str(error)) from error
        except LumenspanError as error:
            return _failure(tool, error)
        except Exception as error:
            _log.error("tool failed", tool=tool.name, exc_info=error)
            return _result(_INTERNAL, is_error=True)


def _failure(tool: Tool, error: LumenspanError) -> types.ServerResult:
    if isinstance(error, Unavailable):
        _log.warning("engine unavailable", engine=error.engine, tool=tool.name)
    elif error.http_status == 500:
        _log.error("tool failed", tool=tool.name, exc_info=error)
    if isinstance(error, ValidationFailed):
        places = "; ".join(
            f"{'.'.join(str(step) for step in issue['path'])}: {issue['message']}".removeprefix(": ")
            for issue in error.issues
        )
        return _result(f"{error.message}: {places}", is_error=True)
    return _result(error.message, is_error=True)


def _result(text: str, *, is_error: bool = False) -> types.ServerResult:
    content: list[types.ContentBlock] = [types.TextContent(type="text", text=text)]
    return types.ServerResult(types.CallToolResult(content=content, isError=is_error))


def _bad_arguments(message: str) -> McpError:
    return McpError(types.ErrorData(code=types.INVALID_PARAMS, message=message))


def _described(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        description=tool.description,
        inputSchema=tool.schema,
        annotations=types.ToolAnnotations(
            readOnlyHint=tool.is_read_only,
            destructiveHint=tool.is_destructive,
            idempotentHint=tool.is_idempotent,
            openWorldHint=False,
        ),
    )
