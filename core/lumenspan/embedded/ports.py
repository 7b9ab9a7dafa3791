"""Free loopback ports, remembered so that addresses stay the same from start to start."""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
from collections.abc import Iterable
from pathlib import Path

LOOPBACK = "127.0.0.1"

# Below the range from which the kernel takes the ports of outgoing connections (32768 and up): a remembered
# port in that range would now and then be taken by a passing client. SeaweedFS adds 10000 to one of them.
_FIRST, _LAST = 20_000, 22_700
_ATTEMPTS = 500


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on ``host:port`` now."""
    try:
        _bound(port, host).close()
    except OSError:
        return False
    return True


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
    with contextlib.ExitStack() as held:
        for name in names:
            candidates = [before[name]] if name in before else []
            candidates += [_FIRST + secrets.randbelow(_LAST - _FIRST) for _ in range(_ATTEMPTS)]
            for candidate in candidates:
                try:
                    # Held until all are chosen, so that no two names get the same port.
                    held.enter_context(contextlib.closing(_bound(candidate)))
                except OSError:
                    continue
                chosen[name] = candidate
                break
            else:
                raise OSError(f"no free port between {_FIRST} and {_LAST} for {name}")
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
