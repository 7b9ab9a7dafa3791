"""Runs the numbered SQL of ``migrations/clickhouse``: ``NNNN_name.up.sql`` and ``NNNN_name.down.sql``.

Every statement is recorded once it is done, and every statement may run again without harm (``IF NOT
EXISTS``, ``IF EXISTS``). So a run that was killed anywhere, also between a statement and its record, is
continued by the next. ClickHouse has no lock to take: the caller holds the one of PostgreSQL.

Placeholders: ``{on_cluster}``, and ``{engine:ReplacingMergeTree(event_ts)}`` for the engine of a table.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import clickhouse_connect
import structlog
from clickhouse_connect.driver import exceptions as driver_errors

from lumenspan.errors import LumenspanError, Unavailable
from lumenspan.settings import Settings

_log = structlog.get_logger()

TABLE = "schema_migrations"
_APPLIED, _REVERTING, _REVERTED = "applied", "reverting", "reverted"

# Quoted text and comments, in which a semicolon ends nothing.
_TOKENS = re.compile(
    r"""'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.)*" | `(?:[^`\\]|\\.)*` | --[^\n]* | /\*.*?\*/ | ;""",
    re.VERBOSE | re.DOTALL,
)
_ENGINE = re.compile(r"\{engine:(\w+)(?:\((.*?)\))?\}", re.DOTALL)
_FILE = re.compile(r"(\d{4})_(\w+)\.up\.sql\Z")

# One set of replicas over all shards: each node then knows every record.
_CREATE_TABLE = f"""CREATE TABLE IF NOT EXISTS {TABLE} {{on_cluster}}
(
    version UInt32,
    statement UInt32,
    checksum String,
    state LowCardinality(String),
    recorded_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = %s
ORDER BY (version, statement)"""
_LOCAL_ENGINE = "ReplacingMergeTree(recorded_at)"
_SHARED_ENGINE = (
    "ReplicatedReplacingMergeTree("
    f"'/clickhouse/tables/{{database}}/{TABLE}', '{{shard}}-{{replica}}', recorded_at)"
)


