"""Which process was started under a name, told apart from a later one that got the same number."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path

import structlog

log = structlog.get_logger()

_GONE_DEADLINE_S = 10.0


def identity(pid: int) -> str | None:
    """Start time of the process within this boot, as text that no other process of that pid shares.

    None when there is no such process, or only its unreaped remains.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    # The name in parentheses may hold spaces; the fields after it are fixed (proc_pid_stat(5)).
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else f"{boot}:{fields[19]}"


def write(path: Path, pid: int) -> None:
    """Record that the process runs, as the leader of its process group."""
    path.write_text(json.dumps({"pid": pid, "identity": identity(pid)}))


def running(path: Path) -> int | None:
    """The recorded pid if that very process still runs."""
    try:
        content = json.loads(path.read_text())
        pid, recorded = int(content["pid"]), content["identity"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid if recorded is not None and identity(pid) == recorded else None


def kill_leftovers(run: Path) -> None:
    """End the process groups that the ``*.pid`` files of a dead supervisor name, and remove the files."""
    for path in sorted(run.glob("*.pid")):
        pid = running(path)
        if pid is not None:
            log.warning("ending a process that an earlier run left", name=path.stem, pid=pid)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            _await_gone(pid)
        path.unlink(missing_ok=True)


def _await_gone(pid: int) -> None:
    deadline = time.monotonic() + _GONE_DEADLINE_S
    while identity(pid) is not None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid}, left by an earlier run, does not end")
        time.sleep(0.02)
