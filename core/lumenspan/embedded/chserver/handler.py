"""The ClickHouse HTTP interface: parameters, authentication, dispatch, shape of the answer."""

from __future__ import annotations

import base64
import binascii
import hmac
import itertools
import json
import re
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import structlog

from lumenspan.embedded.chserver import codecs
from lumenspan.embedded.chserver.engine import MARKED_QUERY_ID, Engine, Lease, Stats, mark
from lumenspan.embedded.chserver.errors import (
    AUTHENTICATION_FAILED,
    BAD_ARGUMENTS,
    NOT_IMPLEMENTED,
    QUERY_IS_TOO_LARGE,
    READONLY,
    SYNTAX_ERROR,
    ClickHouseError,
)
from lumenspan.embedded.chserver.forms import read_form
from lumenspan.embedded.chserver.statements import Kind, Statement, is_insert, parse
from lumenspan.embedded.chserver.watch import ClientWatch
from lumenspan.embedded.chserver.wire import Answer, Disconnected, Request, new_tag

log = structlog.get_logger()

_QUERY_LIMIT_BYTES = 64 * 1024 * 1024
_HEAD_BYTES = 256 * 1024  # an INSERT statement ends within these; rows follow
_FLUSH_BYTES = 256 * 1024
_SPOOL_BYTES = 1024 * 1024
_HANG_UP_S = 20.0
# Rows of this size are parsed and written together; the engine's own limit counts rows only, and a
# million rows of a trace are gigabytes.
_INSERT_BLOCK_BYTES = 64 * 1024 * 1024
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
_QUERY_ID = re.compile(r"[\w.:@=+-]{1,128}\Z", re.ASCII)
_QUERY_ID_COLUMN = re.compile(r"\bquery_id\b")


@dataclass(slots=True)
class _Call:
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


