"""Calls are refused while too much waits, each project's before they stand in the way of others."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from lumenspan.errors import RateLimited, Unavailable
from lumenspan.ingest import jobs
from lumenspan.storage.queue import namespace
from tests.integration.ingest.conftest import Clients
from tests.integration.ingest.test_gate import header
from tests.integration.ingest.test_sweeper import forget_queue

pytestmark = pytest.mark.engines


@pytest.fixture(autouse=True)
def nothing_is_believed_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lumenspan.ingest.pressure._BELIEVED_NS", 0)


async def test_a_project_with_a_backlog_is_refused_and_others_are_not(clients: Clients) -> None:
    gate = clients.gate(ingest_group_ms=0, project_backlog_payloads=3)
    noisy, quiet = uuid.uuid4().hex, uuid.uuid4().hex
    keys = [(await gate.accept(header(noisy), b"x")).blob_key for _ in range(4)]
    with pytest.raises(RateLimited) as refused:
        await gate.accept(header(noisy), b"x")
    assert refused.value.retry_after_s > 0
    await gate.accept(header(quiet), b"x")
    # Once something was processed there is room again.
    await clients.queue.settle(jobs.QUEUE, noisy, keys[0])
    await gate.accept(header(noisy), b"x")


async def test_all_are_refused_while_the_queue_is_full(clients: Clients) -> None:
    gate = clients.gate(ingest_group_ms=0, backlog_payloads=3)
    for _ in range(4):
        await gate.accept(header(uuid.uuid4().hex), b"x")
    with pytest.raises(Unavailable) as refused:
        await gate.accept(header(uuid.uuid4().hex), b"x")
    assert refused.value.engine == "ingest"
    await forget_queue(clients)
    await gate.accept(header(uuid.uuid4().hex), b"x")


async def test_shares_are_served_in_turn(clients: Clients) -> None:
    """Ten payloads of one project came first; the other's two go second and fourth at the latest."""
    gate = clients.gate(ingest_group_ms=0)
    noisy, quiet = uuid.uuid4().hex, uuid.uuid4().hex
    for project, count in ((noisy, 10), (quiet, 2)):
        for _ in range(count):
            await gate.accept(header(project), b"x")
    name = f"{namespace(clients.settings)}:{jobs.QUEUE}"
    ids: Any = await clients.redis.zrange(f"{name}.fair", 0, 3)
    bodies = [await clients.redis.hget(f"{name}.msgs", each) for each in ids]  # type: ignore[misc]
    served = [quiet in str(body) for body in bodies]
    assert sum(served) == 2
