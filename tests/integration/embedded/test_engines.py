"""The real engines: each starts, answers, keeps what it was given, and comes back after kill -9."""

import asyncio
import os
import pwd
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aioboto3
import asyncpg
import httpx
import pytest
import redis.asyncio as redis
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lumenspan.embedded import engines, seaweedfs
from lumenspan.embedded.engines import EngineAddresses, Plan
from lumenspan.embedded.folder import DataFolder
from lumenspan.embedded.supervisor import RunAs, Supervisor, shim_argv

pytestmark = pytest.mark.engines

S3 = "LANGFUSE_S3_EVENT_UPLOAD_"
DOWN = (OSError, EOFError, asyncpg.PostgresError, redis.RedisError, BotoCoreError, ClientError)


async def eventually(check: Callable[[], Awaitable[bool]], deadline_s: float = 30) -> None:
    """Wait until ``check`` is true; an engine that is down counts as not yet."""
    end = time.monotonic() + deadline_s
    while True:
        try:
            if await check():
                return
        except DOWN:
            if time.monotonic() > end:
                raise
        assert time.monotonic() < end, "not true within the deadline"
        await asyncio.sleep(0.02)


async def sql(addresses: EngineAddresses, statement: str) -> Any:
    connection = await asyncpg.connect(addresses.env["DATABASE_URL"])
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def valkey(addresses: EngineAddresses, *command: str) -> Any:
    client = redis.from_url(addresses.env["REDIS_CONNECTION_STRING"])
    try:
        return await client.execute_command(*command)
    finally:
        await client.aclose()


async def clickhouse(addresses: EngineAddresses, statement: str) -> str:
    """Answer of the ClickHouse endpoint, as text; ConnectionError for any other status than 200."""
    env = addresses.env
    credentials = {
        "X-ClickHouse-User": env["CLICKHOUSE_USER"],
        "X-ClickHouse-Key": env["CLICKHOUSE_PASSWORD"],
    }
    async with httpx.AsyncClient(base_url=env["CLICKHOUSE_URL"], headers=credentials, timeout=20) as client:
        try:
            answer = await client.post("/", content=statement)
        except httpx.TransportError as error:
            raise ConnectionError(str(error)) from error
    if answer.status_code != 200:
        raise ConnectionError(answer.text)
    return answer.text


def s3(addresses: EngineAddresses) -> Any:
    return aioboto3.Session().client(
        "s3",
        endpoint_url=addresses.env[f"{S3}ENDPOINT"],
        region_name=addresses.env[f"{S3}REGION"],
        aws_access_key_id=addresses.env[f"{S3}ACCESS_KEY_ID"],
        aws_secret_access_key=addresses.env[f"{S3}SECRET_ACCESS_KEY"],
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}, connect_timeout=2),
    )


async def read_object(addresses: EngineAddresses, key: str) -> bytes:
    async with s3(addresses) as client:
        answer = await client.get_object(Bucket=addresses.env[f"{S3}BUCKET"], Key=key)
        body: bytes = await answer["Body"].read()
        return body


async def write_object(addresses: EngineAddresses, key: str, body: bytes) -> None:
    async with s3(addresses) as client:
        await client.put_object(Bucket=addresses.env[f"{S3}BUCKET"], Key=key, Body=body)


async def write_everywhere(addresses: EngineAddresses) -> None:
    await sql(addresses, "CREATE TABLE kept AS SELECT 42 AS answer")
    await valkey(addresses, "SET", "kept", "42")
    await write_object(addresses, "kept", b"42" * 100_000)
    await clickhouse(addresses, "CREATE TABLE kept (answer UInt8) ENGINE = MergeTree ORDER BY answer")
    await clickhouse(addresses, "INSERT INTO kept VALUES (42)")


async def assert_kept(addresses: EngineAddresses) -> None:
    async def has_row() -> bool:
        return bool(await sql(addresses, "SELECT answer FROM kept") == 42)

    async def has_key() -> bool:
        return bool(await valkey(addresses, "GET", "kept") == b"42")

    async def has_object() -> bool:
        return await read_object(addresses, "kept") == b"42" * 100_000

    async def has_analytics_row() -> bool:
        return await clickhouse(addresses, "SELECT answer FROM kept") == "42\n"

    await eventually(has_analytics_row)
    await eventually(has_row)
    await eventually(has_key)
    await eventually(has_object)


async def answer_anything(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1000)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    writer.close()


NAMES = ("postgres", "valkey", "s3", "clickhouse")


