"""Queries that are scoped, bounded and fail as one of our errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from lumenspan.errors import Bug, QueryTooExpensive, Unavailable
from lumenspan.settings import Settings
from lumenspan.storage.clickhouse import ClickHouse, Sql
from tests.support import free_port

pytestmark = pytest.mark.engines


@pytest.fixture
async def clickhouse(settings: Settings) -> AsyncIterator[ClickHouse]:
    opened = ClickHouse(settings)
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("SELECT 1", {"project_id": "p"}),
        ("SELECT {project_id:String}", {}),
        ("SELECT {project_id:String}", {"project_id": ""}),
        ("SELECT 'project_id'", {"project_id": "p"}),
    ],
)
async def test_a_query_without_its_project_cannot_be_made(text: str, params: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="project_id"):
        Sql(text, params)


async def test_values_are_bound_and_times_are_whole_numbers(clickhouse: ClickHouse) -> None:
    text = "SELECT {project_id:String} AS p, fromUnixTimestamp64Nano(1752384000123456789, 'UTC') AS t"
    rows = await clickhouse.query_dicts(Sql(text, {"project_id": "a'; DROP TABLE observations --"}))
    assert rows == [{"p": "a'; DROP TABLE observations --", "t": 1_752_384_000_123_456_789}]


async def test_a_read_over_its_limits_is_too_expensive(clickhouse: ClickHouse) -> None:
    slow = Sql.unscoped("SELECT count() FROM numbers(1e11) WHERE sipHash64(number) = 1")
    with pytest.raises(QueryTooExpensive):
        await clickhouse.query(slow, settings={"max_execution_time": 0.3})
    large = Sql.unscoped("SELECT groupArray(toString(number)) FROM numbers(10000000)")
    with pytest.raises(QueryTooExpensive):
        await clickhouse.query(large, settings={"max_memory_usage": 10_000_000})


async def test_a_wrong_statement_is_our_bug_and_tells_nothing(clickhouse: ClickHouse) -> None:
    with pytest.raises(Bug) as caught:
        await clickhouse.query(Sql.unscoped("SELECT secret_column FROM observations"))
    assert "secret" not in str(caught.value)


async def test_a_long_answer_comes_in_blocks(clickhouse: ClickHouse) -> None:
    count = 0
    blocks = 0
    async for block in clickhouse.stream(Sql.unscoped("SELECT number FROM numbers(300000)")):
        count, blocks = count + len(block), blocks + 1
    assert count == 300_000
    assert blocks > 1


async def test_many_queries_at_once_share_a_client(clickhouse: ClickHouse) -> None:
    answers = await asyncio.gather(
        *(clickhouse.query(Sql.unscoped("SELECT {n:UInt8}", {"n": number})) for number in range(30))
    )
    assert [answer.rows for answer in answers] == [[(number,)] for number in range(30)]


async def test_no_server_and_a_wrong_password_are_unavailable(settings: Settings) -> None:
    from pydantic import SecretStr

    for change in (
        {"clickhouse_url": f"http://127.0.0.1:{free_port()}"},
        {"clickhouse_password": SecretStr("wrong")},
    ):
        opened = ClickHouse(settings.model_copy(update=change))
        with pytest.raises(Unavailable) as caught:
            await opened.ping()
        assert caught.value.engine == "clickhouse"
        await opened.close()
