"""``GET /api/health`` of a worker: 200 while it works and reaches its database, else 503."""

from __future__ import annotations

import asyncio

import orjson
import structlog

from lumenspan.errors import LumenspanError
from lumenspan_workers.services import Services

_log = structlog.get_logger(__name__)
_MAX_REQUEST = 16 << 10
_CHECK_TIMEOUT_S = 5.0


class HealthPage:
    """A listener of a few lines: the worker needs no web framework for one route."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; OSError when the port is taken."""
        settings = self._services.settings
        self._server = await asyncio.start_server(
            self._answer, settings.host, settings.worker_port, limit=_MAX_REQUEST
        )

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_S * 2):
                head = await reader.readuntil(b"\r\n\r\n")
                status, body = await self._respond(head.split(b"\r\n", 1)[0].split(b" "))
                writer.write(_response(status, body))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # Whoever asked has gone or spoke no HTTP; nobody is there to be told.
        finally:
            writer.close()

    async def _respond(self, request_line: list[bytes]) -> tuple[str, dict[str, str]]:
        if len(request_line) < 2 or request_line[1].split(b"?")[0] != b"/api/health":
            return "404 Not Found", {"message": "Not found"}
        if request_line[0] not in (b"GET", b"HEAD"):
            return "405 Method Not Allowed", {"message": "Method not allowed"}
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_S):
                await self._services.postgres.ping()
        except (LumenspanError, TimeoutError):
            return "503 Service Unavailable", {"status": "error", "message": "Database not available"}
        return "200 OK", {"status": "ok"}


def _response(status: str, body: dict[str, str]) -> bytes:
    content = orjson.dumps(body)
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + content
