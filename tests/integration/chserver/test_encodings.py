"""Compressed bodies and answers: several frames, cut anywhere, never a silent loss."""

from __future__ import annotations

import gzip
import http.client
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from urllib.parse import urlencode

import lz4.frame
import pytest
import zstandard
from clickhouse_connect.driver.client import Client

from .conftest import Endpoint


def _raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


_PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "lz4": lz4.frame.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
_UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "lz4": lz4.frame.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}
_FRAMES = [
    b"".join(b"%d\tname %d\n" % (i, i % 97) for i in range(part * 3000, part * 3000 + 3000))
    for part in range(7)
]


@pytest.fixture
def table(client: Client) -> str:
    client.command("CREATE TABLE frames (id UInt64, name String) ENGINE = MergeTree ORDER BY id")
    return f"{client.database}.frames"


def _send(endpoint: Endpoint, table: str, encoding: str, pieces: Iterator[bytes]) -> tuple[int, bytes]:
    """Insert with each piece as an HTTP chunk of its own."""
    target = "/?" + urlencode({"query": f"INSERT INTO {table} FORMAT TabSeparated"})
    headers = {
        "X-ClickHouse-User": "default",
        "X-ClickHouse-Key": endpoint.password,
        "Content-Encoding": encoding,
    }
    with closing(http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=30)) as connection:
        connection.request("POST", target, pieces, headers, encode_chunked=True)
        answer = connection.getresponse()
        return answer.status, answer.read()


def _cut(body: bytes, size: int) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


class TestRequestBodies:
    @pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
    @pytest.mark.parametrize("encoding", _PACK)
    def test_all_frames_are_read_wherever_they_are_cut(
        self, endpoint: Endpoint, client: Client, table: str, encoding: str, size: int
    ) -> None:
        parts = _FRAMES if size > 1 else [frame[:400].rpartition(b"\n")[0] + b"\n" for frame in _FRAMES]
        body = b"".join(_PACK[encoding](part) for part in parts)
        status, text = _send(endpoint, table, encoding, _cut(body, size))
        assert (status, text) == (200, b"")
        rows = b"".join(parts).splitlines()
        ids = sum(int(row.partition(b"\t")[0]) for row in rows)
        assert client.query(f"SELECT count(), sum(id) FROM {table}").result_rows == [(len(rows), ids)]

    def test_deflate_without_zlib_header(self, endpoint: Endpoint, client: Client, table: str) -> None:
        status, _ = _send(endpoint, table, "deflate", _cut(_raw_deflate(_FRAMES[0]), 1000))
        assert status == 200
        assert client.command(f"SELECT count() FROM {table}") == 3000

    @pytest.mark.parametrize("encoding", _PACK)
    def test_cut_frame_is_refused_and_keeps_nothing(
        self, endpoint: Endpoint, client: Client, table: str, encoding: str
    ) -> None:
        body = b"".join(_PACK[encoding](frame) for frame in _FRAMES)[:-9]
        status, text = _send(endpoint, table, encoding, _cut(body, 5000))
        assert status == 400
        assert b"not complete" in text
        assert client.command(f"SELECT count() FROM {table}") == 0

    @pytest.mark.parametrize("encoding", _PACK)
    def test_damaged_frame_is_refused(
        self, endpoint: Endpoint, client: Client, table: str, encoding: str
    ) -> None:
        body = _PACK[encoding](_FRAMES[0]) + b"this is no frame"
        status, text = _send(endpoint, table, encoding, _cut(body, 5000))
        assert status == 400
        assert b"Code: 271" in text
        assert client.command(f"SELECT count() FROM {table}") == 0

    def test_unknown_encoding_is_refused(self, endpoint: Endpoint, table: str) -> None:
        status, text = _send(endpoint, table, "snail", _cut(b"1\ta\n", 9))
        assert status == 400
        assert b"snail" in text

    def test_compressed_query_text(self, endpoint: Endpoint) -> None:
        body = lz4.frame.compress(b"SELECT ") + lz4.frame.compress(b"42")
        assert endpoint.post(body, headers={"Content-Encoding": "lz4"})[2] == b"42\n"


class TestAnswers:
    @pytest.mark.parametrize("rows", [3, 400_000])
    @pytest.mark.parametrize("encoding", _UNPACK)
    def test_answer_is_compressed_as_accepted(self, endpoint: Endpoint, encoding: str, rows: int) -> None:
        status, headers, body = endpoint.post(
            f"SELECT number FROM numbers({rows})",
            headers={"Accept-Encoding": f"snail, {encoding};q=0.5"},
            enable_http_compression="1",
        )
        assert (status, headers["Content-Encoding"]) == (200, encoding)
        assert _UNPACK[encoding](body) == b"".join(b"%d\n" % number for number in range(rows))

    def test_answer_is_plain_unless_compression_is_on(self, endpoint: Endpoint) -> None:
        _, headers, body = endpoint.post("SELECT 1", headers={"Accept-Encoding": "gzip"})
        assert headers["Content-Encoding"] is None
        assert body == b"1\n"

    def test_refused_encodings_are_not_used(self, endpoint: Endpoint) -> None:
        accepted = {"Accept-Encoding": "lz4;q=0, gzip"}
        _, headers, _ = endpoint.post("SELECT 1", headers=accepted, enable_http_compression="1")
        assert headers["Content-Encoding"] == "gzip"
