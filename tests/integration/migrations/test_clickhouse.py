"""ClickHouse migrations, up and down, in databases of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lumenspan.errors import Unavailable
from lumenspan.ids import new_id
from lumenspan.observations.rows import COLUMN_TYPES
from lumenspan.paths import migrations_folder
from lumenspan.settings import Settings
from lumenspan.storage.clickhouse_migrations import (
    Migration,
    MigrationError,
    Runner,
    clickhouse_client,
    load,
)
from lumenspan.storage.migrate import migrate_clickhouse
from tests.support import free_port

ALL = load(migrations_folder() / "clickhouse")


@pytest.fixture
async def empty(settings: Settings) -> AsyncIterator[Settings]:
    """Settings of a new, empty database."""
    own = settings.model_copy(update={"clickhouse_database": f"t_{new_id().replace('-', '')}"})
    yield own
    async with clickhouse_client(own) as client:
        await client.command(f"DROP DATABASE {own.clickhouse_database}")


@pytest.fixture
async def client(empty: Settings) -> AsyncIterator[Any]:
    async with clickhouse_client(empty) as opened:
        yield opened


async def tables(client: Any) -> set[str]:
    result = await client.query("SELECT name FROM system.tables WHERE database = currentDatabase()")
    return {row[0] for row in result.result_rows}


class Interrupted(Exception):
    """Stands for kill -9: nothing after it runs."""


class KilledClient:
    """The real client, cut off after a number of calls, also between a statement and its record."""

    def __init__(self, client: Any, calls: int) -> None:
        self._client = client
        self.calls = calls

    async def command(self, *arguments: Any, **named: Any) -> Any:
        self._count()
        return await self._client.command(*arguments, **named)

    async def insert(self, *arguments: Any, **named: Any) -> Any:
        self._count()
        return await self._client.insert(*arguments, **named)

    async def query(self, *arguments: Any, **named: Any) -> Any:
        return await self._client.query(*arguments, **named)

    def _count(self) -> None:
        if self.calls == 0:
            raise Interrupted
        self.calls -= 1


async def test_up_twice_runs_each_statement_once(client: Any) -> None:
    statements = sum(len(migration.up) for migration in ALL)
    assert await Runner(client, ALL).upgrade() == statements
    assert await Runner(client, ALL).upgrade() == 0
    assert {"observations", "trace_rollup", "trace_rollup_view", "schema_migrations"} <= await tables(
        client
    )


async def test_down_removes_everything_and_up_makes_it_again(empty: Settings, client: Any) -> None:
    await migrate_clickhouse(empty)
    made = await tables(client)
    await migrate_clickhouse(empty, 0)
    assert await tables(client) == {"schema_migrations"}
    await migrate_clickhouse(empty)
    assert await tables(client) == made


@pytest.mark.parametrize("calls", range(2 * sum(len(migration.up) for migration in ALL) + 1))
async def test_a_run_killed_at_any_call_is_continued(client: Any, calls: int) -> None:
    killed = KilledClient(client, calls)
    with pytest.raises(Interrupted):
        await Runner(killed, ALL).upgrade()
    await Runner(client, ALL).upgrade()
    assert await Runner(client, ALL).upgrade() == 0
    assert {"observations", "trace_rollup", "trace_rollup_view"} <= await tables(client)


@pytest.mark.parametrize("calls", [1, 2, 3])
async def test_a_way_down_that_was_killed_goes_on_and_the_way_up_starts_anew(
    client: Any, calls: int
) -> None:
    await Runner(client, ALL).upgrade()
    with pytest.raises(Interrupted):
        await Runner(KilledClient(client, calls + 1), ALL).downgrade(0)
    await Runner(client, ALL).upgrade()
    assert {"observations", "trace_rollup", "trace_rollup_view"} <= await tables(client)
    with pytest.raises(Interrupted):
        await Runner(KilledClient(client, calls + 1), ALL).downgrade(0)
    # The kill may have met the end of the newest one's way down.
    assert await Runner(client, ALL).downgrade(0) in (len(ALL) - 1, len(ALL))
    assert await tables(client) == {"schema_migrations"}


async def test_a_newer_database_is_refused(client: Any) -> None:
    later = [
        *ALL,
        Migration(
            len(ALL) + 1, "later", ("CREATE TABLE IF NOT EXISTS later (a Int8) ENGINE = Memory",), ()
        ),
    ]
    await Runner(client, later).upgrade()
    with pytest.raises(MigrationError, match="start a newer version"):
        await Runner(client, ALL).upgrade()


async def test_an_altered_migration_is_refused(client: Any) -> None:
    await Runner(client, ALL).upgrade()
    altered = [Migration(1, "observations", (ALL[0].up[0] + " COMMENT 'x'", *ALL[0].up[1:]), ()), *ALL[1:]]
    with pytest.raises(MigrationError, match="altered"):
        await Runner(client, altered).upgrade()


async def test_a_statement_that_fails_is_named_and_tried_again_next_time(client: Any) -> None:
    def broken(sql: str) -> list[Migration]:
        good = "CREATE TABLE IF NOT EXISTS one (a Int8) ENGINE = Memory"
        return [Migration(1, "two_tables", (good, sql), ())]

    with pytest.raises(MigrationError, match=r"0001 \(two_tables\), statement 2: code \d+"):
        await Runner(client, broken("CREATE TABLE two (a Nonsense) ENGINE = Memory")).upgrade()
    repaired = broken("CREATE TABLE IF NOT EXISTS two (a Int8) ENGINE = Memory")
    assert await Runner(client, repaired).upgrade() == 1
    assert {"one", "two"} <= await tables(client)


async def test_an_engine_that_is_down_is_unavailable(settings: Settings) -> None:
    down = settings.model_copy(update={"clickhouse_url": f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(Unavailable) as caught:
        await migrate_clickhouse(down)
    assert caught.value.engine == "clickhouse"


async def test_the_folder_is_found_and_every_way_up_has_a_way_down(tmp_path: Path) -> None:
    assert all(migration.up and migration.down for migration in ALL)
    assert load(tmp_path) == []


async def columns(client: Any, table: str) -> dict[str, tuple[str, str]]:
    """Type and kind of default of each column of a table, by name, in order."""
    result = await client.query(
        "SELECT name, type, default_kind FROM system.columns "
        "WHERE database = currentDatabase() AND table = {table:String} ORDER BY position",
        parameters={"table": table},
    )
    return {name: (type_, default_kind) for name, type_, default_kind in result.result_rows}


async def test_declared_and_migrated_columns_are_equal(client: Any) -> None:
    await Runner(client, ALL).upgrade()
    migrated = await columns(client, "observations")
    declared = {name: type_ for name, (type_, _) in migrated.items() if name in COLUMN_TYPES}
    assert list(declared.items()) == list(COLUMN_TYPES.items())
    # What a writer does not fill, the table does.
    assert all(kind for name, (_, kind) in migrated.items() if name not in COLUMN_TYPES)


async def test_the_rollup_and_its_view_have_the_same_columns(client: Any) -> None:
    await Runner(client, ALL).upgrade()
    # Deletions fill in the one that the view has not.
    known = [name for name in await columns(client, "trace_rollup") if name != "hidden_at"]
    assert known == list(await columns(client, "trace_rollup_view"))


async def test_sums_are_known_of_what_was_stored_before_they_were(client: Any) -> None:
    await Runner(client, ALL[:6]).upgrade()
    await client.command(
        "INSERT INTO observations (project_id, trace_id, id, start_time, usage, cost) VALUES"
        " ('p', 't', 'a', now64(9), {'input': 1, 'input_cached': 2, 'output': 4, 'total': 7},"
        " {'total': 0.5}),"
        " ('p', 't', 'b', now64(9), {}, {})"
    )
    await Runner(client, ALL).upgrade()
    result = await client.query(
        "SELECT input_tokens, output_tokens, total_tokens, toString(total_cost)"
        " FROM observations ORDER BY id"
    )
    assert result.result_rows == [(3, 4, 7, "0.5"), (0, 0, 0, None)]
