"""kill -9 of each process of `lumenspan up` in turn, under load: each acknowledged span reads back once."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.history import Reader
from bench.load import Load
from tests.support import free_port, wait_until

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


@pytest.mark.chaos
@pytest.mark.timeout(420)
def test_every_acknowledged_span_is_readable_exactly_once(system: System) -> None:
    env = system.environment()
    auth = (env["LANGFUSE_INIT_PROJECT_PUBLIC_KEY"], env["LANGFUSE_INIT_PROJECT_SECRET_KEY"])
    load = Load(system.url, auth)
    with load.running(clients=4):
        for victim in VICTIMS:
            before = load.acknowledged
            wait_until(lambda b=before: load.acknowledged > b + 500, timeout_s=60)  # type: ignore[misc]
            child = system.children()[victim]
            os.kill(child["pid"], signal.SIGKILL)
            wait_until(lambda v=victim, c=child: _is_back(system, v, c), timeout_s=60)  # type: ignore[misc]
            after = load.acknowledged
            wait_until(lambda a=after: load.acknowledged > a + 100, timeout_s=60)  # type: ignore[misc]
    reader = Reader(system.url, *auth)
    verdict = reader.verdict(load.journal, within_s=90)
    reader.close()
    assert verdict.is_kept, str(verdict)
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
