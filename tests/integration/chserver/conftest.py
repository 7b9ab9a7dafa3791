"""One endpoint for the tests of this folder, and a way to start others."""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from urllib.parse import urlencode

import clickhouse_connect
import pytest
from clickhouse_connect.driver import AsyncClient
from clickhouse_connect.driver.client import Client

_DEADLINE_S = 30.0


def wait_until(condition: Callable[[], bool], what: str, deadline_s: float = _DEADLINE_S) -> None:
    """Poll until ``condition`` holds; fail the test if it does not within ``deadline_s``."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"still waiting after {deadline_s} s: {what}"
        time.sleep(0.02)


@dataclass
class Endpoint:
    """A running endpoint process and what reaches it."""

    folder: Path
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] = field(init=False)
    port: int = field(init=False)

    @property
    def password(self) -> str:
        return (self.folder / "password").read_text().strip()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def arguments(self) -> list[str]:
        return [
            *(sys.executable, "-m", "lumenspan.embedded.chserver", "--data", str(self.folder / "data")),
            *("--port", "0", "--port-file", str(self.folder / "port")),
            *("--password-file", str(self.folder / "password"), *self.options),
        ]

    def start(self) -> Endpoint:
        port_file = self.folder / "port"
        port_file.unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self.arguments(), stdout=log, stderr=log, env=os.environ.copy())
        wait_until(lambda: self._is_ready(port_file), "endpoint is ready")
        return self

    def _is_ready(self, port_file: Path) -> bool:
        assert self.process.poll() is None, self.log
        if not port_file.exists() or not (text := port_file.read_text()):
            return False
        self.port = int(text)
        try:
            with urllib.request.urlopen(f"{self.url}/ping", timeout=5) as answer:
                return bool(answer.read() == b"Ok.\n")
        except urllib.error.URLError:
            return False

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(_DEADLINE_S)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(_DEADLINE_S)

    def post(
        self, body: bytes | str = b"", *, headers: Mapping[str, str] | None = None, **params: str
    ) -> tuple[int, Message, bytes]:
        """Status, headers and body of one query, sent without any ClickHouse library."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_DEADLINE_S)
        with contextlib.closing(connection):
            login = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": self.password}
            data = body.encode() if isinstance(body, str) else body
            connection.request("POST", f"/?{urlencode(params)}", data, login | dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def client(self, **options: object) -> Client:
        values = {"host": "127.0.0.1", "port": self.port, "username": "default", "password": self.password}
        return clickhouse_connect.get_client(**(values | options), dedicated_pool=True)  # type: ignore[arg-type]

    async def async_client(self, **options: object) -> AsyncClient:
        values = {"host": "127.0.0.1", "port": self.port, "username": "default", "password": self.password}
        return await clickhouse_connect.get_async_client(**(values | options))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    running = Endpoint(tmp_path_factory.mktemp("chserver")).start()
    yield running
    running.stop()


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[Client]:
    """A synchronous client on a database of its own."""
    with endpoint.client() as admin:
        name = f"t{time.time_ns()}"
        admin.command(f"CREATE DATABASE {name}")
        with endpoint.client(database=name) as connected:
            yield connected
        admin.command(f"DROP DATABASE {name} SYNC")


@pytest.fixture
def own_endpoint(tmp_path: Path) -> Iterator[Endpoint]:
    """An endpoint for one test, which may kill it."""
    running = Endpoint(tmp_path).start()
    yield running
    if running.process.poll() is None:
        running.kill()
