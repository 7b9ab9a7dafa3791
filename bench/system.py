"""A system of its own for the measurements: `lumenspan up` on a temporary folder, on free ports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.report import Failed
from lumenspan.demo.runner import running_env
from lumenspan.embedded import ports, status
from lumenspan.embedded.engines import ADDRESS_OF
from lumenspan.embedded.folder import DataFolder
from lumenspan.settings import Settings

_READY = "Lumenspan is ready"
# What an environment may say about another installation.
_FOREIGN = ("LANGFUSE_", "LUMENSPAN_", "CLICKHOUSE_", "DATABASE_", "REDIS_", "NEXTAUTH_", "AUTH_")


@dataclass(frozen=True, slots=True)
class System:
    """A running system.

    Attributes:
        ready_s: seconds from the command to its message that all is ready.
    """

    folder: DataFolder
    process: subprocess.Popen[str]
    env: dict[str, str]
    ready_s: float

    @property
    def port(self) -> int:
        """Port of the server, on 127.0.0.1."""
        return int(self.env["PORT"])

    @property
    def settings(self) -> Settings:
        """Settings of its server and worker."""
        return Settings(_env_file=None, **self.env)  # type: ignore[arg-type]

    @property
    def project_id(self) -> str:
        return self.env["LANGFUSE_INIT_PROJECT_ID"]

    def parts(self) -> dict[str, list[psutil.Process]]:
        """Processes by part: ``up`` itself, each engine, server and worker with all below them."""
        found = status.read(self.folder)
        assert found is not None, "the system is not running"
        parts = {"up": [psutil.Process(self.process.pid)]}
        for child in found.children:
            assert child.pid is not None, f"{child.name} is not running"
            root = psutil.Process(child.pid)
            parts[child.name] = [root, *root.children(recursive=True)]
        known = {process.pid for group in parts.values() for process in group}
        below = psutil.Process(self.process.pid).children(recursive=True)
        parts["up"] += [process for process in below if process.pid not in known]
        return parts


@contextmanager
def running(data_dir: Path) -> Iterator[System]:
    """Start on the folder, wait until ready; stop on leaving and check that it ended well."""
    command = [sys.executable, "-m", "lumenspan.cli", "up", "--data-dir", str(data_dir)]
    log_path = data_dir.with_name(f"{data_dir.name}.log")
    with log_path.open("a") as log:
        began = time.monotonic()
        process = subprocess.Popen(
            command, env=_environment(), stdout=subprocess.PIPE, stderr=log, text=True, cwd=data_dir.parent
        )
        try:
            ready_s = _wait_ready(process, log_path, began)
            folder = DataFolder.at(data_dir)
            yield System(folder, process, running_env(folder), ready_s)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                raise Failed("the system did not stop within a minute") from None


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    for name in (*ADDRESS_OF.values(), "SALT", "ENCRYPTION_KEY", "HOSTNAME"):
        kept.pop(name, None)
    return {**kept, "PORT": str(ports.first_free(3900, ports.LOOPBACK))}


def _wait_ready(process: subprocess.Popen[str], log_path: Path, began: float) -> float:
    """Seconds until the message; the rest of the output is short and stays in the pipe."""
    assert process.stdout is not None
    for line in process.stdout:
        if _READY in line:
            return time.monotonic() - began
    raise Failed(f"the system did not start:\n{log_path.read_text()[-4000:]}")
