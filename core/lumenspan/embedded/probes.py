"""Whether an engine answers, asked in its own protocol and without its driver, which `up` need not load."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Mapping

from lumenspan.embedded.ports import LOOPBACK

_TIMEOUT_S = 2.0


@contextlib.asynccontextmanager
async def _connected(
    port: int, host: str
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def http_status(
    port: int, path: str, host: str = LOOPBACK, headers: Mapping[str, str] | None = None
) -> int | None:
    """Status of ``GET path``, None when the answer is not HTTP. OSError when nobody listens or answers."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}:{port}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    async with asyncio.timeout(_TIMEOUT_S), _connected(port, host) as (reader, writer):
        writer.write("\r\n".join((*lines, "", "")).encode())
        words = (await reader.readline()).split()
        await reader.read()
        return int(words[1]) if len(words) > 1 and words[0].startswith(b"HTTP/") else None


async def http_ok(
    port: int, path: str, host: str = LOOPBACK, headers: Mapping[str, str] | None = None
) -> bool:
    """Whether ``GET path`` is answered with 200."""
    return await http_status(port, path, host, headers) == 200


async def valkey_ok(port: int, password: str) -> bool:
    """Whether PING is answered with PONG: not before the append-only file is loaded."""
    async with asyncio.timeout(_TIMEOUT_S), _connected(port, LOOPBACK) as (reader, writer):
        writer.write(f"AUTH {password}\r\nPING\r\n".encode())
        return await reader.readline() == b"+OK\r\n" and await reader.readline() == b"+PONG\r\n"


async def postgres_ok(port: int, user: str, database: str) -> bool:
    """Whether a connection is asked for its password; before recovery is over it is refused."""
    async with asyncio.timeout(_TIMEOUT_S), _connected(port, LOOPBACK) as (reader, writer):
        body = b"user\0" + user.encode() + b"\0database\0" + database.encode() + b"\0\0"
        writer.write(struct.pack("!II", 8 + len(body), 0x0003_0000) + body)
        return await reader.readexactly(1) == b"R"
