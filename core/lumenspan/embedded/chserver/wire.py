"""HTTP/1.1 over a blocking socket: bodies as pieces, answers in as few writes as possible."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

_RECV_BYTES = 256 * 1024
_HEAD_LIMIT_BYTES = 1024 * 1024  # a query may stand in the URL
_DRAIN_LIMIT_S = 10.0


class Disconnected(Exception):
    """The client went away before its request or our answer was complete."""


class MalformedRequest(Exception):
    """Bytes that are not an HTTP/1.x request; the connection cannot be used further."""


class Body:
    """The request's body, readable once."""

    def __init__(self, reader: _Reader, length: int | None, *, continue_first: bool) -> None:
        self._reader = reader
        self._length = length
        self._continue_first = continue_first
        self._pieces = self._read()
        self.is_complete = length == 0

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def _read(self) -> Iterator[bytes]:
        if self._continue_first and not self.is_complete:
            self._reader.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._length is None:
            yield from self._read_chunks()
        else:
            yield from self._reader.take(self._length)
        self.is_complete = True

    def _read_chunks(self) -> Iterator[bytes]:
        while True:
            line = self._reader.line().partition(b";")[0].strip()
            try:
                size = int(line, 16)
            except ValueError:
                raise MalformedRequest("bad chunk size") from None
            if size < 0 or line[:1] in (b"+", b"-") or b"_" in line:
                raise MalformedRequest("bad chunk size")
            if size == 0:
                while self._reader.line():
                    pass
                return
            yield from self._reader.take(size)
            if self._reader.line():
                raise MalformedRequest("chunk is longer than its size")

    def drain(self) -> bool:
        """Read what is left so that the connection can be reused; False if that is not worth it."""
        if self._continue_first and not self.is_complete:
            return False
        # A client that is still sending sees our answer only when it is done; closing earlier would
        # reset the connection and lose the answer.
        end = time.monotonic() + _DRAIN_LIMIT_S
        for _ in self._pieces:
            if time.monotonic() > end:
                return False
        return self.is_complete


@dataclass(slots=True)
class Request:
    """Head of a request and its body.

    Attributes:
        params: of the query string, in order, the last value of a name wins.
        headers: names in lower case.
    """

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: Body
    is_keep_alive: bool
    is_http_11: bool
    sock: socket.socket


class _Reader:
    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = b""

    def _receive(self) -> bytes:
        try:
            data = self.sock.recv(_RECV_BYTES)
        except OSError as error:
            raise Disconnected from error
        if not data:
            raise Disconnected
        return data

    def take(self, size: int) -> Iterator[bytes]:
        """Exactly ``size`` bytes, in pieces as they arrive."""
        while size:
            data = self._buffer or self._receive()
            self._buffer = b""
            if len(data) > size:
                data, self._buffer = data[:size], data[size:]
            size -= len(data)
            yield data

    def until(self, mark: bytes, limit: int) -> bytes:
        """Bytes before ``mark``, which is dropped."""
        searched = 0
        while True:
            found = self._buffer.find(mark, max(0, searched - len(mark)))
            if found >= 0:
                head, self._buffer = self._buffer[:found], self._buffer[found + len(mark) :]
                return head
            searched = len(self._buffer)
            if searched > limit:
                raise MalformedRequest("request head is too large")
            self._buffer += self._receive()

    def line(self) -> bytes:
        return self.until(b"\r\n", 64 * 1024)


