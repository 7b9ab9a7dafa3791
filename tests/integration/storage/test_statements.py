"""What repositories in PostgreSQL share: counting, pages, one row, and waiting for each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlmodel import col

from lumenspan.identity.tables import UserRow
from lumenspan.ids import new_id
from lumenspan.settings import Settings
from lumenspan.storage import statements
from lumenspan.storage.postgres import Postgres

pytestmark = pytest.mark.engines


@pytest.fixture
async def postgres(settings: Settings) -> AsyncIterator[Postgres]:
    opened = Postgres(settings.postgres_url, pool_size=3)
    yield opened
    await opened.close()


async def test_a_page_is_in_order_and_says_how_many_there_are(postgres: Postgres) -> None:
    name = new_id()
    of_name, order = [col(UserRow.name) == name], [col(UserRow.email).desc()]
    emails = [f"{number}-{new_id()}@example.com" for number in range(5)]
    async with postgres.session() as session:
        session.add_all(
            UserRow(id=new_id(), email=email, name=name, password_hash="none") for email in emails
        )
    async with postgres.session() as session:
        rows, total = await statements.page(session, UserRow, of_name, order, 1, 2)
        assert ([row.email for row in rows], total) == ([emails[3], emails[2]], 5)
        assert await statements.page(session, UserRow, of_name, order, 5, 2) == ([], 5)
        assert await statements.count(session, UserRow, *of_name, col(UserRow.email) > emails[3]) == 1
        found = await statements.one(session, UserRow, col(UserRow.email) == emails[0], is_locked=True)
        assert found is not None
        assert found.email == emails[0]
        assert await statements.one(session, UserRow, *of_name, col(UserRow.id) == "none") is None


async def test_one_transaction_at_a_time_holds_a_key_of_a_kind(postgres: Postgres) -> None:
    key, done = new_id(), list[str]()

    async def second() -> None:
        async with postgres.session() as session:
            await statements.one_at_a_time(session, key, 1)
            done.append("second")

    async with postgres.session() as session:
        await statements.one_at_a_time(session, key, 1)
        waiting = asyncio.create_task(second())
        async with postgres.session() as other:
            # Neither another kind nor another key waits.
            await statements.one_at_a_time(other, key, 2)
            await statements.one_at_a_time(other, new_id(), 1)
        done.append("first")
    await waiting
    assert done == ["first", "second"]
