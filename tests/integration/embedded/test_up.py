"""`lumenspan up` as a person runs it: the whole system in a process tree of its own."""

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lumenspan.embedded import pidfile
from lumenspan.embedded.engines import EngineAddresses
from lumenspan.embedded.folder import DataFolder
from lumenspan.embedded.status import SystemStatus, read
from tests.support import free_port, wait_until

from .test_cli import lumenspan

pytestmark = pytest.mark.engines

ALL = {"postgres", "valkey", "s3", "clickhouse", "server", "worker"}


@dataclass
class Up:
    """A running `lumenspan up`."""

    process: subprocess.Popen[bytes]
    folder: DataFolder
    port: int
    output: Path

    def status(self) -> SystemStatus:
        found = read(self.folder)
        assert found is not None, self.output.read_text()
        return found

    def pids(self) -> dict[str, int]:
        return {child.name: child.pid for child in self.status().children if child.pid is not None}

    def wait_ready(self) -> None:
        def is_over() -> bool:
            return "Ctrl-C stops it." in self.output.read_text() or self.process.poll() is not None

        wait_until(is_over, timeout_s=90)
        assert self.process.poll() is None, self.output.read_text()

    def is_ready(self) -> bool:
        return self._status(urllib.request.Request(f"{self._base}/api/public/ready")) == 200

    def ingest_status(self, public_key: str, secret_key: str) -> int:
        """Status of an OTLP call without spans, 0 when nobody answers."""
        pair = base64.b64encode(f"{public_key}:{secret_key}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}", "Content-Type": "application/json"}
        url = f"{self._base}/api/public/otel/v1/traces"
        return self._status(urllib.request.Request(url, b'{"resourceSpans": []}', headers))

    @property
    def _base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _status(self, request: urllib.request.Request) -> int:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                status: int = answer.status
                return status
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0


@contextlib.contextmanager
def running(parent: Path, **env: str) -> Iterator[Up]:
    port = free_port()
    output = parent / "output"
    with output.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "lumenspan.cli", "up", "--data-dir", parent / "data"],
            stdout=sink,
            stderr=sink,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PORT": str(port), **env},
        )
    try:
        yield Up(process, DataFolder.at(parent / "data"), port, output)
    finally:
        process.kill()
        process.wait()


def stop(up: Up, number: signal.Signals) -> None:
    pids = up.pids()
    up.process.send_signal(number)
    assert up.process.wait(60) == 0, up.output.read_text()
    assert not [name for name, pid in pids.items() if pidfile.identity(pid) is not None]
    assert read(up.folder) is None


class TestUp:
    def test_it_serves_stops_and_starts_again_with_the_same_keys(self, tmp_path: Path) -> None:
        with running(tmp_path) as up:
            up.wait_ready()
            secrets = json.loads((up.folder.root / "secrets.json").read_text())
            public_key, secret_key = secrets["project_public_key"], secrets["project_secret_key"]
            assert {child.name: child.state for child in up.status().children} == dict.fromkeys(
                ALL, "running"
            )
            assert public_key in up.output.read_text()
            assert up.is_ready()
            assert up.ingest_status(public_key, secret_key) == 200
            assert up.ingest_status(public_key, "wrong") == 401
            assert up.folder.env_file.stat().st_mode & 0o077 == 0
            code, shown = lumenspan("status", "--data-dir", up.folder.root)
            assert code == 0
            assert all(f"{name:12}running" in shown for name in ALL)
            code, shown = lumenspan("reset", "--yes", "--data-dir", up.folder.root)
            assert code == 1
            assert f"in use by process {up.process.pid}" in shown
            stop(up, signal.SIGINT)
            assert "for the first time" in up.output.read_text()
            assert up.output.read_text().endswith("Stopped.\n")
            assert lumenspan("status", "--data-dir", up.folder.root)[0] == 1
        with running(tmp_path) as up:
            up.wait_ready()
            assert up.ingest_status(public_key, secret_key) == 200
            assert "for the first time" not in up.output.read_text()
            stop(up, signal.SIGTERM)

    def test_a_second_ctrl_c_waits_for_nobody(self, tmp_path: Path) -> None:
        with running(tmp_path) as up:
            wait_until(lambda: read(up.folder) is not None and len(up.pids()) >= 4)
            pids = up.pids()
            for pid in pids.values():
                os.kill(pid, signal.SIGSTOP)  # none can end by itself now; each would be given 15 s
            up.process.send_signal(signal.SIGINT)
            wait_until(lambda: "a second Ctrl-C kills at once" in up.output.read_text())
            up.process.send_signal(signal.SIGINT)
            up.process.wait(10)
            assert not [pid for pid in pids.values() if pidfile.identity(pid) is not None]

    @pytest.mark.chaos
    def test_each_part_comes_back_after_kill_9_and_all_die_with_up(self, tmp_path: Path) -> None:
        with running(tmp_path) as up:
            up.wait_ready()
            before = up.pids()
            for pid in before.values():
                os.kill(pid, signal.SIGKILL)

            def are_back() -> bool:
                children = up.status().children
                return all(child.state == "running" and child.restarts >= 1 for child in children)

            wait_until(are_back, timeout_s=60)
            wait_until(lambda: up.is_ready())
            after = up.pids()
            assert not set(before.values()) & set(after.values())
            up.process.kill()
            up.process.wait()
            wait_until(lambda: not [pid for pid in after.values() if pidfile.identity(pid) is not None])

    def test_stop_while_it_starts_leaves_nothing(self, tmp_path: Path) -> None:
        with running(tmp_path) as up:
            wait_until(lambda: read(up.folder) is not None and len(up.pids()) >= 2)
            stop(up, signal.SIGTERM)
            assert "Ctrl-C stops it." not in up.output.read_text()

    def test_a_port_that_is_taken_is_refused(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = str(other.getsockname()[1])
            with running(tmp_path, PORT=port) as up:
                assert up.process.wait(60) == 1
                assert f"PORT is {port}, but something else listens there" in up.output.read_text()

    async def test_engines_with_an_address_are_left_out(
        self, tmp_path: Path, engines: EngineAddresses
    ) -> None:
        with running(tmp_path, **engines.env) as up:
            await asyncio.to_thread(up.wait_ready)
            assert set(up.pids()) == {"server", "worker"}
            assert await asyncio.to_thread(up.is_ready)
            await asyncio.to_thread(stop, up, signal.SIGTERM)