class TestRunning:
    async def test_data_is_kept_over_restarts_and_on_other_ports(self, tmp_path: Path) -> None:
        async with engines.running(tmp_path / "data", NAMES) as addresses:
            await write_everywhere(addresses)
            pids = [status.pid for status in addresses.supervisor.statuses]
        assert not [pid for pid in pids if pid and Path(f"/proc/{pid}").exists()]
        (tmp_path / "data" / "run" / "ports.json").unlink()
        async with engines.running(tmp_path / "data", NAMES) as addresses:
            await assert_kept(addresses)

    async def test_each_engine_comes_back_after_kill_9_with_its_data(self, tmp_path: Path) -> None:
        async with engines.running(tmp_path / "data", NAMES) as addresses:
            await write_everywhere(addresses)
            for name in NAMES:
                pid = addresses.status(name).pid
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
            for name in NAMES:

                async def is_back(name: str = name) -> bool:
                    status = addresses.status(name)
                    return status.restarts >= 1 and status.state == "running"

                await eventually(is_back)
            await assert_kept(addresses)

    async def test_two_systems_live_side_by_side(self, tmp_path: Path) -> None:
        async with (
            engines.running(tmp_path / "one", NAMES) as one,
            engines.running(tmp_path / "other", NAMES) as other,
        ):
            await write_object(one, "mine", b"1")
            with pytest.raises(ClientError, match="NoSuchKey"):
                await read_object(other, "mine")

    async def test_wrong_passwords_are_refused(self, tmp_path: Path) -> None:
        async with engines.running(tmp_path / "data", NAMES) as addresses:
            env = dict(addresses.env)
            env["DATABASE_URL"] = env["DATABASE_URL"].replace("lumenspan:", "lumenspan:x")
            env["REDIS_CONNECTION_STRING"] = env["REDIS_CONNECTION_STRING"].replace(":@", ":x@")
            env["REDIS_CONNECTION_STRING"] = env["REDIS_CONNECTION_STRING"].replace("//:", "//:x")
            env[f"{S3}SECRET_ACCESS_KEY"] += "x"
            env["CLICKHOUSE_PASSWORD"] += "x"
            wrong = EngineAddresses(env, addresses.supervisor)
            with pytest.raises(asyncpg.InvalidPasswordError):
                await sql(wrong, "SELECT 1")
            with pytest.raises(redis.AuthenticationError):
                await valkey(wrong, "PING")
            with pytest.raises(ConnectionError, match="516"):
                await clickhouse(wrong, "SELECT 1")
            with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
                await write_object(wrong, "kept", b"")

    # SeaweedFS goes to another gRPC port by itself.
    @pytest.mark.parametrize("name", ["postgres", "valkey", "clickhouse", "s3-gateway", "s3-filer"])
    async def test_a_port_that_is_taken_between_choice_and_use_is_chosen_anew(
        self, tmp_path: Path, name: str
    ) -> None:
        engine = "s3" if name in seaweedfs.PORTS else name
        folder = DataFolder.at(tmp_path / "data")
        with folder.locked() as secrets:
            plan = Plan(folder, secrets, [engine])
            before = plan.ports[name]
            supervisor = Supervisor(folder.logs, folder.run)
            # Answers like the engine's own health page, so as to be taken for it.
            async with await asyncio.start_server(answer_anything, "127.0.0.1", before):
                try:
                    await plan.start(supervisor)
                    assert plan.ports[name] != before
                    assert [status.state for status in supervisor.statuses] == ["running"]
                    assert str(before) not in str(plan.env)
                finally:
                    await supervisor.stop()

    async def test_only_loopback_is_listened_on(self, tmp_path: Path) -> None:
        async with engines.running(tmp_path / "data", NAMES) as addresses:
            ports = {status.port for status in addresses.supervisor.statuses}
            listeners = listening()
            assert ports <= {port for _, port in listeners}
            pids_ports = [(address, port) for address, port in listeners if port in ports]
            assert {address for address, _ in pids_ports} == {"127.0.0.1"}


ORDINARY_UID = pwd.getpwnam("nobody").pw_uid
CAP_DAC_READ_SEARCH = 2
START = """
import asyncio, os, sys
sys.path[:0] = sys.argv[2:]
from lumenspan.embedded import engines
async def main():
    async with engines.running(sys.argv[1]) as addresses:
        owners = {os.stat(f"/proc/{status.pid}").st_uid for status in addresses.supervisor.statuses}
        sys.stdout.write(f"{len(addresses.supervisor.statuses)} engines of {owners}")
asyncio.run(main())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user tests this with all other tests")
class TestOrdinaryUser:
    async def test_all_engines_run_as_that_user(self) -> None:
        # Not below the folder of pytest, which only root may enter.
        with tempfile.TemporaryDirectory() as parent:
            os.chown(parent, ORDINARY_UID, ORDINARY_UID)
            program = (sys.executable, "-c", START, f"{parent}/data", *sys.path)
            # The capability lets it read the interpreter wherever that is; it may write only what it owns.
            process = await asyncio.create_subprocess_exec(
                *shim_argv(program, RunAs(ORDINARY_UID, CAP_DAC_READ_SEARCH), signal.SIGKILL),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=bare_env(),
            )
            output, log = await process.communicate()
        assert f"4 engines of {{{ORDINARY_UID}}}" in output.decode(), log.decode()


def bare_env() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "HOME": "/nonexistent"}


def listening() -> list[tuple[str, int]]:
    """Address and port of each listening IPv4 socket of this machine."""
    found = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *_ = line.split()
        if state == "0A":
            address, port = local.split(":")
            found.append((".".join(str(byte) for byte in reversed(bytes.fromhex(address))), int(port, 16)))
    return found
