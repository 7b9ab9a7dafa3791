"""Brings both databases to this version: PostgreSQL by Alembic, then ClickHouse by numbered SQL.

One PostgreSQL advisory lock is held for the whole time, so that any number of servers may start at once:
the first migrates, the others wait and then find nothing to do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import structlog
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from lumenspan.errors import Unavailable
from lumenspan.paths import migrations_folder
from lumenspan.settings import Settings
from lumenspan.storage.clickhouse_migrations import MigrationError, Runner, clickhouse_client, load
from lumenspan.storage.postgres import driver_url

_log = structlog.get_logger()

_LOCK = 4_713_905_127_766_310_242


async def migrate_all(settings: Settings) -> None:
    """Bring PostgreSQL, then ClickHouse, to the newest version; nothing where they are there already.

    Raises:
        MigrationError: a database is newer than this program, or a migration failed.
        Unavailable: an engine is down.
    """
    async with migration_lock(settings):
        if not settings.is_postgres_migration_disabled:
            await _migrate_postgres(settings)
        if not settings.is_clickhouse_migration_disabled:
            await _migrate_clickhouse(settings)


async def migrate_postgres(settings: Settings, revision: str = "head") -> None:
    """Bring PostgreSQL to ``revision``: up, or down (``base`` removes everything)."""
    async with migration_lock(settings):
        await _migrate_postgres(settings, revision)


async def migrate_clickhouse(settings: Settings, version: int | None = None) -> None:
    """Bring ClickHouse to ``version`` (the newest where not given): up, or down (0 removes everything)."""
    async with migration_lock(settings):
        await _migrate_clickhouse(settings, version)


@asynccontextmanager
async def migration_lock(settings: Settings) -> AsyncIterator[None]:
    """Hold the lock of all migrations; waits for whoever has it. Freed when this process dies.

    Raises:
        Unavailable: PostgreSQL is down.
    """
    async with _connection(settings) as connection:
        await connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        try:
            yield
        finally:
            await connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", str(migrations_folder() / "postgres").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


@asynccontextmanager
async def _connection(settings: Settings) -> AsyncIterator[AsyncConnection]:
    """A connection of its own, in autocommit, with no time limit on statements."""
    secret = settings.direct_url
    address, arguments = driver_url(secret.get_secret_value() if secret else settings.postgres_url)
    engine = create_async_engine(
        address, connect_args=arguments, poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )
    try:
        connection = await engine.connect()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, DBAPIError) as error:
        await engine.dispose()
        _log.warning("engine unavailable", engine="postgresql", cause=type(error).__name__)
        raise Unavailable("postgresql") from error
    try:
        yield connection
    finally:
        await connection.close()
        await engine.dispose()


async def _migrate_postgres(settings: Settings, revision: str = "head") -> None:
    async with _connection(settings) as connection:
        # Each revision is one transaction, which autocommit would not give.
        transactional = await connection.execution_options(isolation_level="READ COMMITTED")
        await transactional.run_sync(_run_alembic, revision)
        await transactional.commit()


def _run_alembic(connection: Connection, revision: str) -> None:
    config = alembic_config(connection)
    before = _current_revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if before is not None and before not in known:
        raise MigrationError(
            f"PostgreSQL is at migration {before}, which this version does not know; start a newer version"
        )
    connection.commit()
    try:
        if revision == "head" or (before or "") < revision != "base":
            command.upgrade(config, revision)
        else:
            command.downgrade(config, revision)
    except CommandError as error:
        raise MigrationError(f"PostgreSQL migration failed: {error}") from error
    after = _current_revision(connection)
    if after != before:
        _log.info("database migrated", engine="postgresql", before=before, after=after)


def _current_revision(connection: Connection) -> str | None:
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


async def _migrate_clickhouse(settings: Settings, version: int | None = None) -> None:
    cluster = settings.clickhouse_cluster if settings.is_clickhouse_cluster else None
    migrations = load(migrations_folder() / "clickhouse")
    async with clickhouse_client(settings) as client:
        runner = Runner(client, migrations, cluster)
        await runner.upgrade(version)
        if version is not None:
            await runner.downgrade(version)
