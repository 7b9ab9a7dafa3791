"""chDB for many concurrent requests: configured connections, streamed reads and writes, KILL."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from chdb import _chdb

from lumenspan.embedded.chserver.errors import BAD_ARGUMENTS, ClickHouseError, from_engine

_IDLE_CONNECTIONS = 24
_PIPE_BYTES = 1024 * 1024
_SETTING_NAME = re.compile(r"[A-Za-z_]\w*\Z")
# chDB encodes every block of a streamed result on its own. These formats have neither head nor end,
# so that the blocks in a row are the result; all others are streamed through a pipe.
_BLOCKWISE_FORMATS = frozenset(
    (
        "native",
        "tabseparated",
        "tsv",
        "tabseparatedraw",
        "tsvraw",
        "csv",
        "rowbinary",
        "jsoneachrow",
        "jsonlines",
        "ndjson",
        "jsoncompacteachrow",
        "jsonstringseachrow",
        "jsoncompactstringseachrow",
        "tskv",
        "lineasstring",
        "rawblob",
        "msgpack",
    )
)


@dataclass(slots=True)
class Stats:
    """What a statement did, for ``X-ClickHouse-Summary``."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    elapsed_ns: int = 0

    def add(self, result: Any) -> None:
        """Take over the counters of one engine result; those of a stream's blocks are totals so far."""
        self.read_rows = max(self.read_rows, result.storage_rows_read())
        self.read_bytes = max(self.read_bytes, result.storage_bytes_read())
        self.written_rows = max(self.written_rows, result.rows_written())
        self.written_bytes = max(self.written_bytes, result.bytes_written())
        self.result_rows += result.rows_read()
        self.elapsed_ns = max(self.elapsed_ns, int(result.elapsed() * 1e9))


