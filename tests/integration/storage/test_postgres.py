"""Sessions on a PostgreSQL that drops connections, is full or is not there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from lumenspan.errors import Unavailable
from lumenspan.ids import new_id
from lumenspan.settings import Settings
from lumenspan.storage.postgres import Postgres
from tests.support import free_port

pytestmark = pytest.mark.engines


@pytest.fixture
async def postgres(settings: Settings) -> AsyncIterator[Postgres]:
    opened = Postgres(f"{settings.postgres_url}?application_name=outage-{new_id()}", pool_size=3)
    yield opened
    await opened.close()


@pytest.fixture
async def admin(settings: Settings) -> AsyncIterator[AsyncSession]:
    """A session of its own, to terminate the others."""
    opened = Postgres(settings.postgres_url, pool_size=1)
    async with opened.session() as session:
        yield session
    await opened.close()


async def test_sessions_work_again_after_the_server_dropped_every_connection(
    postgres: Postgres, admin: AsyncSession
) -> None:
    async with postgres.session() as one, postgres.session() as two:
        name = (await one.execute(text("SHOW application_name"))).scalar_one()
        await two.execute(text("SELECT 1"))
    dropped = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :name")
    assert len((await admin.execute(dropped, {"name": name})).all()) == 2
    await postgres.ping()
    await postgres.ping()


async def test_a_connection_lost_within_a_transaction_is_unavailable(
    postgres: Postgres, admin: AsyncSession
) -> None:
    async def lose() -> None:
        async with postgres.session() as session:
            pid = (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            await admin.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            await session.execute(text("SELECT 1"))

    with pytest.raises(Unavailable) as caught:
        await lose()
    assert caught.value.engine == "postgresql"
    await postgres.ping()


async def test_a_block_that_raises_is_rolled_back(postgres: Postgres) -> None:
    class Stop(Exception):
        pass

    key = new_id()
    statement = text("INSERT INTO ingest_blobs (key, project_id, received_at) VALUES (:key, 'p', now())")

    async def insert_and_fail() -> None:
        async with postgres.session() as session:
            await session.execute(statement, {"key": key})
            raise Stop

    with pytest.raises(Stop):
        await insert_and_fail()
    async with postgres.session() as session:
        query = text("SELECT count(*) FROM ingest_blobs WHERE key = :key")
        assert (await session.execute(query, {"key": key})).scalar_one() == 0


async def test_a_full_pool_is_unavailable(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lumenspan.storage.postgres._POOL_TIMEOUT_S", 0.05)
    small = Postgres(settings.postgres_url, pool_size=1)
    async with small.session():
        with pytest.raises(Unavailable):
            await small.ping()
    await small.close()


async def test_no_server_is_unavailable() -> None:
    nowhere = Postgres(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    with pytest.raises(Unavailable):
        await nowhere.ping()
    await nowhere.close()
