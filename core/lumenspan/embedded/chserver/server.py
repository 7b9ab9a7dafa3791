"""Listening, one thread a connection, and an orderly end."""

from __future__ import annotations

import contextlib
import socket
import threading

import structlog

from lumenspan.embedded.chserver.handler import Handler
from lumenspan.embedded.chserver.wire import Answer, Disconnected, MalformedRequest, RequestReader

log = structlog.get_logger()

_SOCKET_BUFFER_BYTES = 1024 * 1024


class Server:
    """Accepts connections until ``stop``; each has a thread that sleeps while its client is silent.

    Attributes:
        answered: requests answered so far.
    """

    def __init__(self, listener: socket.socket, handler: Handler) -> None:
        self._listener = listener
        self._handler = handler
        self._lock = threading.Lock()
        self._is_idle = threading.Condition(self._lock)
        self._connections: dict[socket.socket, bool] = {}  # whether a request is being answered
        self._is_stopping = False
        self.answered = 0

    def serve(self) -> None:
        """Accept until the listener is shut."""
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                if self._is_stopping:
                    sock.close()
                    return
                self._connections[sock] = False
            threading.Thread(
                target=self._serve_connection, args=(sock,), name="connection", daemon=True
            ).start()

    def _serve_connection(self, sock: socket.socket) -> None:
        requests = RequestReader(sock)
        try:
            while self._serve_request(sock, requests):
                pass
        except Disconnected:
            pass
        except MalformedRequest as error:
            log.info("malformed request", reason=str(error))
            with contextlib.suppress(OSError):
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n")
        except Exception:
            log.exception("request failed")
        finally:
            with self._lock:
                del self._connections[sock]
                self._is_idle.notify_all()
            sock.close()

    def _serve_request(self, sock: socket.socket, requests: RequestReader) -> bool:
        """Answer the next request; False when the connection is to be closed."""
        request = requests.next_request()
        with self._lock:
            if self._is_stopping:
                return False
            self._connections[sock] = True
        try:
            answer = Answer(sock, request)
            self._handler.answer(request, answer)
            return answer.keeps_connection and request.body.drain()
        finally:
            with self._lock:
                self._connections[sock] = False
                self.answered += 1
                self._is_idle.notify_all()

    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        with self._lock:
            return any(self._connections.values())

    def stop(self, patience_s: float) -> bool:
        """Accept nothing more, close idle connections, let running requests end; True if all did."""
        with self._lock:
            self._is_stopping = True
            for sock, is_busy in self._connections.items():
                if not is_busy:
                    with contextlib.suppress(OSError):
                        sock.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        with self._lock:
            return self._is_idle.wait_for(lambda: not any(self._connections.values()), patience_s)
