"""What `up` decides before anything starts: address, port, which engines."""

import contextlib
import socket

import pytest

from lumenspan.embedded import engines
from lumenspan.embedded.folder import FolderRefused
from lumenspan.embedded.up import listen_host, listen_port

ALL = {"postgres", "valkey", "s3", "clickhouse"}


@pytest.mark.parametrize(
    ("variable", "engine"),
    [
        ("DATABASE_URL", "postgres"),
        ("REDIS_CONNECTION_STRING", "valkey"),
        ("LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT", "s3"),
        ("CLICKHOUSE_URL", "clickhouse"),
    ],
)
def test_an_engine_with_an_address_is_not_needed(variable: str, engine: str) -> None:
    assert set(engines.needed({variable: "somewhere"})) == ALL - {engine}
    assert set(engines.needed({variable: ""})) == ALL


def test_host_is_loopback_unless_the_environment_names_an_address() -> None:
    for name in ("", "localhost", socket.gethostname()):
        assert listen_host({"HOSTNAME": name}) == "127.0.0.1"
    assert listen_host({"HOSTNAME": "0.0.0.0"}) == "0.0.0.0"


def test_the_next_port_is_taken_when_the_usual_one_is_busy() -> None:
    with contextlib.ExitStack() as opened:
        with contextlib.suppress(OSError):  # busy already
            opened.enter_context(socket.create_server(("127.0.0.1", 3000)))
        assert listen_port({}, "127.0.0.1") > 3000


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(FolderRefused, match="allowed is a number from 1 to 65535"):
        listen_port({"PORT": port}, "127.0.0.1")