class RequestReader:
    """Requests of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self._reader = _Reader(sock)

    def next_request(self) -> Request:
        """The next request's head. Raises Disconnected at the end, MalformedRequest for non-HTTP."""
        head = self._reader.until(b"\r\n\r\n", _HEAD_LIMIT_BYTES).lstrip(b"\r\n").decode("latin-1")
        first, *lines = head.split("\r\n")
        parts = first.split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            raise MalformedRequest("bad request line")
        method, target, version = parts
        headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise MalformedRequest("bad header line")
            headers[name.lower()] = value.strip()
        path, _, query = target.partition("?")
        is_11 = version != "HTTP/1.0"
        connection = headers.get("connection", "").lower()
        is_keep_alive = "close" not in connection if is_11 else "keep-alive" in connection
        return Request(
            method=method,
            path=unquote(path),
            params=dict(parse_qsl(query, keep_blank_values=True, max_num_fields=5000)) if query else {},
            headers=headers,
            body=self._body(method, headers),
            is_keep_alive=is_keep_alive,
            is_http_11=is_11,
            sock=self._reader.sock,
        )

    def _body(self, method: str, headers: dict[str, str]) -> Body:
        length: int | None = 0
        coding = headers.get("transfer-encoding", "").lower()
        if coding:
            if coding != "chunked" or "content-length" in headers:
                raise MalformedRequest("unsupported transfer encoding")
            length = None
        elif text := headers.get("content-length"):
            if not text.isascii() or not text.isdigit():
                raise MalformedRequest("bad content length")
            length = int(text)
        wants_continue = headers.get("expect", "").lower() == "100-continue"
        return Body(self._reader, length, continue_first=wants_continue)


class Answer:
    """One response: sent at once with a length, or begun and then written in chunks."""

    def __init__(self, sock: socket.socket, request: Request) -> None:
        self._sock = sock
        self._request = request
        self.headers: dict[str, str] = {}
        self.is_begun = False
        self.keeps_connection = request.is_keep_alive

    def _head(self, status: int, length: int | None) -> bytes:
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        elif self._request.is_http_11:
            lines.append("Transfer-Encoding: chunked")
        else:
            self.keeps_connection = False
        lines.append("Connection: Keep-Alive" if self.keeps_connection else "Connection: Close")
        if self.keeps_connection:
            lines.append("Keep-Alive: timeout=3600")
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")

    def _send(self, *buffers: bytes) -> None:
        try:
            if sum(map(len, buffers)) <= 64 * 1024:
                self._sock.sendall(b"".join(buffers))
                return
            # Large pieces go out of the buffers they are in, gathered into one system call.
            views = [memoryview(buffer) for buffer in buffers if buffer]
            while views:
                sent = self._sock.sendmsg(views)
                while views and sent >= len(views[0]):
                    sent -= len(views.pop(0))
                if sent:
                    views[0] = views[0][sent:]
        except OSError as error:
            raise Disconnected from error

    def send(self, status: int, body: bytes) -> None:
        """The whole answer in one write."""
        self.is_begun = True
        shown = b"" if self._request.method == "HEAD" else body
        self._send(self._head(status, len(body)), shown)

    def begin(self, status: int, length: int | None = None, first: bytes = b"") -> None:
        """The head, with the first piece of the body in the same write."""
        self.is_begun = True
        self._length = length
        self._send(self._head(status, length), *self._framed(first))

    def _framed(self, data: bytes) -> tuple[bytes, ...]:
        if not data or self._request.method == "HEAD":
            return ()
        if self._length is not None or not self._request.is_http_11:
            return (data,)
        return (b"%x\r\n" % len(data), data, b"\r\n")

    def write(self, data: bytes) -> None:
        """One more piece of the body; blocks while the client does not read."""
        if framed := self._framed(data):
            self._send(*framed)

    def finish(self, last: bytes = b"") -> None:
        """The end of the body."""
        framed = self._framed(last)
        end = (b"0\r\n\r\n",) if self._length is None and self._request.is_http_11 else ()
        if framed or end:
            self._send(*framed, *end)

    def break_off(self, last: bytes, patience_s: float = 0.0) -> None:
        """A last piece without the end mark: every HTTP client notices that the body is not whole.

        Clients that hang up when they have read the last piece get ``patience_s`` seconds to do so.
        """
        self.keeps_connection = False
        self.write(last)
        if patience_s:
            poll = select.poll()
            poll.register(self._sock, select.POLLRDHUP | select.POLLHUP)
            poll.poll(patience_s * 1000)


def new_tag() -> str:
    """Sixteen letters that results do not hold by chance: marks an exception inside a body."""
    return "".join(chr(97 + byte % 26) for byte in os.urandom(16))
