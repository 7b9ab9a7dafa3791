"""Server, worker and queue killed or stopped under load: nothing that was acknowledged is lost or late."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator

import httpx
import pytest

from lumenspan.ingest import jobs
from lumenspan.storage.cache import connect_redis
from lumenspan.storage.queue import namespace
from tests.conftest import ProjectAccess
from tests.integration.outages.system import System
from tests.support import eventually

pytestmark = [pytest.mark.engines, pytest.mark.chaos]

CLIENTS = 4


@contextlib.asynccontextmanager
async def load(system: System, project: ProjectAccess) -> AsyncIterator[list[str]]:
    """Clients that send one call after another; yields the ids that were acknowledged so far."""
    acknowledged: list[str] = []
    is_over = asyncio.Event()

    async def client() -> None:
        while not is_over.is_set():
            try:
                answer, ids = await system.send(project)
            except httpx.TransportError:
                await asyncio.sleep(0.05)
                continue
            assert answer.status_code in (200, 503), answer.text
            if answer.status_code == 200:
                acknowledged.extend(ids)

    tasks = [asyncio.create_task(client()) for _ in range(CLIENTS)]

    async def has_begun() -> bool:
        return len(acknowledged) > 200

    await eventually(has_begun)
    try:
        yield acknowledged
    finally:
        is_over.set()
        await asyncio.gather(*tasks)


async def goes_on(acknowledged: list[str]) -> None:
    before = len(acknowledged)

    async def has_more() -> bool:
        return len(acknowledged) > before + 100

    await eventually(has_more, timeout_s=30)


async def held_jobs(system: System) -> int:
    """Messages that workers have fetched and not settled."""
    redis = connect_redis(system.settings)
    try:
        names = [
            name async for name in redis.scan_iter(f"{namespace(system.settings)}:__acks__.*.{jobs.QUEUE}")
        ]
        return sum([await redis.scard(name) for name in names])  # type: ignore[misc]
    finally:
        await redis.aclose()


async def test_jobs_of_a_killed_worker_run_elsewhere_soon(system: System, project: ProjectAccess) -> None:
    sent = await system.send_until_taken(project)
    await system.until_readable(project, sent)
    # Inserts hang, so the worker holds what it fetched.
    system.kill("clickhouse", signal.SIGSTOP)
    try:
        for _ in range(12):
            sent += await system.send_until_taken(project)

        async def are_held() -> bool:
            return await held_jobs(system) >= 4

        await eventually(are_held)
        system.kill("worker")
    finally:
        system.kill("clickhouse", signal.SIGCONT)
    await system.until_readable(project, sent)


@pytest.mark.parametrize("part", ["worker", "server"])
async def test_a_part_killed_under_load_loses_nothing(
    system: System, project: ProjectAccess, part: str
) -> None:
    async with load(system, project) as acknowledged:
        await system.restart(part)
        await goes_on(acknowledged)
    await system.until_readable(project, acknowledged)


async def test_a_queue_killed_under_load_loses_nothing(system: System, project: ProjectAccess) -> None:
    async with load(system, project) as acknowledged, system.without("valkey"):
        assert (await system.send(project))[0].status_code == 503
    await system.until_readable(project, acknowledged)
    async with load(system, project) as acknowledged:
        pass
    await system.until_readable(project, acknowledged)


@pytest.mark.parametrize("part", ["worker", "server"])
async def test_a_part_told_to_stop_under_load_finishes_first(
    system: System, project: ProjectAccess, part: str
) -> None:
    async with load(system, project) as acknowledged:
        restarts = system.status(part).restarts
        system.kill(part, signal.SIGTERM)

        async def has_ended() -> bool:
            return system.status(part).restarts > restarts

        await eventually(has_ended)
        await system.until_running(part)
        await goes_on(acknowledged)
    await system.until_readable(project, acknowledged)


async def test_a_worker_that_waits_for_an_engine_stops_at_once(
    system: System, project: ProjectAccess
) -> None:
    sent = await system.send_until_taken(project)
    async with system.without("clickhouse"):
        sent += await system.send_until_taken(project)

        async def is_waiting() -> bool:
            return "waiting for an engine" in system.log("worker")

        await eventually(is_waiting)
        restarts = system.status("worker").restarts
        system.kill("worker", signal.SIGTERM)

        async def has_ended() -> bool:
            return system.status("worker").restarts > restarts

        await eventually(has_ended)
    await system.until_running("worker")
    await system.until_readable(project, sent)
