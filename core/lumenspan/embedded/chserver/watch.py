"""Notices clients that go away while their query runs."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog

from lumenspan.embedded.chserver.wire import Request

log = structlog.get_logger()


@dataclass(slots=True)
class _Watched:
    stop: Callable[[], None]
    is_stopped: bool = False


class ClientWatch:
    """One thread that sleeps until a watched client closes its connection."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._watched: dict[int, _Watched] = {}
        self._lock = threading.Lock()
        # A socket of our own, whose end ends the thread.
        self._ending, self._end = socket.socketpair()
        self._epoll.register(self._ending, select.EPOLLIN)
        self._thread = threading.Thread(target=self._run, name="client-watch", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def watching(self, request: Request, stop: Callable[[], None]) -> Iterator[None]:
        """Call ``stop`` once, from another thread, if the client closes its connection meanwhile."""
        number = request.sock.fileno()
        with self._lock:
            self._watched[number] = _Watched(stop)
            self._epoll.register(number, select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLONESHOT)
        try:
            yield
        finally:
            with self._lock:
                del self._watched[number]
                self._epoll.unregister(number)

    def _run(self) -> None:
        while True:
            for number, _ in self._epoll.poll():
                if number == self._ending.fileno():
                    return
                # Under the lock: the query cannot end and its id cannot be used again meanwhile.
                with self._lock:
                    watched = self._watched.get(number)
                    if watched is not None and not watched.is_stopped:
                        watched.is_stopped = True
                        log.info("client went away, stopping its query")
                        with contextlib.suppress(RuntimeError):
                            watched.stop()

    def close(self) -> None:
        """End the thread."""
        self._end.close()
        self._thread.join()
        self._ending.close()
        self._epoll.close()
