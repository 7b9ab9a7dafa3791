"""What applications wait for a prompt that was read before: each asks for it again when its copy is old."""

from __future__ import annotations

import json
import socket
import threading
import time

from bench.api import basic, of_project
from bench.report import Failed, Row, at_least, at_most, percentile
from bench.system import System

_ROUTE = "/api/public/v2/prompts"
_NAME = "bench-hot"
_WARM_UP, _SAMPLES = 200, 3_000
_CLIENTS, _SECONDS = 8, 8.0
_GOAL_P99_MS, _GOAL_PER_S = 20, 500
_TEXT = "You answer questions of {{customer}} about {{product}}, briefly and politely. " * 20


def measure(system: System) -> list[Row]:
    """One caller after another, then eight at a time, each sending as soon as it was answered."""
    env = system.env
    keys = (env["LANGFUSE_INIT_PROJECT_PUBLIC_KEY"], env["LANGFUSE_INIT_PROJECT_SECRET_KEY"])
    _make(system)
    alone = _Caller(system.port, basic(*keys))
    for _ in range(_WARM_UP):
        alone.ask()
    times = [alone.ask() * 1000 for _ in range(_SAMPLES)]
    alone.close()
    about = f"{_SAMPLES} samples, longest {max(times):.1f}"
    rows = [
        at_most("hot prompt, p50", percentile(times, 0.5), "ms", note=about),
        at_most("hot prompt, p99", percentile(times, 0.99), "ms", _GOAL_P99_MS),
    ]
    per_s, crowded = _together(system.port, basic(*keys))
    return [
        *rows,
        at_least(f"hot prompts, {_CLIENTS} callers", per_s, "requests/s", _GOAL_PER_S),
        at_most("  each of them, p99", percentile(crowded, 0.99), "ms"),
    ]


def _make(system: System) -> None:
    api = of_project(system)
    body = {"name": _NAME, "prompt": _TEXT, "labels": ["production"]}
    status, text = api.post(_ROUTE, json.dumps(body).encode(), {"Content-Type": "application/json"})
    api.close()
    if status != 201:
        raise Failed(f"making a prompt answered {status}: {text[:200]!r}")


def _together(port: int, authorization: str) -> tuple[float, list[float]]:
    """Answers a second of all callers, and what each took in milliseconds."""
    found: list[list[float]] = [[] for _ in range(_CLIENTS)]
    errors: list[Failed] = []
    until = time.monotonic() + _SECONDS

    def call(times: list[float]) -> None:
        caller = _Caller(port, authorization)
        try:
            while time.monotonic() < until:
                times.append(caller.ask() * 1000)
        except Failed as error:
            errors.append(error)
        finally:
            caller.close()

    threads = [threading.Thread(target=call, args=(times,)) for times in found]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took_s = time.monotonic() - began
    if errors:
        raise errors[0]
    times = [each for one in found for each in one]
    return len(times) / took_s, times


class _Caller:
    """A connection that asks for the prompt again and again; small, so that the server is measured."""

    def __init__(self, port: int, authorization: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = (
            f"GET {_ROUTE}/{_NAME} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {authorization}\r\n\r\n"
        ).encode()

    def ask(self) -> float:
        """Seconds until the whole answer was there."""
        began = time.monotonic()
        self._socket.sendall(self._request)
        received = self._socket.recv(65_536)
        while b"\r\n\r\n" not in received:
            received += self._more()
        head, _, body = received.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise Failed(f"a hot prompt answered {head[:40]!r}: {body[:200]!r}")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += self._more()
        return time.monotonic() - began

    def close(self) -> None:
        self._socket.close()

    def _more(self) -> bytes:
        part = self._socket.recv(65_536)
        if not part:
            raise Failed("the server hung up")
        return part
