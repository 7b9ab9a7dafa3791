"""What senders are told while an engine is down, and that all they were promised is there afterwards."""

from __future__ import annotations

import pytest

from tests.conftest import ProjectAccess
from tests.integration.outages.system import System

pytestmark = [pytest.mark.engines, pytest.mark.chaos]


@pytest.mark.parametrize(("part", "engine"), [("s3", "s3"), ("valkey", "redis")])
async def test_what_makes_calls_durable_is_missed_at_once(
    system: System, project: ProjectAccess, part: str, engine: str
) -> None:
    before = await system.send_until_taken(project)
    logged = len(system.log("server"))
    async with system.without(part):
        answer, refused = await system.send(project)
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["retry-after"]) > 0
        assert engine in answer.json()["message"]
        assert any(
            "unavailable" in line and f"engine={engine}" in line
            for line in system.log("server")[logged:].splitlines()
        )
    after = await system.send_until_taken(project)
    await system.until_readable(project, before + after)
    assert set(await system.read(project)) - set(refused) == {*before, *after}


@pytest.mark.parametrize("part", ["postgres", "clickhouse"])
async def test_ingestion_goes_on_without_what_only_reads_need(
    system: System, project: ProjectAccess, part: str
) -> None:
    sent = await system.send_until_taken(project)
    async with system.without(part):
        for _ in range(5):
            answer, ids = await system.send(project)
            assert answer.status_code == 200, answer.text
            sent += ids
    await system.until_readable(project, sent)


async def test_a_key_that_no_cache_knows_waits_for_postgresql(
    system: System, project: ProjectAccess
) -> None:
    logged = len(system.log("server"))
    async with system.without("postgres"):
        answer, _ = await system.send(project)
        assert answer.status_code == 503, answer.text
        assert answer.headers["retry-after"]
        assert "engine=postgresql" in system.log("server")[logged:]
    await system.until_readable(project, await system.send_until_taken(project))


async def test_spans_are_readable_while_postgresql_is_down(system: System, project: ProjectAccess) -> None:
    sent = await system.send_until_taken(project)
    async with system.without("postgres"):
        answer, ids = await system.send(project)
        assert answer.status_code == 200
        await system.until_readable(project, sent + ids)
