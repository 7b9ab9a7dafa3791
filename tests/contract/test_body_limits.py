"""Bodies that are too long: refused as soon as that is known, and never read to their end."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest

from tests.conftest import ProjectAccess
from tests.integration.server.conftest import RunningServer

MIB = 1 << 20
CONFIG = {"name": "size", "dataType": "NUMERIC"}


async def test_most_routes_take_one_mebibyte(server: RunningServer, project: ProjectAccess) -> None:
    fits = CONFIG | {"description": "d" * (MIB - 1024)}
    answer = await server.client.post("/api/public/score-configs", json=fits, headers=project.headers)
    assert answer.status_code == 200, answer.text
    longer = CONFIG | {"description": "d" * MIB}
    answer = await server.client.post("/api/public/score-configs", json=longer, headers=project.headers)
    assert answer.status_code == 413
    assert set(answer.json()) == {"message", "error"}


@pytest.mark.parametrize(("size", "status"), [(4 * MIB, 200), (5 * MIB, 413)])
async def test_dataset_items_may_be_larger(
    server: RunningServer, project: ProjectAccess, size: int, status: int
) -> None:
    await server.client.post("/api/public/v2/datasets", json={"name": "large"}, headers=project.headers)
    item = {"datasetName": "large", "input": "i" * size}
    answer = await server.client.post("/api/public/dataset-items", json=item, headers=project.headers)
    assert answer.status_code == status, answer.text[:500]


async def test_a_body_without_an_announced_length_is_not_read_to_its_end(
    server: RunningServer, project: ProjectAccess
) -> None:
    address = urlsplit(server.base_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(
        b"POST /api/public/score-configs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        + f"Authorization: {project.authorization}\r\n\r\n".encode()
    )
    answering = asyncio.create_task(reader.readline())
    sent = 0
    try:
        while not answering.done() and sent < 256 * MIB:
            chunk = b" " * (64 << 10)
            writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            await writer.drain()
            sent += len(chunk)
            # Lets the answer in: draining alone does not wait where the buffers have room.
            await asyncio.sleep(0)
    except ConnectionError:
        pass
    assert await answering == b"HTTP/1.1 413 Request Entity Too Large\r\n"
    assert sent < 256 * MIB
    writer.close()
