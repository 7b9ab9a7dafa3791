"""The gate on a real S3 and Valkey: an answer means stored and enqueued."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import orjson
import pytest

from lumenspan.errors import Unavailable
from lumenspan.ingest import jobs
from lumenspan.ingest.envelope import FrameHeader, unpack
from lumenspan.ingest.otlp import PROTOBUF
from lumenspan.storage.queue import JobQueue, namespace
from tests.integration.ingest.conftest import Clients, open_clients
from tests.support import free_port

pytestmark = pytest.mark.engines


def header(project_id: str, received_at: int = 1) -> FrameHeader:
    return FrameHeader(project_id, PROTOBUF, received_at)


async def queued_keys(clients: Clients) -> list[str]:
    """Blob keys of the jobs in the queue, in the order in which they will be served."""
    name = f"{namespace(clients.settings)}:{jobs.QUEUE}"
    ids: Any = await clients.redis.zrange(f"{name}.fair", 0, -1)
    bodies = [await clients.redis.hget(f"{name}.msgs", each) for each in ids]  # type: ignore[misc]
    return [orjson.loads(body or b"")["args"][0] for body in bodies]


async def test_calls_that_arrive_together_share_one_object_and_one_job(clients: Clients) -> None:
    gate = clients.gate(ingest_group_ms=1000)
    project = uuid.uuid4().hex
    results = await asyncio.gather(*(gate.accept(header(project, i), b"body %d" % i) for i in range(20)))
    keys = {result.blob_key for result in results}
    assert len(keys) == 1
    assert await queued_keys(clients) == list(keys)
    frames = unpack(await clients.blobs.get(keys.pop()))
    assert sorted(frame.body for frame in frames) == sorted(b"body %d" % i for i in range(20))
    assert gate.pending_bytes == 0


async def test_projects_never_share_an_object(clients: Clients) -> None:
    gate = clients.gate(ingest_group_ms=50)
    results = await asyncio.gather(*(gate.accept(header(name), b"x") for name in ("a", "b", "a/b", "..")))
    keys = [result.blob_key for result in results]
    assert len(set(keys)) == 4
    for key, name in zip(keys, ("a", "b", "a/b", ".."), strict=True):
        (frame,) = unpack(await clients.blobs.get(key))
        assert frame.header.project_id == name
        assert len(key.removeprefix(clients.settings.s3_prefix).split("/")) == 8


async def test_a_full_group_is_written_at_once(clients: Clients) -> None:
    gate = clients.gate(ingest_group_ms=3_600_000, ingest_group_mib=1)
    async with asyncio.timeout(60):
        await gate.accept(header("p"), bytes(1 << 20))


async def test_a_caller_that_hangs_up_leaves_the_others_alone(clients: Clients) -> None:
    gate = clients.gate(ingest_group_ms=100)
    gone = asyncio.create_task(gate.accept(header("p"), b"1"))
    stays = asyncio.create_task(gate.accept(header("p"), b"2"))
    await asyncio.sleep(0)
    gone.cancel()
    result = await stays
    assert len(unpack(await clients.blobs.get(result.blob_key))) == 2


async def test_too_much_waiting_is_refused(clients: Clients) -> None:
    gate = clients.gate(ingest_group_ms=300, ingest_pending_mib=1)
    waiting = asyncio.create_task(gate.accept(header("p"), bytes(800 << 10)))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await gate.accept(header("q"), bytes(300 << 10))
    await waiting
    await gate.accept(header("q"), bytes(300 << 10))


async def test_closing_writes_what_is_waiting(clients: Clients) -> None:
    gate = clients.gate(ingest_group_ms=1000)
    waiting = asyncio.create_task(gate.accept(header("p"), b"x"))
    await asyncio.sleep(0)
    await gate.close()
    assert waiting.done() or (await waiting).blob_key
    assert len(await queued_keys(clients)) == 1


async def test_a_store_that_is_down_is_unavailable_and_names_it(clients: Clients) -> None:
    down = clients.settings.model_copy(update={"s3_endpoint": f"http://127.0.0.1:{free_port()}"})
    async with open_clients(down) as broken:
        gate = broken.gate()
        with pytest.raises(Unavailable) as caught:
            await gate.accept(header("p"), b"x")
        assert caught.value.engine == "s3"
        assert gate.pending_bytes == 0


async def test_a_queue_that_is_down_is_unavailable_and_names_it(clients: Clients) -> None:
    from pydantic import SecretStr

    address = SecretStr(f"redis://127.0.0.1:{free_port()}/0")
    async with open_clients(
        clients.settings.model_copy(update={"redis_connection_string": address})
    ) as broken:
        assert isinstance(broken.queue, JobQueue)
        with pytest.raises(Unavailable) as caught:
            await broken.gate().accept(header("p"), b"x")
        assert caught.value.engine == "redis"
