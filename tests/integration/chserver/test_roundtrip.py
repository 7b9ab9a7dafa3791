"""Rows and values go in and come out unchanged, through the clients that the product uses."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from .conftest import Endpoint

_CHECKSUM = (
    "SELECT count(), sum(cityHash64(id, name, at, cost, tags)), groupBitXor(cityHash64(name, id)) FROM {}"
)


class TestRows:
    @pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", False])
    def test_native_rows_come_back_unchanged(
        self, endpoint: Endpoint, client: Client, compress: str | bool
    ) -> None:
        client.command(
            "CREATE TABLE r (id UInt64, name String, at DateTime64(9), cost Nullable(Decimal(18, 9)),"
            " tags Array(String), attributes Map(String, String)) ENGINE = MergeTree ORDER BY id"
        )
        rows: list[list[Any]] = [
            [
                number,
                f"náme\t\n\x00'{number}",
                1_700_000_000_123_456_789 + number,
                None if number % 3 == 0 else Decimal(number) / 1000,
                [f"t{number % 7}", ""],
                {"k": str(number)},
            ]
            for number in range(20_000)
        ]
        names = ["id", "name", "at", "cost", "tags", "attributes"]
        with endpoint.client(database=client.database, compress=compress) as writer:
            summary = writer.insert("r", rows, column_names=names)
            assert summary.written_rows == 20_000
            found = writer.query(
                "SELECT id, name, toUnixTimestamp64Nano(at), cost, tags, attributes FROM r ORDER BY id"
            )
        assert [list(row) for row in found.result_rows] == rows

    @pytest.mark.parametrize(
        "data_format", ["Native", "RowBinary", "JSONEachRow", "TSVWithNames", "Parquet"]
    )
    def test_million_rows_out_and_in_keep_their_checksum(self, client: Client, data_format: str) -> None:
        columns = "id UInt64, name String, at DateTime64(9), cost Decimal(18, 9), tags Array(String)"
        for table in ("source", "copy"):
            client.command(f"CREATE TABLE {table} ({columns}) ENGINE = MergeTree ORDER BY id")
        count = 1_000_000 if data_format in ("Native", "RowBinary", "JSONEachRow") else 100_000
        client.command(
            "INSERT INTO source SELECT number, concat('n', toString(cityHash64(number))),"
            " toDateTime64('2026-01-01', 9) + number / 1000, number / 1000, [toString(number % 9)]"
            f" FROM numbers({count})"
        )
        with client.raw_stream("SELECT * FROM source", fmt=data_format) as stream:
            pieces = (piece for piece in iter(lambda: stream.read(300_007), b""))
            client.raw_insert("copy", insert_block=pieces, fmt=data_format)
        expected = client.query(_CHECKSUM.format("source")).result_rows
        assert expected[0][0] == count
        assert client.query(_CHECKSUM.format("copy")).result_rows == expected

    async def test_async_client_reads_and_writes(self, endpoint: Endpoint, client: Client) -> None:
        client.command("CREATE TABLE a (id UInt64, name String) ENGINE = MergeTree ORDER BY id")
        async with await endpoint.async_client(database=client.database) as writer:
            await writer.insert(
                "a", [[number, str(number)] for number in range(5000)], column_names=["id", "name"]
            )
            found = await writer.query("SELECT count(), sum(toUInt64(name)) FROM a")
        assert found.result_rows == [(5000, sum(range(5000)))]


class TestBindings:
    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            ("String", "tab\t line\n quote' back\\slash {x} \N{SNOWMAN}"),
            ("UInt64", 2**64 - 1),
            ("Int64", -(2**63)),
            ("Float64", 0.1),
            ("Bool", True),
            ("UUID", uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")),
            ("Decimal(38, 12)", Decimal("-12345678901234567890.123456789012")),
            ("Array(String)", ["a'b", "c\\d", "e\tf", ""]),
            ("Nullable(String)", None),
            ("Nullable(String)", "x"),
        ],
    )
    def test_value_comes_back(self, client: Client, kind: str, value: Any) -> None:
        found = client.query(f"SELECT {{value:{kind}}} AS v", parameters={"value": value})
        assert found.result_rows == [(value,)]

    def test_map_comes_back(self, endpoint: Endpoint) -> None:
        text = "{'k\\'':'v','':'w'}"
        _, _, found = endpoint.post("SELECT {m:Map(String, String)}", param_m=text)
        assert found.decode() == text + "\n"

    def test_aware_time_is_bound_as_utc(self, client: Client) -> None:
        at = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
        found = client.query("SELECT toUnixTimestamp({at:DateTime('UTC')})", parameters={"at": at})
        assert found.result_rows == [(int(at.timestamp()),)]

    def test_nanoseconds_stay_exact(self, client: Client) -> None:
        text = "2026-02-03 04:05:06.123456789"
        found = client.query("SELECT toString({at:DateTime64(9)})", parameters={"at": text})
        assert found.result_rows == [(text,)]

    def test_identifier_names_a_table(self, client: Client) -> None:
        client.command("CREATE TABLE named (id UInt8) ENGINE = Memory")
        client.command("INSERT INTO {t:Identifier} VALUES (7)", parameters={"t": "named"})
        assert client.query("SELECT id FROM {t:Identifier}", parameters={"t": "named"}).result_rows == [
            (7,)
        ]

    def test_parameters_too_long_for_a_url_go_as_a_form(self, client: Client) -> None:
        values = [f"value {number}" for number in range(30_000)]
        found = client.query("SELECT length({v:Array(String)})", parameters={"v": values})
        assert found.result_rows == [(30_000,)]
