"""A large project built inside ClickHouse: the right rows, the same ones again, and only in its project."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lumenspan.demo import large
from lumenspan.ids import ProjectId, new_id
from lumenspan.settings import Settings
from lumenspan.storage.clickhouse import ClickHouse, Sql

NOW = datetime(2026, 3, 4, 15, 6, 7, tzinfo=UTC)


@pytest.fixture
async def clickhouse(settings: Settings) -> AsyncIterator[ClickHouse]:
    made = ClickHouse(settings)
    yield made
    await made.close()


async def build(
    clickhouse: ClickHouse, project_id: ProjectId, count: int, now: datetime = NOW
) -> list[int]:
    return [done async for done in large.build(clickhouse, project_id, count, now)]


async def ask(clickhouse: ClickHouse, project_id: ProjectId, select: str) -> dict[str, Any]:
    """One row of the project's observations, each id once."""
    text = (
        f"SELECT {select} FROM (SELECT * FROM observations WHERE project_id = {{project_id:String}} "
        "ORDER BY event_ts DESC LIMIT 1 BY trace_id, id)"
    )
    (row,) = await clickhouse.query_dicts(Sql(text, {"project_id": project_id}))
    return row


async def test_builds_the_count_asked_for(clickhouse: ClickHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "_CHUNK_ROWS", 1000)
    project_id = ProjectId(new_id())
    assert await build(clickhouse, project_id, 2345) == [1000, 2000, 2345]
    found = await ask(
        clickhouse,
        project_id,
        "count() AS spans, uniqExact(trace_id) AS traces, uniqExact(type) AS types, uniqExact(level) AS "
        "levels, uniqExact(user_id) AS users, uniqExact(session_id) AS sessions, countIf(parent_id = '') "
        "AS roots, countIf(end_time < start_time) AS backwards, avg(length(input) + length(output)) AS "
        "size, min(start_time) AS first, max(end_time) AS last, countIf(empty(tags)) AS untagged, "
        "countIf(type = 'GENERATION' AND usage['total'] = usage['input'] + usage['output'] "
        "AND cost['total'] > 0) AS priced, countIf(type = 'GENERATION') AS generations",
    )
    assert (found["spans"], found["traces"], found["roots"]) == (2345, 235, 235)
    assert (found["types"], found["levels"], found["backwards"], found["untagged"]) == (7, 4, 0, 0)
    assert found["users"] > 100
    assert found["sessions"] in (59, 60)
    assert 1400 < found["size"] < 1800
    assert found["priced"] == found["generations"] > 500
    now_ns, day_ns = int(NOW.timestamp()) * 10**9, 86_400 * 10**9
    assert found["last"] <= now_ns
    assert now_ns - 31 * day_ns < found["first"] < now_ns - 29 * day_ns


async def test_every_parent_exists(clickhouse: ClickHouse) -> None:
    project_id = ProjectId(new_id())
    await build(clickhouse, project_id, 500)
    found = await ask(
        clickhouse,
        project_id,
        "groupUniqArray((trace_id, id)) AS ids, groupUniqArrayIf((trace_id, parent_id), parent_id != '') "
        "AS parents",
    )
    assert len(found["ids"]) == 500
    assert set(map(tuple, found["parents"])) <= set(map(tuple, found["ids"]))


async def test_rollup_knows_every_trace(clickhouse: ClickHouse) -> None:
    project_id = ProjectId(new_id())
    await build(clickhouse, project_id, 300)
    text = (
        "SELECT count() AS traces, countIf(name != '') AS named FROM (SELECT trace_id, max(trace_name).2 "
        "AS name FROM trace_rollup WHERE project_id = {project_id:String} GROUP BY trace_id)"
    )
    (row,) = await clickhouse.query_dicts(Sql(text, {"project_id": project_id}))
    assert row == {"traces": 30, "named": 30}


async def test_repeated_run_changes_nothing(clickhouse: ClickHouse) -> None:
    project_id = ProjectId(new_id())
    select = (
        "count() AS spans, sum(cityHash64(id, start_time, end_time, input, output, cost['total'])) AS sum"
    )
    await build(clickhouse, project_id, 400)
    before = await ask(clickhouse, project_id, select)
    await build(clickhouse, project_id, 400)
    assert await ask(clickhouse, project_id, select) == before
    assert before["spans"] == 400


async def test_later_run_adds_only_the_new_time(clickhouse: ClickHouse) -> None:
    project_id = ProjectId(new_id())
    await build(clickhouse, project_id, 400)
    await build(clickhouse, project_id, 400, NOW + timedelta(days=3))
    # A tenth of 30 days is new: four of the forty traces.
    assert (await ask(clickhouse, project_id, "uniqExact(trace_id) AS traces"))["traces"] == 44


async def test_other_projects_stay_empty(clickhouse: ClickHouse) -> None:
    await build(clickhouse, ProjectId(new_id()), 100)
    assert (await ask(clickhouse, ProjectId(new_id()), "count() AS spans"))["spans"] == 0


def test_project_is_a_parameter_and_never_text() -> None:
    sql = large.chunk(ProjectId("a'b"), seed=1, first_slot=1, width_ns=1, offset=0, rows=1)
    assert "a'b" not in sql.text
    assert sql.params["project_id"] == "a'b"
