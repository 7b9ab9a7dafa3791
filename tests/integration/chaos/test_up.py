"""kill -9 of each process of `lumenspan up` in turn, under load: each acknowledged span reads back once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support import free_port, wait_until

SPANS_PER_CALL = 10
VICTIMS = ("worker", "server", "valkey", "s3", "postgres", "clickhouse")


@dataclass
class System:
    """A `lumenspan up` of its own."""

    folder: Path
    url: str
    process: subprocess.Popen[bytes]

    def children(self) -> dict[str, dict[str, Any]]:
        content = json.loads((self.folder / "run" / "status.json").read_text())
        return {child["name"]: child for child in content["children"]}

    def environment(self) -> dict[str, str]:
        env_file = next((self.folder / "run").glob("*env*"))
        return dict(
            shlex.split(line)[0].split("=", 1) for line in env_file.read_text().splitlines() if line
        )

    def log(self) -> str:
        return "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-3000:]}"
            for path in self.folder.glob("logs/*.log")
        )


@dataclass
class Load:
    """Clients that send until told to stop and note what was acknowledged; they retry as exporters do."""

    url: str
    auth: tuple[str, str]
    acknowledged: dict[str, str] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextlib.contextmanager
    def running(self, clients: int) -> Iterator[None]:
        threads = [threading.Thread(target=self._client) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _client(self) -> None:
        with httpx.Client(timeout=30, auth=self.auth) as client:
            while not self._stop.is_set():
                body, spans = one_call()
                if self._send(client, body):
                    with self._lock:
                        self.acknowledged |= spans

    def _send(self, client: httpx.Client, body: bytes) -> bool:
        """True once acknowledged; gives up only when the load has ended."""
        while True:
            try:
                answer = client.post(
                    f"{self.url}/api/public/otel/v1/traces",
                    content=body,
                    headers={"content-type": "application/x-protobuf"},
                )
                if answer.status_code == 200:
                    return True
                outcome = str(answer.status_code)
            except httpx.TransportError as error:
                outcome = type(error).__name__
            with self._lock:
                self.refusals[outcome] += 1
            if self._stop.wait(0.1):
                return False


def one_call() -> tuple[bytes, dict[str, str]]:
    """An OTLP request of one trace, and ``{span id: digest of its input}``."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    trace_id, root = secrets.token_bytes(16), secrets.token_bytes(8)
    now, spans = time.time_ns(), {}
    for index in range(SPANS_PER_CALL):
        text = f"content {index} of {trace_id.hex()} " + secrets.token_hex(200)
        span = scope.spans.add(
            trace_id=trace_id,
            span_id=root if index == 0 else secrets.token_bytes(8),
            parent_span_id=b"" if index == 0 else root,
            name=f"step {index}",
            start_time_unix_nano=now + index,
            end_time_unix_nano=now + index + 1_000_000,
        )
        attribute = span.attributes.add(key="langfuse.observation.input")
        attribute.value.string_value = text
        spans[span.span_id.hex()] = hashlib.sha256(text.encode()).hexdigest()
    return request.SerializeToString(), spans


@pytest.fixture
def system() -> Iterator[System]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="lumenspan-chaos-", ignore_cleanup_errors=True) as name:
        folder = Path(name) / "data"
        Path(name).chmod(0o755)
        env = {key: value for key, value in os.environ.items() if not key.startswith("LANGFUSE_")}
        env |= {
            "PORT": str(port),
            "LUMENSPAN_SWEEP_INTERVAL_SECONDS": "2",
            "LUMENSPAN_SWEEP_AFTER_SECONDS": "5",
        }
        with (Path(name) / "up.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "lumenspan.cli", "up", "--data-dir", str(folder)],
                env=env,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            made = System(folder, f"http://127.0.0.1:{port}", process)
            try:
                wait_until(lambda: _is_ready(made, Path(name) / "up.log"), timeout_s=90)
                yield made
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(60)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _is_ready(system: System, log: Path) -> bool:
    assert system.process.poll() is None, log.read_text(errors="replace") + system.log()
    with contextlib.suppress(OSError, ValueError, KeyError):
        states = {name: child["state"] for name, child in system.children().items()}
        return {*VICTIMS} <= states.keys() and set(states.values()) == {"running"}
    return False


def read_all(system: System, auth: tuple[str, str]) -> list[tuple[str, str]]:
    """(span id, digest of its input) of every observation, as the public API lists them."""
    found, cursor = [], None
    with httpx.Client(timeout=60, auth=auth) as client:
        while True:
            query = {"limit": "1000", "fields": "core,io", **({"cursor": cursor} if cursor else {})}
            answer = client.get(f"{system.url}/api/public/v2/observations", params=query)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            found += [
                (row["id"], hashlib.sha256(row["input"].encode()).hexdigest()) for row in page["data"]
            ]
            cursor = page["meta"].get("cursor")
            if not cursor:
                return found


@pytest.mark.chaos
@pytest.mark.timeout(420)
def test_every_acknowledged_span_is_readable_exactly_once(system: System) -> None:
    env = system.environment()
    auth = (env["LANGFUSE_INIT_PROJECT_PUBLIC_KEY"], env["LANGFUSE_INIT_PROJECT_SECRET_KEY"])
    load = Load(system.url, auth)
    with load.running(clients=4):
        for victim in VICTIMS:
            before = len(load.acknowledged)
            wait_until(lambda b=before: len(load.acknowledged) > b + 500, timeout_s=60)  # type: ignore[misc]
            child = system.children()[victim]
            os.kill(child["pid"], signal.SIGKILL)
            wait_until(lambda v=victim, c=child: _is_back(system, v, c), timeout_s=60)  # type: ignore[misc]
            after = len(load.acknowledged)
            wait_until(lambda a=after: len(load.acknowledged) > a + 100, timeout_s=60)  # type: ignore[misc]

    def missing() -> set[str]:
        return load.acknowledged.keys() - {span_id for span_id, _ in read_all(system, auth)}

    wait_until(lambda: not missing(), timeout_s=90, every_s=1)
    found = read_all(system, auth)
    twice = [span_id for span_id, count in Counter(span_id for span_id, _ in found).items() if count > 1]
    assert twice == []
    contents = dict(found)
    assert {span_id: contents[span_id] for span_id in load.acknowledged} == load.acknowledged
    assert set(load.refusals) <= {
        "503",
        "ConnectError",
        "ReadError",
        "RemoteProtocolError",
        "ReadTimeout",
    }, load.refusals


def _is_back(system: System, victim: str, before: dict[str, Any]) -> bool:
    child = system.children()[victim]
    return bool(child["restarts"] > before["restarts"] and child["state"] == "running")
