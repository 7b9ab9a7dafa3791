"""What runs on a data folder: written by `lumenspan up`, shown by `lumenspan status`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lumenspan.embedded.folder import DataFolder, write_private
from lumenspan.embedded.supervisor import ChildStatus

if TYPE_CHECKING:
    import psutil


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """A running system: the process of ``up`` and its children in the order of their starts."""

    pid: int
    children: list[ChildStatus]


def write(path: Path, children: Sequence[ChildStatus]) -> None:
    """Replace the status file."""
    write_private(
        path, json.dumps({"pid": os.getpid(), "children": [asdict(child) for child in children]}, indent=1)
    )


def read(folder: DataFolder) -> SystemStatus | None:
    """Status of the system that runs on the folder, None if none. It has no children while it starts."""
    pid = folder.owner_pid()
    if pid is None:
        return None
    try:
        content = json.loads(folder.status_file.read_text())
        children = [ChildStatus(**child) for child in content["children"]] if content["pid"] == pid else []
    except (OSError, ValueError, KeyError, TypeError):
        children = []
    return SystemStatus(pid, children)


def usage(pid: int) -> dict[str, Any]:
    """Memory (``memory_bytes``) and processor time (``cpu_s``) of a process and all below it; 0 when gone.

    Memory that processes share is counted once, split among them.
    """
    # Loaded here: `up` itself, which imports this module, has no use for it.
    import psutil

    memory_bytes, cpu_s = 0, 0.0
    try:
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
    except psutil.Error:
        processes = []
    for process in processes:
        try:
            times = process.cpu_times()
            memory_bytes += _memory_bytes(process)
            cpu_s += times.user + times.system
        except psutil.Error:
            continue
    return {"memory_bytes": memory_bytes, "cpu_s": cpu_s}


def _memory_bytes(process: psutil.Process) -> int:
    import psutil

    try:
        return int(process.memory_full_info().pss)
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
