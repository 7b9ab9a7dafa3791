"""The load: a process of its own that sends OTLP requests over several connections and prints what it did.

Closed loop by default: each connection sends its next request when the last one was answered. With a rate,
requests are due at even intervals, and what is late is sent at once. A request that is refused for now or
whose connection breaks is sent again unchanged, as exporters do; a request counts
once, when it is accepted.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.payload import SPANS_PER_TRACE, Template
from bench.report import Failed

# Requests with different texts, in turn: the same text again would be compressed away.
_TEMPLATES = 16
_TRANSIENT = {429, 502, 503, 504}
_SAMPLE_TRACES = 50


@dataclass(frozen=True, slots=True)
class Load:
    """What was accepted of a run.

    Attributes:
        seconds: from the first request to the last answer.
        refused: answers that asked to come again, and connections that broke.
        cpu_s: processor time of the generator itself.
        ack_ms: time from request to answer of each accepted request.
        first_at: Unix time of the first request.
        trace_ids: some of the traces that were sent.
    """

    spans: int
    seconds: float
    refused: int
    cpu_s: float
    first_at: float
    ack_ms: list[float]
    trace_ids: list[str]


def run(
    port: int,
    authorization: str,
    service: str,
    *,
    seconds: float,
    connections: int = 12,
    traces: int = 10,
    rate: float = 0,
    path: str = "/api/public/otel/v1/traces",
    headers: Mapping[str, str] | None = None,
    give_up_s: float = 60,
) -> subprocess.Popen[str]:
    """Start the generator, for ``result``. ``rate`` is in spans a second, 0 for no limit."""
    options = {
        "port": port,
        "service": service,
        "seconds": seconds,
        "connections": connections,
        "traces": traces,
        "rate": rate,
        "path": path,
        "give-up": give_up_s,
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.generator", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    # Not among the arguments, which everybody on the machine can read.
    assert process.stdin is not None
    sent = dict(headers or {})
    if authorization:
        sent["Authorization"] = authorization
    process.stdin.write(json.dumps(sent) + "\n")
    process.stdin.flush()
    return process


def result(process: subprocess.Popen[str]) -> Load:
    """Wait for the end of a generator. Failed when the server refused for good."""
    output, _ = process.communicate()
    if process.returncode != 0:
        raise Failed("the generator ended before its time")
    return Load(**json.loads(output))


@dataclass(slots=True)
class _Run:
    templates: list[Template]
    head: bytes
    port: int
    until: float
    interval_s: float
    due: float
    give_up_s: float
    requests: int = 0
    refused: int = 0
    ack_ms: list[float] = field(default_factory=list)
    trace_ids: list[str] = field(default_factory=list)

    async def connection(self) -> None:
        """Send until the time is over; what was begun is finished."""
        with contextlib.ExitStack() as opened:
            streams: list[Any] = []
            while (wait := self._next_wait()) is not None:
                await asyncio.sleep(wait)
                request = self.templates[self.requests % len(self.templates)].fill()
                self.requests += 1
                if len(self.trace_ids) < _SAMPLE_TRACES:
                    self.trace_ids.append(request.trace_ids[0])
                began = time.monotonic()
                await self._deliver(streams, opened, request.body)
                self.ack_ms.append((time.monotonic() - began) * 1000)

    def _next_wait(self) -> float | None:
        """Seconds until this connection's next request, None when no more is to be sent."""
        now = time.monotonic()
        at = max(now, self.due) if self.interval_s else now
        if at >= self.until:
            return None
        self.due += self.interval_s
        return at - now

    async def _deliver(self, streams: list[Any], opened: contextlib.ExitStack, body: bytes) -> None:
        give_up = time.monotonic() + self.give_up_s
        while time.monotonic() < give_up:
            try:
                if not streams:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    opened.callback(writer.close)
                    streams[:] = [reader, writer]
                status = await self._exchange(streams[0], streams[1], body)
            except (OSError, asyncio.IncompleteReadError):
                streams.clear()
                status = 503
            if status == 200:
                return
            if status not in _TRANSIENT:
                sys.exit(f"the server answered {status}")
            self.refused += 1
            await asyncio.sleep(0.2)
        sys.exit(f"not accepted within {self.give_up_s:.0f} s")

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes
    ) -> int:
        writer.write(self.head)
        writer.write(body)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        if int(length or 0):
            await reader.readexactly(int(length))
        return int(head.split(b" ", 2)[1])


async def _main(options: argparse.Namespace, headers: Mapping[str, str]) -> None:
    templates = [Template(options.traces, options.service, seed) for seed in range(_TEMPLATES)]
    (size_bytes,) = {template.size_bytes for template in templates}
    head = (
        f"POST {options.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Content-Type: application/x-protobuf\r\n"
        + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        + f"Content-Length: {size_bytes}\r\n\r\n"
    )
    first_at, began = time.time(), time.monotonic()
    interval_s = templates[0].spans / options.rate if options.rate else 0.0
    work = _Run(
        templates, head.encode(), options.port, began + options.seconds, interval_s, began, options.give_up
    )
    await asyncio.gather(*(work.connection() for _ in range(options.connections)))
    load = {
        "spans": len(work.ack_ms) * options.traces * SPANS_PER_TRACE,
        "seconds": time.monotonic() - began,
        "refused": work.refused,
        "cpu_s": time.process_time(),
        "first_at": first_at,
        "ack_ms": work.ack_ms,
        "trace_ids": work.trace_ids,
    }
    sys.stdout.write(json.dumps(load))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name, kind in (
        ("port", int),
        ("service", str),
        ("seconds", float),
        ("connections", int),
        ("traces", int),
        ("rate", float),
        ("path", str),
        ("give-up", float),
    ):
        parser.add_argument(f"--{name}", type=kind, required=True)
    asyncio.run(_main(parser.parse_args(), json.loads(sys.stdin.readline())))
