"""The log files of child processes, which write to them directly: no full pipe can hold up an engine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import IO

_MOST_BYTES = 10 * 1024 * 1024
_KEEP = 3
_TAIL_BYTES = 4000


def opened(path: Path) -> IO[bytes]:
    """The file, rotated if due, open to append. The caller closes it."""
    rotate(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "ab", buffering=0)


def rotate(path: Path, most_bytes: int = _MOST_BYTES, keep: int = _KEEP) -> None:
    """When the file is over ``most_bytes``: copy it to ``NAME.1`` (the older to ``.2`` …) and empty it.

    Copied and emptied rather than renamed, since the writer keeps its descriptor (in append mode). Lines
    written between the two steps are lost.
    """
    if not path.exists() or path.stat().st_size <= most_bytes:
        return
    for number in range(keep - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    shutil.copyfile(path, path.with_name(f"{path.name}.1"))
    os.truncate(path, 0)


def size(path: Path) -> int:
    """Bytes in the file now, 0 if there is none."""
    return path.stat().st_size if path.exists() else 0


def tail(path: Path, start: int = 0, lines: int = 25) -> str:
    """The last ``lines`` lines after byte ``start``, indented; a remark when there are none."""
    try:
        with path.open("rb") as file:
            end = path.stat().st_size
            # Emptied meanwhile, if it is shorter than it was.
            file.seek(max(start if start <= end else 0, end - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        text = ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "    (nothing)"
