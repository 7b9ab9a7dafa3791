"""What was acknowledged stays; the folder has one owner; loads are carried with bounded memory."""

from __future__ import annotations

import http.client
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pytest
from clickhouse_connect.driver.client import Client

from .conftest import Endpoint, wait_until

_MIB = 1024 * 1024


class TestKilled:
    def test_acknowledged_rows_survive_kill_in_the_middle_of_inserts(self, own_endpoint: Endpoint) -> None:
        with own_endpoint.client() as client:
            client.command(
                "CREATE TABLE d (writer UInt8, batch UInt32, id UInt64) ENGINE = MergeTree ORDER BY id"
            )
        target = "/?" + urlencode({"query": "INSERT INTO d FORMAT TSV"})
        login = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": own_endpoint.password}
        acknowledged: dict[int, int] = {}

        def write(writer: int) -> None:
            with closing(
                http.client.HTTPConnection("127.0.0.1", own_endpoint.port, timeout=30)
            ) as connection:
                for batch in range(1_000_000):
                    rows = b"".join(b"%d\t%d\t%d\n" % (writer, batch, row) for row in range(500))
                    try:
                        connection.request("POST", target, rows, login)
                        answer = connection.getresponse()
                        answer.read()
                    except (OSError, http.client.HTTPException):
                        return
                    assert answer.status == 200
                    acknowledged[writer] = batch + 1

        writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
        for writer in writers:
            writer.start()
        wait_until(lambda: sum(acknowledged.values()) > 60, "some inserts are acknowledged")
        own_endpoint.kill()
        for writer in writers:
            writer.join(30)

        own_endpoint.start()
        with own_endpoint.client() as client:
            found = client.query("SELECT writer, batch, count() FROM d GROUP BY writer, batch").result_rows
        counts = {(writer, batch): count for writer, batch, count in found}
        assert set(counts.values()) == {500}, "a batch is there as a whole or not at all"
        for number, batches in acknowledged.items():
            assert all((number, batch) in counts for batch in range(batches))

    def test_unfinished_insert_leaves_nothing_and_the_folder_opens_again(
        self, own_endpoint: Endpoint
    ) -> None:
        with own_endpoint.client() as client:
            client.command("CREATE TABLE d (id UInt64) ENGINE = MergeTree ORDER BY id")
            client.insert("d", [[1]], column_names=["id"])
        is_sending = threading.Event()
        is_killed = threading.Event()

        def pieces() -> Iterator[bytes]:
            yield b"2\n" * 10_000
            is_sending.set()
            is_killed.wait(30)
            yield b"3\n"

        def insert() -> int:
            login = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": own_endpoint.password}
            target = "/?" + urlencode({"query": "INSERT INTO d FORMAT TSV"})
            with closing(
                http.client.HTTPConnection("127.0.0.1", own_endpoint.port, timeout=30)
            ) as connection:
                connection.request("POST", target, pieces(), login, encode_chunked=True)
                return connection.getresponse().status

        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(insert)
            assert is_sending.wait(30)
            own_endpoint.kill()
            is_killed.set()
            assert isinstance(answer.exception(30), OSError | http.client.HTTPException)
        own_endpoint.start()
        with own_endpoint.client() as client:
            assert client.query("SELECT id FROM d").result_rows == [(1,)]


class TestOwnership:
    def test_second_process_on_the_folder_is_refused(self, endpoint: Endpoint) -> None:
        second = subprocess.run(
            endpoint.arguments(), capture_output=True, text=True, timeout=30, check=False
        )
        assert second.returncode == 3
        assert "in use by another process" in second.stderr
        assert endpoint.post("SELECT 1")[2] == b"1\n"

    def test_password_file_is_private(self, endpoint: Endpoint) -> None:
        assert (endpoint.folder / "password").stat().st_mode & 0o077 == 0
        assert len(endpoint.password) >= 24

    def test_used_port_is_refused(self, endpoint: Endpoint, tmp_path: Path) -> None:
        arguments = Endpoint(tmp_path).arguments()
        arguments[arguments.index("--port") + 1] = str(endpoint.port)
        second = subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=False)
        assert second.returncode == 4


