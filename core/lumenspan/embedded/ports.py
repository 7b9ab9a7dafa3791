"""Free loopback ports, remembered so that addresses stay the same from start to start."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

LOOPBACK = "127.0.0.1"

# Below the range from which the kernel takes the ports of outgoing connections (32768 and up): a remembered
# port in that range would now and then be taken by a passing client. SeaweedFS adds 10000 to one of them.
_FIRST, _LAST = 20_000, 22_700
_ATTEMPTS = 500
_LISTEN = "0A"  # state of a socket in /proc/net/tcp


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on ``host:port`` now."""
    try:
        _bound(port, host).close()
    except OSError:
        return False
    return True


def is_listener(port: int, leader: int) -> bool:
    """Whether a process of the group that ``leader`` leads listens on ``port``, on any address."""
    sockets = _listening(port)
    return any(sockets & _sockets(pid) for pid in _group(leader))


def first_free(port: int, host: str = LOOPBACK) -> int:
    """``port``, or the next higher one that is free. OSError when there is none."""
    for candidate in range(port, min(port + 1000, 65_536)):
        if is_free(candidate, host):
            return candidate
    raise OSError(f"no free port from {port} on")


def choose(names: Iterable[str], remembered: Path) -> dict[str, int]:
    """A free port for each name: the one in the file ``remembered`` if still free, else a new one.

    The choice is written back to the file, together with the entries of other names.
    """
    before = _read(remembered)
    chosen: dict[str, int] = {}
    for name in names:
        # Ports that are not listened on yet can be bound twice, so only the numbers tell who has which.
        others = {port for other, port in (before | chosen).items() if other != name}
        candidates = [before[name]] if name in before else []
        candidates += [_FIRST + secrets.randbelow(_LAST - _FIRST) for _ in range(_ATTEMPTS)]
        free = (port for port in candidates if port not in others and is_free(port))
        found = next(free, None)
        if found is None:
            raise OSError(f"no free port between {_FIRST} and {_LAST} for {name}")
        chosen[name] = found
    remembered.write_text(json.dumps(before | chosen, indent=1, sort_keys=True))
    return chosen


def _bound(port: int, host: str = LOOPBACK) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Connections of the previous run in TIME_WAIT do not stand in the way; a listener does.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def _read(remembered: Path) -> dict[str, int]:
    try:
        content = json.loads(remembered.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {str(name): port for name, port in content.items() if isinstance(port, int)}


def _listening(port: int) -> set[str]:
    """Links of the listening sockets, as ``/proc/PID/fd`` shows them."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{fields[9]}]")
    return found


def _sockets(pid: int) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(descriptor.readlink()))
    return found


def _group(leader: int) -> Iterator[int]:
    """The leader first: mostly it is the one that listens."""
    yield leader
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != leader:
            with contextlib.suppress(OSError):
                if os.getpgid(int(entry.name)) == leader:
                    yield int(entry.name)