def quote(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def mark(query_id: str) -> str:
    """The comment that makes a running query findable; the engine chooses its own query ids."""
    return f"\n/*query_id:{query_id}*/"


MARKED_QUERY_ID = r"extract(query, '/\\*query_id:([^*]*)\\*/$')"


class Lease:
    """A connection in one request's hands.

    Attributes:
        is_dirty: its state is no longer what its pool key says; it is closed instead of reused.
    """

    def __init__(self, connection: Any, engine: Engine) -> None:
        self.connection = connection
        self.is_dirty = False
        self._engine = engine

    def execute(self, sql: str, output_format: str, params: Mapping[str, str], stats: Stats) -> bytes:
        """Run to the end; the result is held in memory, so only for results that are small."""
        try:
            result = self.connection.query(sql, output_format, params=dict(params))
        except RuntimeError as error:
            raise from_engine(error) from None
        stats.add(result)
        return bytes(result.bytes())

    def select(
        self,
        sql: str,
        output_format: str,
        tail: str,
        params: Mapping[str, str],
        query_id: str,
        stats: Stats,
    ) -> Iterator[bytes]:
        """The result in pieces as the engine makes them; closing the iterator stops the query."""
        if output_format.lower() in _BLOCKWISE_FORMATS:
            return self._select_blocks(f"{sql} {tail}{mark(query_id)}", output_format, params, stats)
        path = self._engine.scratch / uuid4().hex
        statement = (
            f"{sql} INTO OUTFILE {quote(str(path))} APPEND FORMAT {output_format} {tail}{mark(query_id)}"
        )
        return self._select_through_pipe(path, statement, params, query_id, stats)

    def _select_blocks(
        self, sql: str, output_format: str, params: Mapping[str, str], stats: Stats
    ) -> Iterator[bytes]:
        connection = self.connection
        self.is_dirty = True  # until the stream is known to be over
        try:
            stream = connection.send_query(sql, output_format, params=dict(params))
            try:
                while True:
                    result = connection.streaming_fetch_result(stream)
                    if result is None:
                        break
                    stats.add(result)
                    size = result.size()
                    if size:
                        yield result.bytes()
                    if not result.rows_read():
                        break
            except GeneratorExit:
                connection.streaming_cancel_query(stream)
                raise
        except RuntimeError as error:
            raise from_engine(error) from None
        self.is_dirty = False

    def _select_through_pipe(
        self, path: Path, sql: str, params: Mapping[str, str], query_id: str, stats: Stats
    ) -> Iterator[bytes]:
        os.mkfifo(path, 0o600)
        failure: list[BaseException] = []
        # The reading end is opened first and without waiting; a writing end of ours keeps it from
        # seeing the end of the file before the engine has opened its own.
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        writing = os.open(path, os.O_WRONLY)
        os.set_blocking(reading, True)
        with contextlib.suppress(OSError):
            fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

        def run() -> None:
            try:
                stats.add(self.connection.query(sql, "TabSeparated", params=dict(params)))
            except BaseException as error:  # handed to the reading thread
                failure.append(error)
            finally:
                os.close(writing)

        thread = threading.Thread(target=run, name="query-to-pipe", daemon=True)
        thread.start()
        try:
            while piece := os.read(reading, _PIPE_BYTES):
                yield piece
        except GeneratorExit:
            self._engine.kill(query_id)
            raise
        finally:
            os.close(reading)
            thread.join()
            path.unlink()
        if failure:
            raise from_engine(failure[0]) from None

    def insert(
        self, sql: str, input_format: str, pieces: Iterable[bytes], query_id: str, stats: Stats
    ) -> None:
        """Insert rows in ``input_format``; nothing of the last block is kept unless this returns."""
        connection = self.connection
        self.is_dirty = True
        try:
            stream = connection.send_insert(sql + mark(query_id), input_format)
            try:
                for piece in pieces:
                    connection.insert_append(stream, piece)
            except BaseException:
                with contextlib.suppress(RuntimeError):
                    connection.insert_cancel(stream)
                raise
            stats.add(connection.insert_done(stream))
        except RuntimeError as error:
            raise from_engine(error) from None
        self.is_dirty = False


Key = tuple[str, tuple[tuple[str, str], ...]]


class Engine:
    """Owner of the data folder. Thread-safe; each lease belongs to one thread at a time."""

    def __init__(self, data: Path, config_file: Path, scratch: Path) -> None:
        self._dsn = f"{data}?config-file={config_file}"
        self.scratch = scratch
        self._lock = threading.Lock()
        self._idle: OrderedDict[int, tuple[Key, Any]] = OrderedDict()
        self._admin_lock = threading.Lock()
        self._admin = self._connect()
        self.version = self._ask("SELECT version()")
        self.timezone = self._ask("SELECT timezone()")

    def _connect(self) -> Any:
        return _chdb.connect(self._dsn)  # type: ignore[attr-defined]

    def _ask(self, sql: str) -> str:
        with self._admin_lock:
            return bytes(self._admin.query(sql, "TabSeparated").bytes()).decode().rstrip("\n")

    def kill(self, query_id: str) -> None:
        """Stop a running query; it ends with QUERY_WAS_CANCELLED."""
        self._ask(f"KILL QUERY WHERE endsWith(query, {quote(mark(query_id)[1:])}) ASYNC")

    def purge(self) -> None:
        """Give memory that the allocator keeps for reuse back to the system."""
        with contextlib.suppress(RuntimeError):
            self._ask("SYSTEM JEMALLOC PURGE")

    @contextlib.contextmanager
    def lease(self, database: str, settings: Mapping[str, str]) -> Iterator[Lease]:
        """A connection with this database and these settings, taken from the idle ones if one fits."""
        key: Key = (database, tuple(sorted(settings.items())))
        lease = Lease(self._take(key) or self._configured(key), self)
        try:
            yield lease
        except BaseException:
            lease.is_dirty = True
            raise
        finally:
            if lease.is_dirty:
                lease.connection.close()
            else:
                self._give_back(key, lease.connection)

    def _take(self, key: Key) -> Any:
        with self._lock:
            for number in reversed(self._idle):
                if self._idle[number][0] == key:
                    return self._idle.pop(number)[1]
        return None

    def _give_back(self, key: Key, connection: Any) -> None:
        with self._lock:
            self._idle[id(connection)] = (key, connection)
            oldest = self._idle.popitem(last=False)[1][1] if len(self._idle) > _IDLE_CONNECTIONS else None
        if oldest is not None:
            oldest.close()

    def _configured(self, key: Key) -> Any:
        database, settings = key
        connection = self._connect()
        try:
            if database:
                connection.query(f"USE `{database.replace('`', '``')}`", "Null")
            if settings:
                for name, _ in settings:
                    if not _SETTING_NAME.match(name):
                        raise ClickHouseError(BAD_ARGUMENTS, f"Bad setting name {name!r}")
                connection.query(
                    "SET " + ", ".join(f"{name} = {quote(value)}" for name, value in settings), "Null"
                )
        except RuntimeError as error:
            connection.close()
            raise from_engine(error) from None
        except ClickHouseError:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Close all idle connections; the engine shuts down with the last one."""
        with self._lock:
            connections = [connection for _, connection in self._idle.values()]
            self._idle.clear()
        for connection in (*connections, self._admin):
            connection.close()