class TestStopping:
    def test_running_insert_is_finished_first(self, own_endpoint: Endpoint) -> None:
        with own_endpoint.client() as client:
            client.command("CREATE TABLE d (id UInt64) ENGINE = MergeTree ORDER BY id")
        is_sending = threading.Event()
        is_stopping = threading.Event()
        status: list[int] = []

        def pieces() -> Iterator[bytes]:
            yield b"1\n"
            is_sending.set()
            is_stopping.wait(30)
            yield b"2\n"

        def insert() -> None:
            login = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": own_endpoint.password}
            target = "/?" + urlencode({"query": "INSERT INTO d FORMAT TSV"})
            with closing(
                http.client.HTTPConnection("127.0.0.1", own_endpoint.port, timeout=30)
            ) as connection:
                connection.request("POST", target, pieces(), login, encode_chunked=True)
                status.append(connection.getresponse().status)

        writer = threading.Thread(target=insert)
        writer.start()
        assert is_sending.wait(30)
        wait_until(
            lambda: "INSERT INTO d" in own_endpoint.post("SHOW PROCESSLIST")[2].decode(), "insert runs"
        )
        own_endpoint.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "event=stopping" in own_endpoint.log, "endpoint is stopping")
        is_stopping.set()
        writer.join(30)
        assert own_endpoint.process.wait(30) == 0
        assert status == [200]
        own_endpoint.start()
        assert own_endpoint.post("SELECT count() FROM d")[2] == b"2\n"


class TestLoad:
    def test_readers_and_writers_at_once(self, endpoint: Endpoint, client: Client) -> None:
        client.command("CREATE TABLE c (id UInt64, name String) ENGINE = MergeTree ORDER BY id")

        def write(number: int) -> None:
            with endpoint.client(database=client.database) as writer:
                for part in range(10):
                    rows = [[number * 10_000 + part * 1000 + row, "x" * 50] for row in range(1000)]
                    writer.insert("c", rows, column_names=["id", "name"])

        def read(_: int) -> list[int]:
            with endpoint.client(database=client.database) as reader:
                return [int(reader.query("SELECT count() FROM c").result_rows[0][0]) for _ in range(20)]

        with ThreadPoolExecutor(8) as pool:
            writing = [pool.submit(write, number) for number in range(4)]
            reading = [pool.submit(read, number) for number in range(4)]
            for future in writing:
                future.result(60)
            counts = [future.result(60) for future in reading]
        assert all(found == sorted(found) for found in counts), "no reader sees fewer rows than before"
        assert client.query("SELECT count(), uniqExact(id) FROM c").result_rows == [(40_000, 40_000)]

    @pytest.mark.parametrize("output", ["Native", "JSONCompact"])
    def test_result_larger_than_the_memory_allowed_is_streamed(
        self, endpoint: Endpoint, output: str
    ) -> None:
        """A gigabyte passes; the process grows by a small part of that."""
        process = psutil.Process(endpoint.process.pid)
        before = process.memory_info().rss
        login = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": endpoint.password}
        target = "/?" + urlencode({"max_memory_usage": str(200 * _MIB), "max_block_size": "8192"})
        sql = f"SELECT number, repeat('x', 1000) FROM numbers(1000000) FORMAT {output}"
        size = peak = 0
        with closing(http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=60)) as connection:
            connection.request("POST", target, sql.encode(), login)
            answer = connection.getresponse()
            while piece := answer.read(16 * _MIB):
                size += len(piece)
                peak = max(peak, process.memory_info().rss)
        assert size > 1_000_000_000
        assert peak - before < 400 * _MIB

    def test_unread_result_makes_the_query_wait(self, endpoint: Endpoint, client: Client) -> None:
        process = psutil.Process(endpoint.process.pid)
        before = process.memory_info().rss
        login = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": endpoint.password}
        with closing(http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=60)) as connection:
            connection.request("POST", "/", b"SELECT number, 'slow-reader' FROM numbers(1000000000)", login)
            answer = connection.getresponse()
            answer.read(1000)
            for _ in range(20):
                assert client.query("SELECT 1").result_rows == [(1,)]
            assert process.memory_info().rss - before < 300 * _MIB
            assert "slow-reader" in endpoint.post("SHOW PROCESSLIST")[2].decode()
        wait_until(
            lambda: "slow-reader" not in endpoint.post("SHOW PROCESSLIST")[2].decode(), "query is gone", 5
        )
