"""What an operator may ask of the lists of the first version: a start in time, and fewer fields."""

from __future__ import annotations

import json
from typing import Any

import httpx

from lumenspan.clock import nanos_to_iso, now_nanos
from lumenspan.settings import Settings
from tests.conftest import ProjectAccess
from tests.factories.observations import HOUR_NS, insert, observation
from tests.integration.server.conftest import RunningServer, serving

LISTS = [
    ("traces", "fromTimestamp", "toTimestamp", "timestamp"),
    ("observations", "fromStartTime", "toStartTime", "startTime"),
]
DAY_NS = 24 * HOUR_NS


async def get(server: RunningServer, access: ProjectAccess, path: str, **params: Any) -> httpx.Response:
    return await server.client.get(f"/api/public/{path}", params=params, headers=access.headers)


async def ids(server: RunningServer, access: ProjectAccess, path: str, **params: Any) -> set[str]:
    answer = await get(server, access, path, **params)
    assert answer.status_code == 200, answer.text
    return {row["id"] for row in answer.json()["data"]}


async def seed(server: RunningServer, access: ProjectAccess, now: int) -> None:
    """One of an hour ago, one of ten days ago; a trace has the id of its observation."""
    rows = [
        observation(access.project_id, trace_id=id_, id=id_, start_time=now - ago, input="text")
        for id_, ago in (("new", HOUR_NS), ("old", 10 * DAY_NS))
    ]
    await insert(server.services.clickhouse, rows)


def filter_of(column: str, operator: str, nanos: int) -> str:
    condition = {"type": "datetime", "column": column, "operator": operator, "value": nanos_to_iso(nanos)}
    return json.dumps([condition])


async def test_nothing_is_asked_by_default(server: RunningServer, project: ProjectAccess) -> None:
    await seed(server, project, now_nanos())
    for path, *_ in LISTS:
        assert await ids(server, project, path) == {"new", "old"}


async def test_a_start_is_required(settings: Settings, project: ProjectAccess) -> None:
    now = now_nanos()
    # LUMENSPAN_API_REQUIRE_DATE_RANGE=true
    async with serving(settings.model_copy(update={"is_date_range_required": True})) as strict:
        await seed(strict, project, now)
        for path, start, end, column in LISTS:
            for params in (
                {},
                {end: nanos_to_iso(now)},
                {"filter": filter_of(column, "<", now)},
            ):
                refused = await get(strict, project, path, **params)
                body = refused.json()
                assert (refused.status_code, body["message"]) == (400, "Invalid request data")
                assert body["error"][0]["path"] == [start]
            since = now - DAY_NS
            assert await ids(strict, project, path, **{start: nanos_to_iso(since)}) == {"new"}
            assert await ids(strict, project, path, filter=filter_of(column, ">=", since)) == {"new"}
            assert (await get(strict, project, f"{path}/old")).status_code == 200
        assert await ids(strict, project, "v2/observations") == {"new", "old"}


async def test_a_list_goes_back_some_days(settings: Settings, project: ProjectAccess) -> None:
    now = now_nanos()
    # LUMENSPAN_API_DEFAULT_DATE_RANGE_DAYS=7
    async with serving(settings.model_copy(update={"default_date_range_days": 7})) as bounded:
        await seed(bounded, project, now)
        for path, start, end, column in LISTS:
            assert await ids(bounded, project, path) == {"new"}
            # The days are those before the end of the range.
            before = now - 5 * DAY_NS
            assert await ids(bounded, project, path, **{end: nanos_to_iso(before)}) == {"old"}
            assert await ids(bounded, project, path, filter=filter_of(column, "<", before)) == {"old"}
            assert await ids(bounded, project, path, **{end: "9999-12-31T23:59:59Z"}) == {"new"}
            assert await ids(bounded, project, path, **{end: "0001-01-01T00:00:00Z"}) == set()
            since = now - 20 * DAY_NS
            assert await ids(bounded, project, path, **{start: nanos_to_iso(since)}) == {"new", "old"}
            assert await ids(bounded, project, path, filter=filter_of(column, ">", since)) == {"new", "old"}
        meta = (await get(bounded, project, "traces")).json()["meta"]
        assert meta["totalItems"] == 1


async def test_fields_of_traces_that_are_not_asked_for(settings: Settings, project: ProjectAccess) -> None:
    # LUMENSPAN_API_TRACES_DEFAULT_FIELDS=core,metrics
    async with serving(settings.model_copy(update={"default_trace_fields": "core,metrics"})) as brief:
        await seed(brief, project, now_nanos())
        for params, text, has_latency in (
            ({}, None, True),
            ({"fields": ""}, None, True),
            ({"fields": "core,io"}, "text", False),
            ({"fields": "unknown"}, "text", True),
        ):
            row = (await get(brief, project, "traces", limit=1, **params)).json()["data"][0]
            assert (row["input"], row["latency"] >= 0) == (text, has_latency), params
        assert (await get(brief, project, "traces/new")).json()["input"] == "text"
