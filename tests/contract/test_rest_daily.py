"""The daily summary: which day an observation counts for, and that nothing counts twice."""

from __future__ import annotations

from typing import Any

from tests.conftest import ProjectAccess
from tests.factories.observations import SECOND_NS, insert, observation
from tests.integration.server.conftest import RunningServer

DAILY = "/api/public/metrics/daily"
DAY_NS = 86_400 * SECOND_NS
# 2026-03-02T00:00:00Z
BEGIN = 1_772_409_600 * SECOND_NS


def call(project_id: str, trace: str, number: int, start_ns: int, cost: str = "0.5") -> dict[str, Any]:
    return observation(
        project_id,
        trace_id=trace,
        id=f"{trace}-{number}",
        parent_id=f"{trace}-0" if number else "",
        user_id="ann",
        type="GENERATION",
        model="gpt",
        start_time=start_ns,
        end_time=start_ns + SECOND_NS,
        event_ts=start_ns + SECOND_NS,
        usage={"input": 1, "input_cached": 2, "output": 4, "total": 7},
        cost={"total": cost},
    )


async def days(server: RunningServer, access: ProjectAccess, **params: Any) -> list[tuple[Any, ...]]:
    answer = await server.client.get(DAILY, params=params, headers=access.headers)
    assert answer.status_code == 200, answer.text
    return [
        (
            day["date"],
            day["countTraces"],
            day["countObservations"],
            day["totalCost"],
            [(each["inputUsage"], each["outputUsage"], each["countTraces"]) for each in day["usage"]],
        )
        for day in answer.json()["data"]
    ]


async def test_a_trace_counts_for_the_day_on_which_it_began(
    server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    midnight = BEGIN + DAY_NS
    rows = [
        # One second before midnight, then one day and two days after that.
        *(
            call(project.project_id, "long", number, midnight - SECOND_NS + number * DAY_NS)
            for number in range(3)
        ),
        call(project.project_id, "short", 0, midnight),
        call(project.project_id, "short", 1, midnight + SECOND_NS),
    ]
    await insert(server.services.clickhouse, rows)
    await insert(server.services.clickhouse, [call(other_project.project_id, "long", 0, midnight)])
    expected = [
        ("2026-03-03", 1, 2, 1.0, [(6, 8, 1)]),
        ("2026-03-02", 1, 3, 1.5, [(9, 12, 1)]),
    ]
    assert await days(server, project) == expected
    # The same where traces are chosen, which is another way to read them.
    assert await days(server, project, userId="ann") == expected
    assert await days(server, project, limit=1) == expected[:1]
    assert await days(server, project, limit=1, page=2) == expected[1:]
    assert await days(server, project, limit=1, page=3) == []


async def test_what_was_written_again_counts_once_with_its_newest_cost(
    server: RunningServer, project: ProjectAccess
) -> None:
    first = call(project.project_id, "t", 0, BEGIN)
    await insert(server.services.clickhouse, [first])
    again = {**first, "event_ts": first["event_ts"] + 1, "cost": {"total": "0.25"}}
    await insert(server.services.clickhouse, [again])
    await insert(server.services.clickhouse, [first])
    assert await days(server, project) == [("2026-03-02", 1, 1, 0.25, [(3, 4, 1)])]


async def test_days_of_deleted_traces_are_gone(server: RunningServer, project: ProjectAccess) -> None:
    rows = [call(project.project_id, trace, 0, BEGIN + at * DAY_NS) for at, trace in enumerate("abc")]
    await insert(server.services.clickhouse, rows)
    answer = await server.client.delete("/api/public/traces/b", headers=project.headers)
    assert answer.status_code == 200
    assert [(day[0], day[1], day[2]) for day in await days(server, project)] == [
        ("2026-03-04", 1, 1),
        ("2026-03-02", 1, 1),
    ]


async def test_a_day_without_cost_has_none(server: RunningServer, project: ProjectAccess) -> None:
    row = call(project.project_id, "t", 0, BEGIN) | {"cost": {}, "usage": {}, "model": ""}
    await insert(server.services.clickhouse, [row])
    assert await days(server, project) == [("2026-03-02", 1, 1, 0, [(0, 0, 1)])]


async def test_a_filter_by_cost_takes_the_newest_write(
    server: RunningServer, project: ProjectAccess
) -> None:
    dear, cheap = (call(project.project_id, trace, 0, BEGIN) for trace in ("dear", "cheap"))
    await insert(server.services.clickhouse, [dear, cheap])
    again = {**dear, "event_ts": dear["event_ts"] + 1, "cost": {"total": "2"}}
    await insert(server.services.clickhouse, [again])
    wanted = '[{"type":"number","column":"totalCost","operator":"%s","value":%s}]'

    async def found(operator: str, value: float) -> list[str]:
        params = {"filter": wanted % (operator, value), "fields": "core"}
        answer = await server.client.get("/api/public/traces", params=params, headers=project.headers)
        return [row["id"] for row in answer.json()["data"]]

    assert await found(">", 1.9) == ["dear"]
    assert await found(">", 2.1) == []
    assert await found("<", 1) == ["cheap"]
