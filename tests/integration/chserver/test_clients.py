"""The same promises with the asynchronous client, every type of the schema, and SQLAlchemy."""

from __future__ import annotations

import asyncio
import uuid
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psutil
import pytest
from clickhouse_connect.driver import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_sqlalchemy.exceptions import DatabaseException
from sqlalchemy import Engine, create_engine, text

from .conftest import Endpoint

_MIB = 1024 * 1024
_MILLION = 1_000_000
_AT = 1_700_000_000_123_456_789

# Column, type and value: each type of the product's tables, with what is easily lost on the way.
_COLUMNS: list[tuple[str, str, Any]] = [
    ("text", "String", "náme\t\n\0'\\{x:String}"),
    ("word", "LowCardinality(String)", "GENERATION"),
    ("at", "DateTime64(9, 'UTC')", _AT),
    ("ended", "Nullable(DateTime64(9, 'UTC'))", None),
    ("created", "DateTime64(6, 'UTC')", _AT // 1000),
    ("minute", "DateTime('UTC')", datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)),
    ("tags", "Array(String)", ["a'b", "", "\N{SNOWMAN}"]),
    ("yes", "Bool", True),
    ("maybe", "Nullable(Bool)", None),
    ("small", "UInt8", 255),
    ("version", "Nullable(UInt16)", 65_535),
    ("hash", "UInt32", 2**32 - 1),
    ("bytes", "UInt64", 2**64 - 1),
    ("metadata", "Map(String, String)", {"": "v", "k'": "w\n"}),
    ("usage", "Map(LowCardinality(String), UInt64)", {"input": 2**63, "output": 0}),
    ("cost", "Map(LowCardinality(String), Decimal(18, 12))", {"input": Decimal("0.000000000001")}),
    ("newest", "SimpleAggregateFunction(max, Tuple(DateTime64(9, 'UTC'), String))", (_AT, "x")),
    ("users", "SimpleAggregateFunction(groupUniqArrayArray, Array(String))", ["u"]),
]
_NAMES = [name for name, _, _ in _COLUMNS]
_ROW = [value for _, _, value in _COLUMNS]

