"""PostgreSQL migrations, up and down, in databases of their own."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
from collections.abc import AsyncIterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

import lumenspan
from lumenspan.errors import Unavailable
from lumenspan.identity.tables import METADATA
from lumenspan.ids import new_id
from lumenspan.settings import Settings
from lumenspan.storage.clickhouse_migrations import MigrationError
from lumenspan.storage.migrate import migrate_all, migrate_postgres, migration_lock
from lumenspan.storage.postgres import Postgres, driver_url
from tests.support import free_port

# The metadata knows the tables of the modules that were loaded.
for _module in pkgutil.walk_packages(lumenspan.__path__, "lumenspan."):
    if _module.name.endswith(".tables"):
        importlib.import_module(_module.name)


@pytest.fixture
async def empty(settings: Settings) -> AsyncIterator[Settings]:
    """Settings of a new, empty PostgreSQL database; ClickHouse is left alone."""
    name = f"t_{new_id().replace('-', '')}"
    address, arguments = driver_url(settings.postgres_url)
    admin = create_async_engine(address, connect_args=arguments, isolation_level="AUTOCOMMIT")
    async with admin.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    url = make_url(settings.postgres_url).set(database=name).render_as_string(hide_password=False)
    yield settings.model_copy(
        update={"database_url": SecretStr(url), "is_clickhouse_migration_disabled": True}
    )
    async with admin.connect() as connection:
        await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    await admin.dispose()


async def table_names(settings: Settings) -> set[str]:
    postgres = Postgres(settings.postgres_url)
    async with postgres.engine.connect() as connection:
        names = await connection.run_sync(lambda sync: set(inspect(sync).get_table_names()))
    await postgres.close()
    return names


async def test_declared_and_migrated_tables_are_equal(empty: Settings) -> None:
    await migrate_all(empty)
    postgres = Postgres(empty.postgres_url)

    def differences(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))

    async with postgres.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await postgres.close()


async def test_down_removes_everything_and_up_makes_it_again(empty: Settings) -> None:
    await migrate_postgres(empty)
    declared = set(METADATA.tables)
    assert await table_names(empty) == declared | {"alembic_version"}
    await migrate_postgres(empty, "base")
    assert await table_names(empty) == {"alembic_version"}
    await migrate_postgres(empty)
    assert await table_names(empty) == declared | {"alembic_version"}


async def test_servers_that_start_at_once_are_safe(empty: Settings) -> None:
    await asyncio.gather(*(migrate_all(empty) for _ in range(5)))
    assert set(METADATA.tables) <= await table_names(empty)


async def test_a_second_starter_waits_for_the_lock(empty: Settings) -> None:
    async with migration_lock(empty):
        second = asyncio.create_task(migrate_all(empty))
        done, _ = await asyncio.wait([second], timeout=0.5)
        assert not done
        assert "users" not in await table_names(empty)
    await second
    assert "users" in await table_names(empty)


async def test_a_newer_database_is_refused(empty: Settings) -> None:
    await migrate_all(empty)
    postgres = Postgres(empty.postgres_url)
    async with postgres.session() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await postgres.close()
    with pytest.raises(MigrationError, match="9999"):
        await migrate_all(empty)


async def test_the_skip_flag_leaves_the_database_alone(empty: Settings) -> None:
    await migrate_all(empty.model_copy(update={"is_postgres_migration_disabled": True}))
    assert await table_names(empty) == set()


async def test_the_direct_url_is_the_one_that_is_migrated(empty: Settings) -> None:
    pooled = SecretStr(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    await migrate_all(empty.model_copy(update={"direct_url": empty.database_url, "database_url": pooled}))
    assert "users" in await table_names(empty)


async def test_a_database_that_is_down_is_unavailable(settings: Settings) -> None:
    down = SecretStr(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    with pytest.raises(Unavailable) as caught:
        await migrate_all(settings.model_copy(update={"database_url": down}))
    assert caught.value.engine == "postgresql"
