"""``/api/public/mcp``: who may speak JSON-RPC to the MCP server (contract, section 11).

What is refused before JSON-RPC begins is told as ``{error, code}``; the code is that of JSON-RPC.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import structlog
from litestar import Litestar, Request, Response, asgi, get
from litestar.types import ControllerRouterHandler, Receive, Scope, Send

from lumenspan.errors import LumenspanError, RateLimited, Unavailable
from lumenspan_server.access import require_project_key
from lumenspan_server.body_limits import LARGE_BODY_BYTES
from lumenspan_server.errors import json_response, render
from lumenspan_server.mcp import hosts
from lumenspan_server.mcp.server import NAME, VERSION, McpEndpoint
from lumenspan_server.mcp.tools import Call
from lumenspan_server.operations import Wire, answer, operation
from lumenspan_server.services import Services

ROUTE = "/api/public/mcp"
_INVALID_REQUEST, _PARSE_ERROR, _INTERNAL_ERROR = -32600, -32700, -32603
_WANTED = ("application/json", "text/event-stream")
_DESCRIPTION = (
    "Prompts, observations, scores, datasets, experiments, annotation queues, metrics, evaluators and "
    "dashboards of a project"
)
_log = structlog.get_logger(__name__)


class ServerInfo(Wire):
    """Name and version, as the server greets with them."""

    name: str
    version: str


class Transport(Wire):
    """How to reach the server; ``endpoint`` is a path."""

    type: str
    endpoint: str
    url: str


class Authentication(Wire):
    """What has to be sent along: ``basic`` is the key pair of a project."""

    required: bool
    schemes: tuple[str, ...]


class Capabilities(Wire):
    """What the server offers."""

    tools: dict[str, bool]


class ServerCard(Wire):
    """What a client has to know of the server before it calls."""

    name: str
    version: str
    description: str
    server_info: ServerInfo
    endpoint: str
    transport: Transport
    authentication: Authentication
    capabilities: Capabilities


@asynccontextmanager
async def mcp_endpoint(app: Litestar) -> AsyncGenerator[None, None]:
    """Lifespan of the application: the MCP server runs within it."""
    endpoint = McpEndpoint()
    async with endpoint.running():
        app.state.mcp = endpoint
        yield


@asgi(ROUTE, copy_scope=True)
async def mcp(scope: Scope, receive: Receive, send: Send) -> None:
    """One JSON-RPC message a POST, answered as JSON; nothing is kept between two of them."""
    request: Request[Any, Any, Any] = Request(scope, receive, send)
    refused = await _refused(request)
    if refused is not None:
        await _send(refused, scope, receive, send)
        return
    try:
        services: Services = request.app.state.services
        call = Call(services, await require_project_key(request), dict(request.headers))
    except LumenspanError as error:
        await _send(_unauthorized(error), scope, receive, send)
        return
    if request.method != "POST":
        # Nothing is ever sent by the server alone, and there is no session to end.
        refused = _rpc_error(405, -32000, "Method not allowed", {"Allow": "POST"})
        await _send(refused, scope, receive, send)
        return
    if not _accepts(request.headers.get("accept", "")):
        message = f"Not Acceptable: Client must accept both {' and '.join(_WANTED)}"
        await _send(_rpc_error(406, _INVALID_REQUEST, message), scope, receive, send)
        return
    body = await _body(receive)
    if isinstance(body, Response):
        await _send(body, scope, receive, send)
    elif body is not None:
        endpoint: McpEndpoint = request.app.state.mcp
        await endpoint.answer(call, _normalized(scope, len(body)), _replayed(body, receive), send)


async def _refused(request: Request[Any, Any, Any]) -> Response[bytes] | None:
    """The answer to a request that a page of a stranger may have made."""
    services: Services = request.app.state.services
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    if not hosts.is_ours(services.settings, host):
        return _refusal(403, f"Host {host[:200]!r} is not served here", _INVALID_REQUEST)
    if origin is not None and not hosts.may_call(services.settings, origin, host):
        return _refusal(403, f"Origin {origin[:200]!r} may not call", _INVALID_REQUEST)
    return None


def _unauthorized(error: LumenspanError) -> Response[bytes]:
    if isinstance(error, RateLimited):
        return render(error)
    headers = {}
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(error.retry_after_s)
        _log.warning("engine unavailable", engine=error.engine, path=ROUTE)
    if error.http_status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="API keys"'
    code = _INTERNAL_ERROR if error.http_status >= 500 else _INVALID_REQUEST
    return _refusal(error.http_status, error.message, code, headers)


def _refusal(
    status: int, message: str, code: int, headers: dict[str, str] | None = None
) -> Response[bytes]:
    return json_response({"error": message, "code": code}, status, headers)


def _rpc_error(
    status: int, code: int, message: str, headers: dict[str, str] | None = None
) -> Response[bytes]:
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}
    return json_response(body, status, headers)


def _accepts(header: str) -> bool:
    """Whether both forms of the transport are accepted, by name or by a star."""
    ranges = {part.split(";")[0].strip().lower() for part in header.split(",")}
    return "*/*" in ranges or all(each in ranges or f"{each.split('/')[0]}/*" in ranges for each in _WANTED)


async def _body(receive: Receive) -> bytes | Response[bytes] | None:
    """The body as JSON, written anew; the answer to one that is none or too large; None if it broke off."""
    chunks, size, has_more = [], 0, True
    while has_more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > LARGE_BODY_BYTES:
            return _rpc_error(413, _INVALID_REQUEST, "The body is too large")
        chunks.append(chunk)
        has_more = message.get("more_body", False)
    try:
        return msgspec.json.encode(msgspec.json.decode(b"".join(chunks)))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _rpc_error(400, _PARSE_ERROR, "Parse error: the body is not valid JSON")


def _normalized(scope: Scope, size: int) -> Any:
    """The scope with the headers that belong to the body as it is passed on."""
    replaced = (b"accept", b"content-length", b"transfer-encoding")
    headers = [(name, value) for name, value in scope["headers"] if name not in replaced]
    accept = ", ".join(_WANTED).encode()
    return {
        **scope,
        "headers": [*headers, (b"accept", accept), (b"content-length", str(size).encode())],
    }


def _replayed(body: bytes, receive: Receive) -> Any:
    """A channel that hands the body out once, then what comes from the client."""
    is_sent = False

    async def replay() -> Any:
        nonlocal is_sent
        if is_sent:
            return await receive()
        is_sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _send(response: Response[bytes], scope: Scope, receive: Receive, send: Send) -> None:
    await response.to_asgi_response(app=None, request=Request(scope, receive, send))(scope, receive, send)


@get(
    "/.well-known/mcp.json",
    summary="Where the MCP server is and how to call it",
    **operation(answer=ServerCard, resource="none"),
)
async def discover(request: Request[Any, Any, Any]) -> Response[bytes]:
    """A card for clients; no credentials are needed."""
    services: Services = request.app.state.services
    url = services.settings.public_url.rstrip("/") + ROUTE
    return answer(
        ServerCard(
            name=NAME,
            version=VERSION,
            description=_DESCRIPTION,
            server_info=ServerInfo(name=NAME, version=VERSION),
            endpoint=url,
            transport=Transport(type="streamable-http", endpoint=ROUTE, url=url),
            authentication=Authentication(required=True, schemes=("basic",)),
            capabilities=Capabilities(tools={}),
        )
    )


routes: list[ControllerRouterHandler] = [mcp, discover]