_BINDINGS: list[tuple[str, Any]] = [
    ("String", "tab\t line\n quote' back\\slash {x} \N{SNOWMAN}"),
    ("UInt8", 255),
    ("UInt16", 65_535),
    ("UInt32", 2**32 - 1),
    ("UInt64", 2**64 - 1),
    ("Int64", -(2**63)),
    ("Float64", 0.1),
    ("Bool", False),
    ("UUID", uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")),
    ("Decimal(18, 12)", Decimal("-123456.123456789012")),
    ("Date", date(2026, 2, 3)),
    ("Array(String)", ["a'b", "c\\d", "e\tf", ""]),
    ("Array(UInt8)", [0, 255]),
    ("Array(Int64)", [-(2**63), 2**63 - 1]),
    ("Nullable(UInt16)", None),
    ("Nullable(Bool)", None),
    ("LowCardinality(String)", "x"),
]


class TestTypes:
    @pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", False])
    async def test_every_type_of_the_schema_comes_back(
        self, endpoint: Endpoint, client: Client, compress: str | bool
    ) -> None:
        columns = ", ".join(f"{name} {kind}" for name, kind, _ in _COLUMNS)
        client.command(f"CREATE TABLE t ({columns}) ENGINE = MergeTree ORDER BY bytes")
        count = 3000
        async with await endpoint.async_client(database=client.database, compress=compress) as writer:
            summary = await writer.insert("t", [_ROW] * count, column_names=_NAMES)
            assert summary.written_rows == count
            found = await writer.query(
                f"SELECT {', '.join(_NAMES)} FROM t", query_formats={"DateTime64*": "int"}, tz_mode="aware"
            )
        assert [list(row) for row in found.result_rows] == [_ROW] * count

    @pytest.mark.parametrize(("kind", "value"), _BINDINGS)
    async def test_bound_value_comes_back_in_both_clients(
        self, endpoint: Endpoint, client: Client, kind: str, value: Any
    ) -> None:
        sql, parameters = f"SELECT {{value:{kind}}} AS v", {"value": value}
        assert client.query(sql, parameters=parameters).result_rows == [(value,)]
        async with await endpoint.async_client() as reader:
            assert (await reader.query(sql, parameters=parameters)).result_rows == [(value,)]

    async def test_bound_nanoseconds_stay_exact(self, endpoint: Endpoint) -> None:
        sql = "SELECT toUnixTimestamp64Nano({at:DateTime64(9, 'UTC')}), {none:Nullable(DateTime64(9))}"
        async with await endpoint.async_client() as reader:
            at = f"{_AT // 10**9}.{_AT % 10**9:09}"
            found = await reader.query(sql, parameters={"at": at, "none": None})
        assert found.result_rows == [(_AT, None)]


class TestLoad:
    async def test_million_rows_in_and_out(self, endpoint: Endpoint, client: Client) -> None:
        client.command("CREATE TABLE m (id UInt64, name String) ENGINE = MergeTree ORDER BY id")
        names = [f"name {number}" for number in range(_MILLION)]
        checksum = total = 0
        async with await endpoint.async_client(database=client.database) as both:
            await both.insert(
                "m", [list(range(_MILLION)), names], column_names=["id", "name"], column_oriented=True
            )
            found = await both.query(
                "SELECT count(), sum(cityHash64(id, name)) FROM m"
                " UNION ALL SELECT count(), sum(cityHash64(number, concat('name ', toString(number))))"
                f" FROM numbers({_MILLION})"
            )
            async with await both.query_column_block_stream("SELECT id, name FROM m ORDER BY id") as blocks:
                async for ids, block in blocks:
                    total += sum(ids)
                    checksum = zlib.crc32("".join(block).encode(), checksum)
        stored, expected = found.result_rows
        assert stored == expected
        assert stored[0] == _MILLION
        assert total == sum(range(_MILLION))
        assert checksum == zlib.crc32("".join(names).encode())

    async def test_readers_and_writers_at_once(self, endpoint: Endpoint, client: Client) -> None:
        client.command("CREATE TABLE c (id UInt64, name String) ENGINE = MergeTree ORDER BY id")

        async with await endpoint.async_client(database=client.database) as both:

            async def write(number: int) -> None:
                for part in range(5):
                    rows = [[number * 10_000 + part * 1000 + row, "x" * 50] for row in range(1000)]
                    await both.insert("c", rows, column_names=["id", "name"])

            async def read() -> list[int]:
                return [(await both.query("SELECT count() FROM c")).result_rows[0][0] for _ in range(10)]

            counts = await asyncio.gather(*(read() for _ in range(8)), *(write(n) for n in range(8)))
            found = await both.query("SELECT count(), uniqExact(id) FROM c")
        assert all(count == sorted(count) for count in counts if count is not None)
        assert found.result_rows == [(40_000, 40_000)]

    async def test_result_larger_than_the_memory_allowed(self, endpoint: Endpoint) -> None:
        process = psutil.Process(endpoint.process.pid)
        before = peak = process.memory_info().rss
        size = 0
        limits = {"max_memory_usage": 100 * _MIB, "max_block_size": 8192}
        async with await endpoint.async_client() as reader:
            sql = "SELECT number, repeat('x', 2000) FROM numbers(300000)"
            async with await reader.query_row_block_stream(sql, settings=limits) as blocks:
                async for block in blocks:
                    size += sum(len(row[1]) for row in block)
                    peak = max(peak, process.memory_info().rss)
        assert size == 600_000_000
        assert peak - before < 400 * _MIB


class TestQueries:
    async def test_settings_and_query_id(self, endpoint: Endpoint, client: Client) -> None:
        sql = "SELECT getSetting('max_block_size')"
        for number, reader in enumerate((client, await endpoint.async_client())):
            settings = {"max_block_size": 77, "query_id": f"mine-{number}"}
            answer = reader.query(sql, settings=settings)
            found = await answer if asyncio.iscoroutine(answer) else answer
            assert (found.result_rows, found.query_id) == ([(77,)], f"mine-{number}")
            if isinstance(reader, AsyncClient):
                await reader.close()

    @pytest.mark.parametrize(
        ("sql", "code"),
        [("SELEC 1", 62), ("SELECT nope", 47), ("SELECT * FROM nope", 60), ("SELECT throwIf(1)", 395)],
    )
    async def test_errors_carry_their_code(
        self, endpoint: Endpoint, client: Client, sql: str, code: int
    ) -> None:
        with pytest.raises(DatabaseError) as caught:
            client.query(sql)
        assert caught.value.code == code
        async with await endpoint.async_client() as reader:
            with pytest.raises(DatabaseError) as caught:
                await reader.query(sql)
        assert caught.value.code == code

    async def test_waiting_for_the_end_turns_a_late_error_into_an_answer(
        self, endpoint: Endpoint, client: Client
    ) -> None:
        sql = "SELECT number, throwIf(number = 3000000) FROM numbers(10000000)"
        with pytest.raises(DatabaseError, match="throwIf"):
            client.raw_query(sql, settings={"wait_end_of_query": 1})
        async with await endpoint.async_client() as reader:
            with pytest.raises(DatabaseError, match="throwIf"):
                await reader.raw_query(sql, settings={"wait_end_of_query": 1})

    async def test_a_cancelled_task_stops_its_query(self, endpoint: Endpoint, client: Client) -> None:
        count = (
            "SELECT count() FROM system.processes"
            " WHERE position(query, 'cancel-me') > 0 AND query NOT LIKE '%processes%'"
        )

        async def until(expected: int) -> None:
            async with asyncio.timeout(20):
                while (await asyncio.to_thread(client.query, count)).result_rows != [(expected,)]:
                    await asyncio.sleep(0.02)

        async with await endpoint.async_client() as reader:
            sql = "SELECT sum(cityHash64(number, 'cancel-me')) FROM numbers(1000000000000)"
            task = asyncio.create_task(reader.query(sql))
            await until(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(0)
            assert (await reader.query("SELECT 1")).result_rows == [(1,)]


@pytest.fixture
def database(endpoint: Endpoint, client: Client) -> Iterator[Engine]:
    """SQLAlchemy over the HTTP driver, on the database of ``client``."""
    login = f"default:{endpoint.password}@127.0.0.1:{endpoint.port}"
    made = create_engine(f"clickhouse+http://{login}/{client.database}")
    yield made
    made.dispose()


class TestSqlAlchemy:
    def test_values_of_its_types_come_back(self, database: Engine) -> None:
        sql = (
            "SELECT toUInt64(18446744073709551615), toInt64(-9223372036854775808), toFloat64(0.5),"
            " toDecimal64('1.000000000001', 12), toDate('2026-02-03'), CAST(NULL, 'Nullable(UInt16)'),"
            " toDateTime64('2026-02-03 04:05:06.123456', 6), 'tab\t line\n q'' b\\\\ \N{SNOWMAN}'"
        )
        with database.connect() as connection:
            (found,) = connection.execute(text(sql)).all()
        assert tuple(found) == (
            *(2**64 - 1, -(2**63), 0.5, Decimal("1.000000000001"), date(2026, 2, 3), None),
            *(datetime(2026, 2, 3, 4, 5, 6, 123_456), "tab\t line\n q' b\\ \N{SNOWMAN}"),  # noqa: DTZ001
        )

    def test_bound_values_and_many_rows(self, database: Engine) -> None:
        rows = [{"id": number, "name": f"n'{number}\\\n"} for number in range(2000)]
        with database.connect() as connection:
            connection.execute(
                text("CREATE TABLE b (id UInt64, name String) ENGINE = MergeTree ORDER BY id")
            )
            connection.execute(text("INSERT INTO b (id, name) VALUES (:id, :name)"), rows)
            found = connection.execute(
                text("SELECT name FROM b WHERE id IN (:one, :two) ORDER BY id"), {"one": 3, "two": 1999}
            ).scalars()
            assert list(found) == ["n'3\\\n", "n'1999\\\n"]
            assert connection.execute(text("SELECT count() FROM b")).scalar() == 2000

    def test_large_result_is_whole(self, database: Engine) -> None:
        with closing(database.raw_connection()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute("SELECT number FROM numbers(200000)")
            assert sum(row[0] for row in cursor.fetchall()) == sum(range(200_000))

    @pytest.mark.parametrize(
        ("sql", "status", "code"), [("SELECT nope", 404, 47), ("SELECT throwIf(1)", 500, 395)]
    )
    def test_errors_carry_status_and_code(self, database: Engine, sql: str, status: int, code: int) -> None:
        with database.connect() as connection, pytest.raises(DatabaseException) as caught:
            connection.execute(text(sql))
        assert caught.value.orig.code == status
        assert f"Code: {code}." in str(caught.value)

    def test_readers_and_writers_at_once(self, database: Engine, client: Client) -> None:
        client.command("CREATE TABLE c (id UInt64) ENGINE = MergeTree ORDER BY id")

        def work(number: int) -> list[int]:
            counts = []
            with database.connect() as connection:
                for _ in range(10):
                    connection.execute(text("INSERT INTO c (id) VALUES (:id)"), [{"id": number}] * 10)
                    counts.append(int(connection.execute(text("SELECT count() FROM c")).scalar() or 0))
            return counts

        with ThreadPoolExecutor(4) as pool:
            assert all(counts == sorted(counts) for counts in pool.map(work, range(4)))
        assert client.command("SELECT count() FROM c") == 400
