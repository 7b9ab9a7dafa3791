"""ClickHouse over HTTP: scoped SQL in, tuples out, columns in; driver errors become ours by code."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import clickhouse_connect
import structlog
from clickhouse_connect.driver import exceptions as driver_errors

from lumenspan.errors import Bug, LumenspanError, QueryTooExpensive, Unavailable
from lumenspan.settings import Settings

_log = structlog.get_logger(__name__)
_SCOPE = re.compile(r"\{\s*project_id\s*:\s*String\s*\}")

ENGINE = "clickhouse"
FINAL_BY_PARTITION = {"do_not_merge_across_partitions_select_final": 1}
"""Setting of reads with FINAL: parts of different months never hold versions of one row, whose partition
follows from its key."""
# Timeout, memory limit, row limits: the read asked for too much.
_EXPENSIVE = {158, 159, 160, 241, 307, 396}
# Sockets, network, too many queries or parts, read-only, keeper sessions, shutdown: busy, not wrong.
_BUSY = {3, 198, 202, 203, 209, 210, 225, 236, 242, 252, 319, 364, 425, 439, 499, 735, 999}
# The password is a matter of configuration: the operator sees the log line, the caller waits.
_REFUSED = {192, 193, 194, 516}
# A value that does not fit its column, or that a constraint of the table forbids.
_NOT_SERIALIZED = (struct.error, TypeError, ValueError, OverflowError, ArithmeticError)
_BAD_ROWS = {6, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 128, 131, 321, 349, 407, 469}


class RowsRefused(Bug):
    """Something in the rows of an insert cannot be stored; other rows can. ``reason`` is a public name."""

    reason: str

    def __init__(self, reason: str) -> None:
        super().__init__("The store refused the rows")
        self.reason = reason


class Sql:
    """Text with ``{name:Type}`` placeholders and their values; always of one project.

    ``Sql.unscoped`` is for maintenance that concerns every project.
    """

    __slots__ = ("params", "text")

    def __init__(self, text: str, params: Mapping[str, Any]) -> None:
        if not _SCOPE.search(text) or not params.get("project_id"):
            raise ValueError("a query on tenant data needs {project_id:String} and its value")
        self.text = text
        self.params = dict(params)

    @classmethod
    def unscoped(cls, text: str, params: Mapping[str, Any] | None = None) -> Sql:
        """A query that belongs to no project; never for anything that a caller reads."""
        made = object.__new__(cls)
        made.text = text
        made.params = dict(params or {})
        return made

    def __repr__(self) -> str:
        return f"Sql({self.text!r}, {self.params!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sql) and self.text == other.text and self.params == other.params

    def __hash__(self) -> int:
        return hash(self.text)


@dataclass(frozen=True, slots=True)
class Rows:
    """An answer: column names, and one tuple a row in the same order.

    ``DateTime64`` comes as the integer that is stored (nanoseconds where the scale is 9), never as a float.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def dicts(self) -> list[dict[str, Any]]:
        """One dict a row, by column name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class ClickHouse:
    """One pooled HTTP client, made on first use; it survives restarts of the server.

    Reads carry a time and a memory limit. Errors: Unavailable when the server is down or busy,
    QueryTooExpensive when a read went over a limit, Bug for all else (logged with its cause).
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Any = None
        self._connecting = asyncio.Lock()
        self._is_closed = False
        self._limits: dict[str, Any] = {
            "max_execution_time": settings.query_timeout_s,
            "max_memory_usage": settings.query_memory_mib << 20,
        }

    async def query(self, sql: Sql, *, settings: Mapping[str, Any] | None = None) -> Rows:
        """All rows of a SELECT."""
        async with self._errors(sql.text, is_read=True):
            client = await self._connected()
            result = await client.query(
                sql.text,
                parameters=sql.params,
                settings={**self._limits, **(settings or {})},
                query_formats={"DateTime64*": "int"},
            )
            return Rows(tuple(result.column_names), [tuple(row) for row in result.result_rows])

    async def query_dicts(
        self, sql: Sql, *, settings: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """All rows of a SELECT as dicts by column name."""
        return (await self.query(sql, settings=settings)).dicts()

    async def query_number(self, sql: Sql, *, settings: Mapping[str, Any] | None = None) -> int:
        """The whole number that a SELECT answers in its only row and column."""
        return int((await self.query(sql, settings=settings)).rows[0][0])

    async def stream(
        self, sql: Sql, *, settings: Mapping[str, Any] | None = None
    ) -> AsyncIterator[list[tuple[Any, ...]]]:
        """The rows of a SELECT block by block, so that a large answer never sits in memory."""
        async with self._errors(sql.text, is_read=True):
            client = await self._connected()
            blocks = await client.query_row_block_stream(
                sql.text,
                parameters=sql.params,
                settings={**self._limits, **(settings or {})},
                query_formats={"DateTime64*": "int"},
            )
            async with blocks:
                async for block in blocks:
                    yield [tuple(row) for row in block]

    async def insert(
        self,
        table: str,
        names: Sequence[str],
        columns: Sequence[Sequence[Any]],
        types: Sequence[str] | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Insert equally long ``columns`` named ``names``; missing ``types`` are asked of the server.

        Raises:
            RowsRefused: a value fits no column, here or on the server; nothing of its block was written.
        """
        async with self._errors(f"INSERT INTO {table}", is_read=False):
            client = await self._connected()
            try:
                await client.insert(
                    table,
                    columns,
                    column_names=list(names),
                    column_type_names=list(types) if types else None,
                    column_oriented=True,
                    settings=dict(settings or {}),
                )
            except driver_errors.Error as error:
                if error.code in _BAD_ROWS or isinstance(error, driver_errors.DataError):
                    raise RowsRefused(error.name or type(error).__name__) from error
                raise
            except _NOT_SERIALIZED as error:
                raise RowsRefused(type(error).__name__) from error

    async def command(self, sql: Sql, *, settings: Mapping[str, Any] | None = None) -> Any:
        """Run a statement that answers no rows (or one value)."""
        async with self._errors(sql.text, is_read=False):
            client = await self._connected()
            return await client.command(sql.text, parameters=sql.params, settings=dict(settings or {}))

    async def ping(self) -> None:
        """Return when the server answers a query; Unavailable otherwise."""
        await self.command(Sql.unscoped("SELECT 1"), settings={"max_execution_time": 5})

    async def close(self) -> None:
        """Release the connections, for good: what calls later is told Unavailable."""
        self._is_closed = True
        async with self._connecting:
            client, self._client = self._client, None
            if client is not None:
                await client.close()

    async def _connected(self) -> Any:
        if self._client is not None:
            return self._client
        async with self._connecting:
            if self._is_closed:
                # Nobody would close another client.
                raise Unavailable(ENGINE)
            if self._client is None:
                self._client = await self._connect()
        return self._client

    async def _connect(self) -> Any:
        url = urlsplit(self._settings.clickhouse_url)
        return await clickhouse_connect.get_async_client(
            host=url.hostname,
            port=url.port or (8443 if url.scheme == "https" else 8123),
            secure=url.scheme == "https",
            username=self._settings.clickhouse_user,
            password=self._settings.clickhouse_password.get_secret_value(),
            database=self._settings.clickhouse_database,
            # On one machine packing costs more than it saves.
            compress=False if _is_here(url.hostname) else "lz4",
            connect_timeout=5,
            # The server ends a read at its own limit; this only ends what hangs.
            send_receive_timeout=self._settings.query_timeout_s + 30,
            autogenerate_session_id=False,
            client_name="lumenspan",
        )

    @asynccontextmanager
    async def _errors(self, statement: str, *, is_read: bool) -> AsyncIterator[None]:
        """Turn what the driver raises into our errors, by numeric code where there is one."""
        try:
            yield
        except LumenspanError:
            raise
        except driver_errors.Error as error:
            raise _translate(error, statement, is_read) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            _log.warning("engine_unavailable", engine=ENGINE, error=type(error).__name__)
            raise Unavailable(ENGINE) from error


def _is_here(host: str | None) -> bool:
    """Whether the server is on this machine, as its address says."""
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _translate(error: driver_errors.Error, statement: str, is_read: bool) -> LumenspanError:
    code = error.code
    if code is not None and is_read and code in _EXPENSIVE:
        return QueryTooExpensive("The query went over its time or memory limit; narrow the filter or time")
    is_transport = code is None and isinstance(error, driver_errors.OperationalError)
    if is_transport or (code is not None and code in _BUSY | _REFUSED | _EXPENSIVE):
        _log.warning("engine_unavailable", engine=ENGINE, code=code, error=type(error).__name__)
        return Unavailable(ENGINE)
    _log.error("query_failed", engine=ENGINE, code=code, name=error.name, statement=statement[:2000])
    return Bug()
