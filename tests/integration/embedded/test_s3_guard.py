"""Nobody but the gateway gets at what is stored: the other ports of S3 refuse strangers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator

import grpc
import httpx
import pytest

from lumenspan.embedded.engines import EngineAddresses, Plan
from lumenspan.embedded.folder import DataFolder
from lumenspan.embedded.supervisor import Supervisor

from .test_engines import read_object, write_object

pytestmark = pytest.mark.engines

KEY, BODY = "a/secret", b"secret " * 2000


@pytest.fixture(scope="module")
async def ports(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, int]]:
    """Ports of a running S3 that holds one object."""
    folder = DataFolder.at(tmp_path_factory.mktemp("guard") / "data")
    with folder.locked() as secrets:
        plan = Plan(folder, secrets, ["s3"])
        supervisor = Supervisor(folder.logs, folder.run)
        try:
            await plan.start(supervisor)
            addresses = EngineAddresses(plan.env, supervisor)
            await write_object(addresses, KEY, BODY)
            assert await read_object(addresses, KEY) == BODY
            for name in ("s3-key.pem", "s3-certificate.pem", "s3.json"):
                assert (folder.run / name).stat().st_mode & 0o077 == 0
            yield plan.ports
        finally:
            await supervisor.stop()


@pytest.mark.parametrize(
    ("port", "path"),
    [
        ("s3-filer", f"/buckets/lumenspan/{KEY}"),
        ("s3-filer", "/buckets/lumenspan/?limit=10"),
        ("s3-filer", "/"),
        ("s3-volume", "/1,01637037d6"),
        ("s3-volume", "/ui/index.html"),
        ("s3-gateway", f"/lumenspan/{KEY}"),
        ("s3-gateway", "/lumenspan"),
    ],
)
async def test_reading_without_credentials_is_refused(ports: dict[str, int], port: str, path: str) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{ports[port]}{path}")
    assert answer.status_code in (401, 403)
    assert b"secret secret" not in answer.content


async def test_writing_and_deleting_in_the_filer_is_refused(ports: dict[str, int]) -> None:
    url = f"http://127.0.0.1:{ports['s3-filer']}/buckets/lumenspan/{KEY}"
    async with httpx.AsyncClient() as client:
        assert (await client.delete(url)).status_code == 401
        assert (await client.post(url, files={"file": b"x"})).status_code == 401


@pytest.mark.parametrize("path", ["/dir/assign", "/dir/status", "/col/delete?collection=lumenspan"])
async def test_the_master_does_not_talk_to_strangers(ports: dict[str, int], path: str) -> None:
    async with httpx.AsyncClient(verify=False) as client:
        assert (await client.get(f"http://127.0.0.1:{ports['s3-master']}{path}")).status_code == 400
        with pytest.raises((ssl.SSLError, httpx.TransportError)):
            await client.get(f"https://127.0.0.1:{ports['s3-master']}{path}")


@pytest.mark.parametrize(
    ("port", "method"),
    [
        ("s3-filer-grpc", "/filer_pb.SeaweedFiler/GetFilerConfiguration"),
        ("s3-master-grpc", "/master_pb.Seaweed/GetMasterConfiguration"),
        ("s3-volume-grpc", "/volume_server_pb.VolumeServer/VolumeServerStatus"),
        ("s3-gateway-grpc", "/messaging_pb.SeaweedS3IamCache/PutIdentity"),
    ],
)
async def test_grpc_without_the_certificate_is_refused(
    ports: dict[str, int], port: str, method: str
) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{ports[port]}") as channel:
        call = channel.unary_unary(method)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await asyncio.wait_for(call(b"", timeout=10), 20)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
