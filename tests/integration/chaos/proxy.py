"""A proxy in front of an engine that can be told to misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from enum import StrEnum

_CHUNK = 64 << 10
_BUSY = (
    b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    b"Content-Length: 70\r\n\r\n<Error><Code>SlowDown</Code><Message>Reduce your rate</Message></Error>"
)


class Fault(StrEnum):
    """What is done to connections: nothing, 503, delays, breaking off within a request, or all in turn."""

    NONE = "none"
    ERRORS = "errors"
    SLOW = "slow"
    CUT = "cut"
    MIXED = "mixed"


class FaultyProxy:
    """Forwards TCP from ``port`` to ``target_port`` on 127.0.0.1; ``fault`` can be changed at any time."""

    def __init__(self, target_port: int, seed: int, port: int) -> None:
        self.fault = Fault.NONE
        self._target_port = target_port
        self._port = port
        self._random = random.Random(seed)
        self._server: asyncio.Server | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[FaultyProxy]:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        try:
            yield self
        finally:
            self._server.close()

    def _current(self) -> Fault:
        if self.fault is not Fault.MIXED:
            return self.fault
        return self._random.choice([Fault.NONE, Fault.NONE, Fault.ERRORS, Fault.SLOW, Fault.CUT])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
            back = asyncio.create_task(self._copy(behind_reader, writer))
            try:
                await self._forward(reader, writer, behind_writer)
            finally:
                back.cancel()
                behind_writer.close()
        writer.close()

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, behind: asyncio.StreamWriter
    ) -> None:
        """From the client to the engine; each piece of a request may meet the fault of the moment."""
        while chunk := await reader.read(_CHUNK):
            fault = self._current()
            if fault is Fault.ERRORS:
                writer.write(_BUSY)
                await writer.drain()
                return
            if fault is Fault.CUT:
                # The engine got a part, perhaps all of it: the client cannot know.
                behind.write(chunk[: self._random.randrange(len(chunk) + 1)])
                await behind.drain()
                return
            if fault is Fault.SLOW:
                await asyncio.sleep(self._random.uniform(0.2, 1.5))
            behind.write(chunk)
            await behind.drain()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                writer.write(chunk)
                await writer.drain()
            writer.close()
