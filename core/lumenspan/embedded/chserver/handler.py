"""The ClickHouse HTTP interface: parameters, authentication, dispatch, shape of the answer."""

from __future__ import annotations

import base64
import binascii
import hmac
import itertools
import re
import threading
from collections.abc import Iterator
from uuid import uuid4

import structlog

from lumenspan.embedded.chserver import codecs
from lumenspan.embedded.chserver.engine import MARKED_QUERY_ID, Engine, Lease, mark
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
from lumenspan.embedded.chserver.output import Call, Output
from lumenspan.embedded.chserver.statements import Kind, Statement, is_insert, parse
from lumenspan.embedded.chserver.watch import ClientWatch
from lumenspan.embedded.chserver.wire import Answer, Disconnected, Request, new_tag

log = structlog.get_logger()

_QUERY_LIMIT_BYTES = 64 * 1024 * 1024
_HEAD_BYTES = 256 * 1024  # an INSERT statement ends within these; rows follow
# Rows of this size are parsed and written together; the engine's own limit counts rows only, and a
# million rows of a trace are gigabytes.
_INSERT_BLOCK_BYTES = 64 * 1024 * 1024
_QUERY_ID = re.compile(r"[\w.:@=+-]{1,128}\Z", re.ASCII)
_QUERY_ID_COLUMN = re.compile(r"\bquery_id\b")


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
        call = Call(request, answer, dict(request.params), query_id, new_tag())
        answer.headers = {
            "X-ClickHouse-Server-Display-Name": "lumenspan",
            "X-ClickHouse-Query-Id": query_id,
            "X-ClickHouse-Timezone": self._engine.timezone,
            "X-ClickHouse-Exception-Tag": call.tag,
        }
        output = Output(call)
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

    def _registered(self, call: Call) -> _Registration:
        return _Registration(self._running, self._running_lock, call.query_id)

    def _run(self, call: Call, output: Output) -> None:
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
        self, lease: Lease, call: Call, statement: Statement, rows: Iterator[bytes], output: Output
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

    def _database(self, call: Call) -> str:
        return call.params.get("database") or call.request.headers.get("x-clickhouse-database", "")

    def _default_format(self, call: Call) -> str:
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

    def _statement(self, call: Call) -> tuple[Statement, Iterator[bytes]]:
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


__all__ = ["BAD_ARGUMENTS", "Disconnected", "Handler"]