class MigrationError(LumenspanError):
    """The databases cannot be brought to this version; the message says which migration and why."""

    code = "MIGRATION_FAILED"


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step; ``up`` and ``down`` are statements with placeholders, in order of running."""

    version: int
    name: str
    up: tuple[str, ...]
    down: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Record:
    checksum: str
    state: str


def render(sql: str, cluster: str | None) -> str:
    """The statement for one server (``cluster`` None), or for every node of a cluster, replicated."""
    if cluster is None:
        local = _ENGINE.sub(lambda match: match[1] + (f"({match[2]})" if match[2] else ""), sql)
        return local.replace(" {on_cluster}", "").replace("{on_cluster}", "")

    def replicated(match: re.Match[str]) -> str:
        arguments = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"
        return f"Replicated{match[1]}({arguments}{f', {match[2]}' if match[2] else ''})"

    return _ENGINE.sub(replicated, sql).replace("{on_cluster}", f"ON CLUSTER `{cluster}`")


def split(sql: str) -> tuple[str, ...]:
    """The statements of a script, without comments and without those that are empty."""
    statements, current, position = [], [], 0
    for token in _TOKENS.finditer(sql):
        current.append(sql[position : token.start()])
        position = token.end()
        if token[0] == ";":
            statements.append("".join(current))
            current = []
        elif not token[0].startswith(("--", "/*")):
            current.append(token[0])
    statements.append("".join(current) + sql[position:])
    return tuple(stripped for statement in statements if (stripped := statement.strip()))


def checksum(statement: str) -> str:
    """Of the words of a statement: reformatting and comments do not change it."""
    return hashlib.sha256(" ".join(statement.split()).encode()).hexdigest()


def load(folder: Path) -> list[Migration]:
    """The migrations of a folder, numbered 1, 2, 3 without a gap.

    Raises:
        MigrationError: a gap, a number twice, or no way down.
    """
    migrations = []
    for path in sorted(folder.glob("*.up.sql")):
        match = _FILE.search(path.name)
        down = path.with_name(path.name.replace(".up.sql", ".down.sql"))
        if match is None or not down.is_file():
            raise MigrationError(
                f"{path.name} needs a name like 0001_name.up.sql and a .down.sql beside it"
            )
        migrations.append(
            Migration(
                int(match[1]), match[2], split(path.read_text("utf-8")), split(down.read_text("utf-8"))
            )
        )
    if [migration.version for migration in migrations] != list(range(1, len(migrations) + 1)):
        raise MigrationError("ClickHouse migrations must be numbered 0001, 0002, ... each once")
    return migrations


class Runner:
    """Applies and reverts migrations through one client.

    Raises (all methods):
        MigrationError: newer or altered records, or a statement that fails.
        Unavailable: ClickHouse is not reachable.
    """

    def __init__(self, client: Any, migrations: Sequence[Migration], cluster: str | None = None) -> None:
        self._client = client
        self._migrations = migrations
        self._cluster = cluster

    async def upgrade(self, target: int | None = None) -> int:
        """Run what is missing up to ``target`` (all where None); how many statements that were."""
        records = await self._records()
        count = 0
        for migration in self._migrations:
            if target is not None and migration.version > target:
                break
            count += await self._apply(migration, records)
        return count

    async def downgrade(self, target: int) -> int:
        """Revert every migration above ``target``, newest first; how many that were."""
        records = await self._records()
        count = 0
        for migration in reversed(self._migrations):
            known = [n for version, n in records if version == migration.version]
            states = {records[migration.version, n].state for n in known}
            if migration.version <= target or not states - {_REVERTED}:
                continue
            # Until all is reverted a way up starts anew, and a way down goes on.
            await self._record(migration, known, _REVERTING)
            for number, statement in enumerate(migration.down, 1):
                await self._run(migration, f"down {number}", statement)
            await self._record(migration, known, _REVERTED)
            _log.info(
                "migration reverted", engine="clickhouse", version=migration.version, name=migration.name
            )
            count += 1
        return count

    async def _apply(self, migration: Migration, records: dict[tuple[int, int], _Record]) -> int:
        count = 0
        for number, statement in enumerate(migration.up, 1):
            record = records.get((migration.version, number))
            if record is not None and record.state == _APPLIED:
                if record.checksum != checksum(statement):
                    raise MigrationError(
                        f"ClickHouse migration {migration.version:04} was altered after it had run "
                        f"(statement {number}); restore it and put the change in a new migration"
                    )
                continue
            await self._run(migration, str(number), statement)
            await self._record(migration, [number], _APPLIED)
            count += 1
        if count:
            _log.info(
                "migration applied", engine="clickhouse", version=migration.version, name=migration.name
            )
        return count

    async def _records(self) -> dict[tuple[int, int], _Record]:
        engine = _SHARED_ENGINE if self._cluster else _LOCAL_ENGINE
        with _statement_errors("the table of migrations"):
            await self._client.command(render(_CREATE_TABLE % engine, self._cluster))
            result = await self._client.query(
                f"SELECT version, statement, checksum, state FROM {TABLE} FINAL ORDER BY version, statement"  # noqa: S608
            )
        records = {(row[0], row[1]): _Record(row[2], row[3]) for row in result.result_rows}
        newest = max(
            (version for (version, _), record in records.items() if record.state != _REVERTED), default=0
        )
        if newest > len(self._migrations):
            raise MigrationError(
                f"ClickHouse is at migration {newest}, this version knows {len(self._migrations)}; "
                "start a newer version"
            )
        return records

    async def _record(self, migration: Migration, numbers: Sequence[int], state: str) -> None:
        rows = [
            (
                migration.version,
                number,
                checksum(migration.up[number - 1]) if number <= len(migration.up) else "",
                state,
            )
            for number in numbers
        ]
        with _statement_errors(f"the record of migration {migration.version:04}"):
            await self._client.insert(
                TABLE, rows, column_names=["version", "statement", "checksum", "state"]
            )

    async def _run(self, migration: Migration, number: str, statement: str) -> None:
        with _statement_errors(f"migration {migration.version:04} ({migration.name}), statement {number}"):
            await self._client.command(render(statement, self._cluster))


@asynccontextmanager
async def clickhouse_client(settings: Settings) -> AsyncIterator[Any]:
    """A client in the configured database, which is made where it does not exist.

    Raises:
        Unavailable: ClickHouse is not reachable.
    """
    url = urlsplit(settings.clickhouse_url)
    with _statement_errors("the connection"):
        client = await clickhouse_connect.get_async_client(
            host=url.hostname,
            port=url.port or (8443 if url.scheme == "https" else 8123),
            secure=url.scheme == "https",
            username=settings.clickhouse_user,
            password=settings.clickhouse_password.get_secret_value(),
            database="default",
            connect_timeout=5,
            # A change of a large table may take its time.
            send_receive_timeout=3600,
            autogenerate_session_id=False,
            client_name="lumenspan-migrations",
        )
    try:
        if settings.clickhouse_database != "default":
            cluster = settings.clickhouse_cluster if settings.is_clickhouse_cluster else None
            create = f"CREATE DATABASE IF NOT EXISTS {settings.clickhouse_database} {{on_cluster}}"
            with _statement_errors("the database"):
                await client.command(render(create, cluster))
            client.database = settings.clickhouse_database
        yield client
    finally:
        await client.close()


@contextmanager
def _statement_errors(what: str) -> Iterator[None]:
    """Turn what the driver raises within the block into ours; ``what`` is named in the message."""
    try:
        yield
    except (driver_errors.Error, aiohttp.ClientError, OSError, TimeoutError) as error:
        code = getattr(error, "code", None)
        if code is None:
            _log.warning("engine unavailable", engine="clickhouse", cause=type(error).__name__)
            raise Unavailable("clickhouse") from error
        name = getattr(error, "name", "")
        _log.error("migration failed", engine="clickhouse", at=what, code=code, name=name)
        raise MigrationError(f"ClickHouse refused {what}: code {code} {name}") from error
