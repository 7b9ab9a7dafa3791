"""A careful load: threads that send traces, retry as exporters do, and keep a journal of what came of it.

Each span has a content, tokens and a cost of its own, so that a mix-up shows. For speed, see
``bench.generator``; for the check of the journal, ``bench.history``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import secrets
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.history import Journal, Sent, digest

ROUTE = "/api/public/otel/v1/traces"
_SPANS_A_TRACE = 10
_RETRY_S = 0.1


def make_trace(spans: int = _SPANS_A_TRACE, content_bytes: int = 400) -> tuple[bytes, dict[str, Sent]]:
    """An OTLP request of one trace, and its spans as a journal notes them."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    trace_id, root = secrets.token_bytes(16), secrets.token_bytes(8)
    now, noted = time.time_ns(), {}
    for number in range(spans):
        id_ = root if number == 0 else secrets.token_bytes(8)
        text = f"content {number} of {trace_id.hex()} {secrets.token_hex(content_bytes // 2)}"
        tokens, cost = random.randrange(1, 5_000), Decimal(random.randrange(1, 10**6)).scaleb(-8)
        span = scope.spans.add(
            trace_id=trace_id,
            span_id=id_,
            parent_span_id=b"" if number == 0 else root,
            name=f"step {number}",
            start_time_unix_nano=now + number,
            end_time_unix_nano=now + number + 1_000_000,
        )
        for name, value in (
            ("type", "generation"),
            ("input", text),
            ("usage_details", f'{{"total": {tokens}}}'),
            ("cost_details", f'{{"total": {cost:.8f}}}'),
        ):
            attribute = span.attributes.add(key=f"langfuse.observation.{name}")
            attribute.value.string_value = value
        noted[id_.hex()] = Sent(trace_id.hex(), digest(text), tokens, cost)
    return request.SerializeToString(), noted


@dataclass
class Load:
    """Clients that send until they are told to stop.

    Attributes:
        pause_s: of each client after each trace; 0 for a closed loop.
        refusals: answers other than 200, and kinds of broken connections; all are tried again.
    """

    url: str
    auth: tuple[str, str]
    pause_s: float = 0
    journal: Journal = field(default_factory=Journal)
    refusals: Counter[str] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def acknowledged(self) -> int:
        """How many spans are durable by what the server said."""
        return len(self.journal.acknowledged)

    @contextlib.contextmanager
    def running(self, clients: int) -> Iterator[None]:
        """Send while the block runs."""
        threads = [threading.Thread(target=self._client, daemon=True) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _client(self) -> None:
        with httpx.Client(base_url=self.url, timeout=30, auth=self.auth) as client:
            while not self._stop.is_set():
                body, spans = make_trace()
                is_sent = self._send(client, body)
                with self._lock:
                    (self.journal.acknowledged if is_sent else self.journal.doubtful).update(spans)
                self._stop.wait(self.pause_s)

    def _send(self, client: httpx.Client, body: bytes) -> bool:
        """True once acknowledged; gives up when the load has ended."""
        while True:
            try:
                answer = client.post(
                    ROUTE, content=body, headers={"content-type": "application/x-protobuf"}
                )
                if answer.status_code == 200:
                    return True
                outcome = str(answer.status_code)
            except httpx.TransportError as error:
                outcome = type(error).__name__
            with self._lock:
                self.refusals[outcome] += 1
            if self._stop.wait(_RETRY_S):
                return False


def main() -> int:
    """Send for a while, print what became of it."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.load", description="Send traces, keep a journal."
    )
    parser.add_argument("--url", required=True, help="the server")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--pause", type=float, default=0, help="seconds of each client after each trace")
    parser.add_argument("--journal", type=Path, help="write it there")
    options = parser.parse_args()
    keys = os.environ.get("LANGFUSE_PUBLIC_KEY", ""), os.environ.get("LANGFUSE_SECRET_KEY", "")
    if not all(keys):
        parser.error("set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY")
    load = Load(options.url, keys, options.pause)
    with load.running(options.clients):
        time.sleep(options.seconds)
    if options.journal:
        load.journal.dump(options.journal)
    sys.stdout.write(
        f"{load.acknowledged:,} spans acknowledged, {len(load.journal.doubtful):,} in doubt, "
        f"{sum(load.refusals.values()):,} times told to come again {dict(load.refusals)}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