class Handler:
    """Answers requests; one instance for all connections, called from their threads."""

    def __init__(self, engine: Engine, watch: ClientWatch, *, user: str, password: str, slots: int) -> None:
        self._engine = engine
        self._watch = watch
        self._user = user.encode()
        self._password = password.encode()
        self._slots = threading.BoundedSemaphore(slots)
        self._running: set[str] = set()
        self._running_lock = threading.Lock()

    def answer(self, request: Request, answer: Answer) -> None:
        """Answer one request. Raises Disconnected when there is nobody to answer."""
        if request.path in ("/ping", "/replicas_status") or self._is_greeting(request):
            answer.headers = {"Content-Type": "text/html; charset=UTF-8"}
            answer.send(200, b"Ok.\n")
        elif request.path not in ("/", "/query"):
            answer.headers = {"Content-Type": "text/plain; charset=UTF-8"}
            answer.send(404, f"There is no handle {request.path}\n".encode())
        elif request.method not in ("GET", "POST", "HEAD"):
            answer.headers = {"Allow": "GET, POST, HEAD"}
            answer.send(501, b"")
        else:
            self._answer_query(request, answer)

    @staticmethod
    def _is_greeting(request: Request) -> bool:
        return request.path == "/" and request.method in ("GET", "HEAD") and "query" not in request.params

    def _answer_query(self, request: Request, answer: Answer) -> None:
        query_id = request.params.get("query_id") or str(uuid4())
        call = _Call(request, answer, dict(request.params), query_id, new_tag())
        answer.headers = {
            "X-ClickHouse-Server-Display-Name": "lumenspan",
            "X-ClickHouse-Query-Id": query_id,
            "X-ClickHouse-Timezone": self._engine.timezone,
            "X-ClickHouse-Exception-Tag": call.tag,
        }
        output = _Output(call)
        try:
            self._authenticate(request)
            with self._slots, self._registered(call):
                self._run(call, output)
        except ClickHouseError as error:
            output.fail(error, self._engine.version)
            # Neither SQL nor the engine's text: both may quote rows.
            log.info("query failed", code=error.code, name=error.name, query_id=query_id)
        finally:
            output.close()

    def _authenticate(self, request: Request) -> None:
        user, password = "default", ""
        headers, params = request.headers, request.params
        scheme, _, rest = headers.get("authorization", "").partition(" ")
        is_given = True
        if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
            user, password = headers.get("x-clickhouse-user", user), headers.get("x-clickhouse-key", "")
        elif scheme.lower() == "basic":
            try:
                user, _, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                password = ""
        elif "user" in params or "password" in params:
            user, password = params.get("user", user), params.get("password", "")
        else:
            is_given = False
        is_user = hmac.compare_digest(user.encode(), self._user)
        is_password = hmac.compare_digest(password.encode(), self._password)
        if is_user and is_password:
            return
        name = user if is_user or user.isidentifier() else "unknown"
        raise ClickHouseError(
            AUTHENTICATION_FAILED,
            f"{name}: Authentication failed: password is incorrect, or there is no user with such name.",
            http_status=403 if is_given else 401,
        )

    def _registered(self, call: _Call) -> _Registration:
        return _Registration(self._running, self._running_lock, call.query_id)

    def _run(self, call: _Call, output: _Output) -> None:
        statement, rows = self._statement(call)
        if call.request.method in ("GET", "HEAD") and not statement.is_read_only:
            raise ClickHouseError(
                READONLY,
                "Cannot execute query in readonly mode. "
                "For queries over HTTP, method GET implies readonly.",
            )
        if statement.writes_outfile:
            raise ClickHouseError(NOT_IMPLEMENTED, "INTO OUTFILE is not allowed", http_status=500)
        output.format = statement.format or self._default_format(call)
        output.is_spooled = call.is_on("wait_end_of_query")
        settings = call.settings()
        if statement.kind is Kind.INSERT_DATA:
            settings.setdefault("max_insert_block_size_bytes", str(_INSERT_BLOCK_BYTES))
            settings |= {name: value for name, value in call.params.items() if name.startswith("param_")}
        with self._engine.lease(self._database(call), settings) as lease:
            self._carry_out(lease, call, statement, rows, output)
        output.finish()

    def _carry_out(
        self, lease: Lease, call: _Call, statement: Statement, rows: Iterator[bytes], output: _Output
    ) -> None:
        query_id = call.query_id if _QUERY_ID.match(call.query_id) else str(uuid4())
        if statement.kind is Kind.INSERT_DATA:
            lease.insert(statement.text, statement.format or "Values", rows, query_id, call.stats)
            return
        sql = statement.text
        if statement.kind is Kind.SELECT:
            with self._watch.watching(call.request, lambda: self._engine.kill(query_id)):
                pieces = lease.select(
                    sql, output.format, statement.tail, call.bindings, query_id, call.stats
                )
                try:
                    for piece in pieces:
                        output.write(piece)
                finally:
                    pieces.close()  # type: ignore[attr-defined]
            return
        if statement.kind is Kind.KILL:
            sql = _QUERY_ID_COLUMN.sub(lambda _: MARKED_QUERY_ID, sql)
        lease.is_dirty = statement.kind is Kind.SESSION
        sql = f"{sql} {statement.tail}{mark(query_id)}"
        result = lease.execute(sql, output.format, call.bindings, call.stats)
        if result:
            output.write(result)

    def _database(self, call: _Call) -> str:
        return call.params.get("database") or call.request.headers.get("x-clickhouse-database", "")

    def _default_format(self, call: _Call) -> str:
        return (
            call.params.get("default_format")
            or call.request.headers.get("x-clickhouse-format")
            or "TabSeparated"
        )

    @staticmethod
    def _sql(sql: str, body: Iterator[bytes]) -> str:
        """The query's text; of an INSERT whose text is in the body at least the statement's own part."""
        if is_insert(sql):
            return sql
        head, is_whole = _read_head(body, _HEAD_BYTES)
        text = _join(sql, _decode(head))
        if not is_whole and not is_insert(text):
            text = _join(sql, _decode(head + _read_rest(body)))
        if not text.strip():
            raise ClickHouseError(SYNTAX_ERROR, "Syntax error: empty query")
        return text

    def _statement(self, call: _Call) -> tuple[Statement, Iterator[bytes]]:
        """The statement and, for an INSERT, its rows: what followed it in the same text, then the body."""
        request = call.request
        if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            call.params |= read_form(request)
        body = codecs.decode(iter(request.body), request.headers.get("content-encoding", ""))
        if call.is_on("decompress"):
            raise ClickHouseError(NOT_IMPLEMENTED, "decompress=1 is not supported; use Content-Encoding")
        sql = self._sql(call.params.get("query", ""), body)
        statement = parse(sql)
        if statement.kind is not Kind.INSERT_DATA:
            return statement, iter(())
        if statement.format is None:
            statement = Statement(
                Kind.INSERT_DATA, statement.text, call.params.get("default_format") or "Values"
            )
            return statement, body
        inline = statement.data.encode("utf-8", "surrogateescape")
        return statement, (piece for piece in itertools.chain((inline,), body) if piece)


def _join(sql: str, text: str) -> str:
    return f"{sql}\n{text}" if sql.strip() else text


def _decode(data: bytes) -> str:
    """SQL text; rows after an INSERT's FORMAT may be any bytes and pass unchanged."""
    return data.decode("utf-8", "surrogateescape")


def _read_head(body: Iterator[bytes], limit: int) -> tuple[bytes, bool]:
    """Up to about ``limit`` bytes, and whether that is all."""
    parts: list[bytes] = []
    size = 0
    for piece in body:
        parts.append(piece)
        size += len(piece)
        if size >= limit:
            return b"".join(parts), False
    return b"".join(parts), True


def _read_rest(body: Iterator[bytes]) -> bytes:
    rest, is_whole = _read_head(body, _QUERY_LIMIT_BYTES)
    if not is_whole:
        raise ClickHouseError(QUERY_IS_TOO_LARGE, f"Query is longer than {_QUERY_LIMIT_BYTES} bytes")
    return rest


class _Registration:
    """Holds a query id while its query runs; a second one with the same id is refused."""

    def __init__(self, running: set[str], lock: threading.Lock, query_id: str) -> None:
        self._running, self._lock, self._query_id = running, lock, query_id

    def __enter__(self) -> None:
        with self._lock:
            if self._query_id in self._running:
                raise ClickHouseError(
                    216,
                    f"Query with id = {self._query_id} is already running",
                    "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
                )
            self._running.add(self._query_id)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._running.discard(self._query_id)


class _Output:
    """Body of one answer: small ones leave in one write, large ones in chunks, or spooled when asked."""

    def __init__(self, call: _Call) -> None:
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


__all__ = ["BAD_ARGUMENTS", "Disconnected", "Handler"]
