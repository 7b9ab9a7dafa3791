"""A worker's ``/api/health`` (200 while it works and reaches its database, else 503) and ``/metrics``."""

from __future__ import annotations

import asyncio

import orjson
import structlog

from lumenspan import telemetry
from lumenspan.errors import LumenspanError
from lumenspan.ingest.backlog import is_admitted, metrics_text
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
                writer.write(await self._respond(head))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # Whoever asked has gone or spoke no HTTP; nobody is there to be told.
        finally:
            writer.close()

    async def _respond(self, head: bytes) -> bytes:
        line, *headers = head.split(b"\r\n")
        method, _, rest = line.partition(b" ")
        path = rest.split(b" ")[0].split(b"?")[0]
        if path not in (b"/api/health", b"/metrics"):
            return _response("404 Not Found", {"message": "Not found"})
        if method not in (b"GET", b"HEAD"):
            return _response("405 Method Not Allowed", {"message": "Method not allowed"})
        if path == b"/metrics":
            return await self._metrics(headers)
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_S):
                await self._services.postgres.ping()
        except (LumenspanError, TimeoutError):
            body = {"status": "error", "message": "Database not available"}
            return _response("503 Service Unavailable", body)
        return _response("200 OK", {"status": "ok"})

    async def _metrics(self, headers: list[bytes]) -> bytes:
        given = next(
            (each[14:].strip() for each in headers if each.lower().startswith(b"authorization:")), b""
        )
        if not is_admitted(self._services.settings, given.decode("latin-1")):
            return _response(
                "401 Unauthorized", {"message": "The token of LUMENSPAN_METRICS_TOKEN is needed"}
            )
        text = await metrics_text(self._services.backlog)
        return _plain("200 OK", telemetry.CONTENT_TYPE, text)


def _response(status: str, body: dict[str, str]) -> bytes:
    return _plain(status, "application/json", orjson.dumps(body))


def _plain(status: str, content_type: str, content: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + content
