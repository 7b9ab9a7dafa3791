"""One call of the ClickHouse HTTP interface, and the body of its answer."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field

from lumenspan.embedded.chserver import codecs
from lumenspan.embedded.chserver.engine import Stats
from lumenspan.embedded.chserver.errors import ClickHouseError
from lumenspan.embedded.chserver.wire import Answer, Request

_FLUSH_BYTES = 256 * 1024
_SPOOL_BYTES = 1024 * 1024
_HANG_UP_S = 20.0
# What concerns the transport and must not reach the engine.
_TRANSPORT = frozenset(
    (
        "query",
        "user",
        "password",
        "database",
        "default_format",
        "quota_key",
        "session_id",
        "session_timeout",
        "session_check",
        "close_session",
        "query_id",
        "compress",
        "decompress",
        "wait_end_of_query",
        "buffer_size",
        "role",
        "stacktrace",
        "client_protocol_version",
        "enable_http_compression",
        "http_zlib_compression_level",
        "add_http_cors_header",
        "send_progress_in_http_headers",
        "http_headers_progress_interval_ms",
        "http_response_buffer_size",
        "cancel_http_readonly_queries_on_client_close",
        "http_wait_end_of_query",
    )
)
_CONTENT_TYPES = {
    "json": "application/json; charset=UTF-8",
    "jsoneachrow": "application/x-ndjson; charset=UTF-8",
    "csv": "text/csv; charset=UTF-8; header=absent",
    "csvwithnames": "text/csv; charset=UTF-8; header=present",
    "native": "application/octet-stream",
    "rowbinary": "application/octet-stream",
    "rowbinarywithnamesandtypes": "application/octet-stream",
    "parquet": "application/octet-stream",
    "arrow": "application/octet-stream",
}


@dataclass(slots=True)
class Call:
    """One query with all that came with it."""

    request: Request
    answer: Answer
    params: dict[str, str]
    query_id: str
    tag: str
    stats: Stats = field(default_factory=Stats)

    @property
    def bindings(self) -> dict[str, str]:
        return {name[6:]: value for name, value in self.params.items() if name.startswith("param_")}

    def settings(self) -> dict[str, str]:
        return {
            name: value
            for name, value in self.params.items()
            if name not in _TRANSPORT and not name.startswith("param_")
        }

    def is_on(self, name: str) -> bool:
        return self.params.get(name, "0").lower() in ("1", "true", "yes", "on")


class Output:
    """Body of one answer: small ones leave in one write, large ones in chunks, or spooled when asked."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._encoder: codecs.Encoder | None = None
        self._spool: tempfile.SpooledTemporaryFile[bytes] | None = None
        self.format = "TabSeparated"
        self.is_spooled = False

    def write(self, piece: bytes) -> None:
        """One more piece of the result; blocks while the client does not read."""
        self._pending.append(piece)
        self._pending_bytes += len(piece)
        if self._pending_bytes >= _FLUSH_BYTES:
            self._flush()

    def _encoding(self) -> str:
        if not self._call.is_on("enable_http_compression"):
            return ""
        return codecs.choose_encoding(self._call.request.headers.get("accept-encoding", ""))

    def _set_headers(self, *, is_final: bool) -> None:
        headers, call = self._call.answer.headers, self._call
        headers["X-ClickHouse-Format"] = self.format
        headers["Content-Type"] = _CONTENT_TYPES.get(
            self.format.lower(),
            "text/tab-separated-values; charset=UTF-8"
            if self.format.startswith("T")
            else "text/plain; charset=UTF-8",
        )
        if is_final:
            headers["X-ClickHouse-Summary"] = _summary(call.stats)

    def _encoded(self, *, is_last: bool = False) -> bytes:
        data = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
        self._pending, self._pending_bytes = [], 0
        if self._encoder is not None:
            data = self._encoder.compress(data) if data else b""
            if is_last:
                data += self._encoder.flush()
        return data

    def _begin_encoding(self) -> None:
        if self._encoder is None and (name := self._encoding()):
            self._encoder = codecs.encoder(name)
            self._call.answer.headers["Content-Encoding"] = name

    def _flush(self) -> None:
        self._begin_encoding()
        answer = self._call.answer
        if self.is_spooled:
            if self._spool is None:
                self._spool = tempfile.SpooledTemporaryFile(_SPOOL_BYTES)  # noqa: SIM115 - closed by close()
            self._spool.write(self._encoded())
        elif answer.is_begun:
            answer.write(self._encoded())
        else:
            self._set_headers(is_final=False)
            answer.begin(200, first=self._encoded())

    def finish(self) -> None:
        """The end of a result without errors."""
        answer = self._call.answer
        if answer.is_begun:
            answer.finish(self._encoded(is_last=True))
            return
        if self._pending_bytes or self._spool is not None:
            self._begin_encoding()
        self._set_headers(is_final=True)
        last = self._encoded(is_last=True)
        if self._spool is None:
            answer.send(200, last)
            return
        self._spool.write(last)
        size = self._spool.tell()
        self._spool.seek(0)
        answer.begin(200, size)
        while piece := self._spool.read(_FLUSH_BYTES):
            answer.write(piece)
        answer.finish()

    def fail(self, error: ClickHouseError, version: str) -> None:
        """An error: an answer of its own, or, inside a begun body, a marked last piece and a broken end."""
        answer, tag = self._call.answer, self._call.tag
        text = error.render(version)
        if not answer.is_begun:
            answer.headers.pop("Content-Encoding", None)
            answer.headers["X-ClickHouse-Exception-Code"] = str(error.code)
            answer.headers["Content-Type"] = "text/plain; charset=UTF-8"
            if error.http_status == 401:
                answer.headers["WWW-Authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
            answer.send(error.http_status, text.encode() + b"\n")
            return
        message = text.encode() + b"\n"
        self._pending.append(
            b"\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n"
            % (tag.encode(), message, len(message), tag.encode())
        )
        answer.break_off(self._encoded(is_last=True), self._patience_s())

    def _patience_s(self) -> float:
        """How long a client that understands the marked piece may take to read it.

        aiohttp throws away what it holds when a body breaks off, and the text of the error with it.
        clickhouse-connect on aiohttp looks for the mark in Native only, and hangs up when it finds it.
        """
        agent = self._call.request.headers.get("user-agent", "")
        is_aware = "clickhouse-connect/" in agent and "mode:async" in agent
        return _HANG_UP_S if is_aware and self.format.lower() == "native" else 0.0

    def close(self) -> None:
        """Drop the spool file."""
        if self._spool is not None:
            self._spool.close()


def _summary(stats: Stats) -> str:
    return json.dumps(
        {
            "read_rows": str(stats.read_rows),
            "read_bytes": str(stats.read_bytes),
            "written_rows": str(stats.written_rows),
            "written_bytes": str(stats.written_bytes),
            "total_rows_to_read": "0",
            "result_rows": str(stats.result_rows),
            "result_bytes": "0",
            "elapsed_ns": str(stats.elapsed_ns),
        },
        separators=(",", ":"),
    )
