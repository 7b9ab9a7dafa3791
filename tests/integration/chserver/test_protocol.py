"""What a ClickHouse server promises over HTTP, held by the endpoint."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import socket
import threading
from collections import deque
from contextlib import closing
from urllib.parse import urlencode

import pytest
from aiohttp import ClientPayloadError
from clickhouse_connect.driver import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from requests.exceptions import ChunkedEncodingError
from sqlalchemy import create_engine, text
from urllib3.exceptions import HTTPError

from .conftest import Endpoint, wait_until

_FAILS_LATE = "SELECT number, throwIf(number = 3000000) FROM numbers(10000000) SETTINGS max_threads = 1"


def _running(client: Client, fragment: str) -> int:
    """How many queries that contain ``fragment`` run, this one aside."""
    sql = (
        "SELECT count() FROM system.processes WHERE position(query, {f:String}) > 0"
        " AND query NOT LIKE '%processes%'"
    )
    return int(client.query(sql, parameters={"f": fragment}).result_rows[0][0])


async def _read_all(reader: AsyncClient, pause_s: float = 0.0) -> None:
    async with await reader.query_row_block_stream(_FAILS_LATE) as blocks:
        async for _ in blocks:
            await asyncio.sleep(pause_s)


def _get(endpoint: Endpoint, target: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=30)) as connection:
        connection.request("GET", target, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()


class TestAuthentication:
    def test_ping_needs_no_password(self, endpoint: Endpoint) -> None:
        assert _get(endpoint, "/ping") == (200, b"Ok.\n")

    def test_wrong_password_is_403_with_its_code(self, endpoint: Endpoint) -> None:
        status, headers, body = endpoint.post("SELECT 1", headers={"X-ClickHouse-Key": "wrong"})
        assert (status, headers["X-ClickHouse-Exception-Code"]) == (403, "516")
        assert b"AUTHENTICATION_FAILED" in body

    def test_no_password_is_401(self, endpoint: Endpoint) -> None:
        assert _get(endpoint, "/?query=SELECT%201")[0] == 401

    def test_password_as_basic_and_in_the_url(self, endpoint: Endpoint) -> None:
        token = base64.b64encode(f"default:{endpoint.password}".encode()).decode()
        assert _get(endpoint, "/?query=SELECT%201", {"Authorization": f"Basic {token}"}) == (200, b"1\n")
        login = urlencode({"query": "SELECT 2", "user": "default", "password": endpoint.password})
        assert _get(endpoint, f"/?{login}") == (200, b"2\n")

    def test_password_is_never_logged(self, endpoint: Endpoint) -> None:
        endpoint.post("SELECT nope")
        assert endpoint.password not in endpoint.log


class TestQueries:
    def test_format_and_settings_and_headers(self, endpoint: Endpoint) -> None:
        status, headers, body = endpoint.post(
            "SELECT getSetting('max_threads') AS n FORMAT JSONEachRow", max_threads="1", query_id="my-id"
        )
        assert (status, json.loads(body)) == (200, {"n": 1})
        assert headers["X-ClickHouse-Query-Id"] == "my-id"
        assert headers["X-ClickHouse-Format"] == "JSONEachRow"
        assert headers["X-ClickHouse-Timezone"]
        assert json.loads(headers["X-ClickHouse-Summary"])["read_rows"] == "1"

    def test_settings_last_for_one_query(self, endpoint: Endpoint) -> None:
        assert endpoint.post("SELECT getSetting('max_block_size')", max_block_size="77")[2] == b"77\n"
        assert endpoint.post("SELECT getSetting('max_block_size')")[2] != b"77\n"

    def test_default_format_and_query_in_the_url(self, endpoint: Endpoint) -> None:
        assert endpoint.post(query="SELECT 1 AS x", default_format="JSONCompactEachRow")[2] == b"[1]\n"
        assert endpoint.post(" + 1", query="SELECT 1")[2] == b"2\n"

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT 'a FORMAT JSON' -- FORMAT JSON",
            "SELECT 'a FORMAT JSON' /* ; */ ;",
            "SELECT 'a FORMAT JSON' FORMAT TSV;",
            "SELECT 'a FORMAT JSON' FORMAT TSV SETTINGS max_threads = 1",
            "(SELECT 'a FORMAT JSON')",
            "WITH 'a FORMAT JSON' AS format SELECT format",
        ],
    )
    def test_format_is_found_only_where_it_is_one(self, endpoint: Endpoint, sql: str) -> None:
        assert endpoint.post(sql)[2] == b"a FORMAT JSON\n"

    def test_get_is_read_only(self, endpoint: Endpoint) -> None:
        login = {"user": "default", "password": endpoint.password}
        status, body = _get(endpoint, "/?" + urlencode(login | {"query": "CREATE DATABASE never"}))
        assert status == 500
        assert b"Code: 164" in body

    @pytest.mark.parametrize(
        ("sql", "status", "code"),
        [
            ("SELEC 1", 400, 62),
            ("SELECT nope", 404, 47),
            ("SELECT * FROM nope", 404, 60),
            ("SELECT toUInt8('x')", 400, 6),
            ("SELECT 1; SELECT 2", 400, 62),
            ("SELECT throwIf(1)", 500, 395),
            ("SELECT 1 FORMAT Nope", 404, 73),
            ("", 400, 62),
            ("SELECT 1 INTO OUTFILE '/tmp/x'", 500, 48),
        ],
    )
    def test_errors_have_code_and_status(
        self, endpoint: Endpoint, sql: str, status: int, code: int
    ) -> None:
        found, headers, body = endpoint.post(sql)
        assert (found, headers["X-ClickHouse-Exception-Code"]) == (status, str(code)), body
        assert body.startswith(b"Code: %d. DB::Exception: " % code)
        assert body.count(b"DB::Exception") == 1

    def test_unknown_database_and_setting(self, endpoint: Endpoint) -> None:
        assert endpoint.post("SELECT 1", database="nope")[0] == 404
        assert endpoint.post("SELECT 1", no_such_setting="1")[0] == 404

    def test_time_limit(self, endpoint: Endpoint) -> None:
        sql = "SELECT sum(cityHash64(number)) FROM numbers(100000000000)"
        status, headers, _ = endpoint.post(sql, max_execution_time="0.3")
        assert (status, headers["X-ClickHouse-Exception-Code"]) == (408, "159")

    def test_memory_limit(self, endpoint: Endpoint) -> None:
        sql = "SELECT length(groupArray(number)) FROM numbers(100000000)"
        status, headers, _ = endpoint.post(sql, max_memory_usage="20000000")
        assert (status, headers["X-ClickHouse-Exception-Code"]) == (500, "241")

    def test_connection_is_kept_after_an_error(self, endpoint: Endpoint) -> None:
        login = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": endpoint.password}
        with closing(http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=30)) as connection:
            for sql, expected in (("SELECT nope", 404), ("SELECT 1", 200)):
                connection.request("POST", "/", sql.encode(), login)
                answer = connection.getresponse()
                answer.read()
                assert answer.status == expected
            ports = connection.sock.getsockname()
            connection.request("POST", "/", b"SELECT 1", login)
            connection.getresponse().read()
            assert connection.sock.getsockname() == ports

    def test_malformed_http_is_400(self, endpoint: Endpoint) -> None:
        with socket.create_connection(("127.0.0.1", endpoint.port), timeout=10) as raw:
            raw.sendall(b"NONSENSE\r\n\r\n")
            assert raw.recv(100).startswith(b"HTTP/1.1 400 ")


class TestLateErrors:
    def test_sync_client_sees_the_error_inside_a_stream(self, client: Client) -> None:
        with (
            client.query_row_block_stream(_FAILS_LATE) as blocks,
            pytest.raises(DatabaseError, match="throwIf"),
        ):
            deque(blocks, maxlen=0)

    @pytest.mark.parametrize("compress", ["lz4", "zstd", False])
    async def test_async_client_sees_the_error_inside_a_stream(
        self, endpoint: Endpoint, compress: str | bool
    ) -> None:
        async with await endpoint.async_client(compress=compress) as reader:
            with pytest.raises(DatabaseError, match="throwIf"):
                await _read_all(reader)
            assert (await reader.query("SELECT 1")).result_rows == [(1,)]

    async def test_async_client_that_reads_slowly_sees_it_too(self, endpoint: Endpoint) -> None:
        async with await endpoint.async_client() as reader:
            with pytest.raises(DatabaseError, match="throwIf"):
                await _read_all(reader, pause_s=0.1)

    async def test_async_client_sees_it_in_a_whole_result(self, endpoint: Endpoint) -> None:
        async with await endpoint.async_client() as reader:
            with pytest.raises(DatabaseError, match="throwIf"):
                await reader.query(_FAILS_LATE)

    @pytest.mark.parametrize("data_format", ["JSONEachRow", "RowBinary"])
    async def test_raw_results_of_the_clients_fail_rather_than_end_early(
        self, endpoint: Endpoint, client: Client, data_format: str
    ) -> None:
        with pytest.raises((DatabaseError, HTTPError)):
            client.raw_query(_FAILS_LATE, fmt=data_format)
        async with await endpoint.async_client() as reader:
            with pytest.raises((DatabaseError, ClientPayloadError)):
                await reader.raw_query(_FAILS_LATE, fmt=data_format)

    def test_sqlalchemy_sees_a_broken_body(self, endpoint: Endpoint) -> None:
        engine = create_engine(f"clickhouse+http://default:{endpoint.password}@127.0.0.1:{endpoint.port}/")
        # Wide rows in small blocks of one thread: much of the result has left before the error.
        sql = (
            "SELECT repeat('x', 1000), toString(throwIf(number = 20000)) FROM numbers(100000)"
            " SETTINGS max_threads = 1, max_block_size = 500"
        )
        with engine.connect() as connection, pytest.raises(ChunkedEncodingError):
            connection.execute(text(sql)).all()
        engine.dispose()

    def test_plain_http_clients_see_a_broken_body(self, endpoint: Endpoint) -> None:
        with pytest.raises(http.client.IncompleteRead) as caught:
            endpoint.post(_FAILS_LATE)
        assert b"\r\n__exception__\r\n" in caught.value.partial[-1000:]

    def test_wait_end_of_query_turns_it_into_a_status(self, endpoint: Endpoint) -> None:
        status, headers, body = endpoint.post(
            "SELECT number, throwIf(number = 3000000) FROM numbers(10000000)", wait_end_of_query="1"
        )
        assert (status, headers["X-ClickHouse-Exception-Code"]) == (500, "395")
        assert body.startswith(b"Code: 395.")

    def test_wait_end_of_query_gives_the_whole_result_with_its_length(self, endpoint: Endpoint) -> None:
        status, headers, body = endpoint.post("SELECT number FROM numbers(1000000)", wait_end_of_query="1")
        assert (status, int(headers["Content-Length"])) == (200, len(body))
        assert body.count(b"\n") == 1_000_000
        assert json.loads(headers["X-ClickHouse-Summary"])["result_rows"] == "1000000"


class TestCancelling:
    @pytest.mark.parametrize("output", ["Native", "JSONCompact"])
    def test_query_stops_when_its_client_goes_away(
        self, endpoint: Endpoint, client: Client, output: str
    ) -> None:
        sql = f"SELECT sum(cityHash64(number, '{output}-gone')) FROM numbers(1000000000000) FORMAT {output}"
        login = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": endpoint.password}
        connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=30)
        connection.request("POST", "/", sql.encode(), login)
        wait_until(lambda: _running(client, f"{output}-gone") == 1, "query runs")
        connection.close()
        wait_until(lambda: _running(client, f"{output}-gone") == 0, "query is gone", 5)

    def test_kill_query_by_its_id(self, endpoint: Endpoint, client: Client) -> None:
        answers: list[int] = []
        sql = "SELECT sum(cityHash64(number)) FROM numbers(1000000000000)"
        runner = threading.Thread(target=lambda: answers.append(endpoint.post(sql, query_id="to-kill")[0]))
        runner.start()
        wait_until(lambda: _running(client, "query_id:to-kill") == 1, "query runs")
        client.command("KILL QUERY WHERE query_id = 'to-kill' ASYNC")
        runner.join(10)
        assert answers == [500]

    def test_cut_insert_keeps_nothing(self, endpoint: Endpoint, client: Client) -> None:
        client.command("CREATE TABLE half (id UInt64) ENGINE = MergeTree ORDER BY id")
        target = "/?" + urlencode({"query": f"INSERT INTO {client.database}.half FORMAT TSV"})
        login = f"X-ClickHouse-User: default\r\nX-ClickHouse-Key: {endpoint.password}\r\n"
        with socket.create_connection(("127.0.0.1", endpoint.port), timeout=10) as raw:
            head = f"POST {target} HTTP/1.1\r\n{login}Content-Length: 1000000\r\n\r\n"
            raw.sendall(head.encode() + b"1\n2\n3\n" * 100)
        wait_until(lambda: _running(client, f"INSERT INTO {client.database}.half") == 0, "insert has ended")
        assert client.command("SELECT count() FROM half") == 0


class TestInserts:
    @pytest.mark.parametrize(
        ("data_format", "body"),
        [
            ("JSONEachRow", b'{"id":1,"name":"a"}\n{"id":2,"name":"b;\\u00fc"}'),
            ("CSV", b'1,"a"\n2,"b;\xc3\xbc"\n'),
            ("Values", "(1,'a'),(2,'b;ü')".encode()),
        ],
    )
    @pytest.mark.parametrize("place", ["body", "url"])
    def test_rows_after_the_statement_or_in_the_body(
        self, endpoint: Endpoint, client: Client, data_format: str, body: bytes, place: str
    ) -> None:
        client.command("CREATE TABLE i (id UInt64, name String) ENGINE = MergeTree ORDER BY id")
        sql = f"INSERT INTO {client.database}.i (id, name) FORMAT {data_format}"
        if place == "url":
            status, headers, text_ = endpoint.post(body, query=sql)
        else:
            status, headers, text_ = endpoint.post(sql.encode() + b"\n" + body)
        assert (status, text_) == (200, b"")
        assert json.loads(headers["X-ClickHouse-Summary"])["written_rows"] == "2"
        assert client.query("SELECT id, name FROM i ORDER BY id").result_rows == [(1, "a"), (2, "b;ü")]

    def test_large_body_with_the_statement_in_front(self, endpoint: Endpoint, client: Client) -> None:
        client.command("CREATE TABLE i (id UInt64, name String) ENGINE = MergeTree ORDER BY id")
        rows = b"".join(b"%d\t\x80\xff%d\n" % (number, number) for number in range(200_000))
        sql = f"/* INSERT */ INSERT INTO {client.database}.i FORMAT TSV\n".encode()
        assert endpoint.post(sql + rows)[0] == 200
        assert client.query("SELECT count(), sum(id) FROM i").result_rows == [
            (200_000, sum(range(200_000)))
        ]
        assert client.command("SELECT hex(name) FROM i WHERE id = 7") == "80FF37"

    def test_values_with_expressions_and_parameters(self, endpoint: Endpoint, client: Client) -> None:
        client.command("CREATE TABLE i (id UInt64, name String) ENGINE = MergeTree ORDER BY id")
        sql = f"INSERT INTO {client.database}.i VALUES (1 + 1, concat('a', {{n:String}}))"
        assert endpoint.post(sql, param_n="b")[0] == 200
        assert client.query("SELECT * FROM i").result_rows == [(2, "ab")]

    def test_bad_rows_keep_nothing(self, endpoint: Endpoint, client: Client) -> None:
        client.command("CREATE TABLE i (id UInt64) ENGINE = MergeTree ORDER BY id")
        status, headers, _ = endpoint.post(
            b"1\n2\nx\n", query=f"INSERT INTO {client.database}.i FORMAT TSV"
        )
        assert (status, headers["X-ClickHouse-Exception-Code"]) == (400, "27")
        assert client.command("SELECT count() FROM i") == 0

    def test_insert_select_and_its_summary(self, endpoint: Endpoint, client: Client) -> None:
        client.command("CREATE TABLE i (id UInt64) ENGINE = MergeTree ORDER BY id")
        sql = f"INSERT INTO {client.database}.i SELECT number FROM numbers(10)"
        _, headers, _ = endpoint.post(sql)
        assert json.loads(headers["X-ClickHouse-Summary"])["written_rows"] == "10"

    def test_deduplication_token(self, client: Client) -> None:
        client.command(
            "CREATE TABLE i (id UInt64) ENGINE = MergeTree ORDER BY id"
            " SETTINGS non_replicated_deduplication_window = 100"
        )
        for _ in range(2):
            client.insert(
                "i", [[1], [2]], column_names=["id"], settings={"insert_deduplication_token": "x"}
            )
        assert client.command("SELECT count() FROM i") == 2


class TestSqlAlchemy:
    def test_http_driver_creates_inserts_and_reads(self, endpoint: Endpoint, client: Client) -> None:
        url = f"clickhouse+http://default:{endpoint.password}@127.0.0.1:{endpoint.port}/{client.database}"
        engine = create_engine(url)
        with engine.connect() as connection:
            connection.execute(
                text("CREATE TABLE s (id UInt64, name String) ENGINE = MergeTree ORDER BY id")
            )
            connection.execute(text("INSERT INTO s (id, name) VALUES (1, 'a''b'), (2, 'c')"))
            found = connection.execute(text("SELECT id, name FROM s ORDER BY id")).all()
        engine.dispose()
        assert [tuple(row) for row in found] == [(1, "a'b"), (2, "c")]
