"""``GET /api/public/v2/observations``: field groups, cursors, parameters and the filter grammar."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.conftest import ProjectAccess
from tests.factories.observations import SECOND_NS, insert, observation
from tests.integration.server.conftest import RunningServer

ROUTE = "/api/public/v2/observations"
NOW = 1_790_000_000 * SECOND_NS
CORE = {"id", "traceId", "startTime", "endTime", "projectId", "parentObservationId", "type"}
ALWAYS = {"latency", "timeToFirstToken", "modelId", "inputPrice", "outputPrice", "totalPrice"}
BASIC = {
    "name", "level", "statusMessage", "version", "environment", "bookmarked", "public", "userId",
    "sessionId", "isRootObservation",
}  # fmt: skip


async def get(server: RunningServer, project: ProjectAccess, **params: Any) -> httpx.Response:
    return await server.client.get(ROUTE, params=params, headers=project.headers)


async def names(server: RunningServer, project: ProjectAccess, **params: Any) -> list[str]:
    answer = await get(server, project, **params)
    assert answer.status_code == 200, answer.text
    return [row["name"] for row in answer.json()["data"]]


async def seed(server: RunningServer, project: ProjectAccess) -> None:
    """A trace of three: root, then a generation, then a failed tool."""
    common = {"trace_id": "t", "user_id": "ada", "session_id": "s", "tags": ["x"], "trace_name": "answer"}
    rows = [
        observation(project.project_id, id="a", name="root", start_time=NOW, **common),
        observation(
            project.project_id,
            id="b",
            parent_id="a",
            name="write",
            type="GENERATION",
            start_time=NOW + SECOND_NS,
            completion_start_time=NOW + SECOND_NS * 3 // 2,
            input='{"text":"Where is the parcel?"}',
            output="On its way",
            metadata={"long": "m" * 300, "tier": "gold"},
            model="gpt-4o",
            usage={"input": 5, "total": 5},
            cost={"total": "0.01"},
            environment="production",
            **common,
        ),
        observation(
            project.project_id,
            id="c",
            parent_id="a",
            name="lookup",
            type="TOOL",
            level="ERROR",
            status_message="down",
            start_time=NOW + 2 * SECOND_NS,
            version="2",
            **common,
        ),
    ]
    await insert(server.services.clickhouse, rows)


class TestRows:
    async def test_default_fields(self, server: RunningServer, project: ProjectAccess) -> None:
        await seed(server, project)
        body = (await get(server, project)).json()
        assert body["meta"] == {}
        assert [row["id"] for row in body["data"]] == ["c", "b", "a"]
        tool, _, root = body["data"]
        assert set(tool) == CORE | BASIC | ALWAYS
        assert (tool["level"], tool["statusMessage"], tool["parentObservationId"]) == ("ERROR", "down", "a")
        assert (root["parentObservationId"], root["isRootObservation"], root["latency"]) == (
            None,
            True,
            1.0,
        )
        assert tool["startTime"] == "2026-09-21T14:13:22.000Z"

    async def test_every_group(self, server: RunningServer, project: ProjectAccess) -> None:
        await seed(server, project)
        groups = "core,basic,time,io,metadata,model,usage,prompt,metrics,trace_context"
        row = (await get(server, project, fields=groups, name="write")).json()["data"][0]
        assert (row["input"], row["output"]) == ('{"text":"Where is the parcel?"}', "On its way")
        assert len(row["metadata"]["long"]) == 300
        assert (row["model"], row["providedModelName"]) == ("gpt-4o", "gpt-4o")
        assert (row["usageDetails"], row["totalCost"]) == ({"input": 5, "total": 5}, 0.01)
        assert (row["tags"], row["traceName"], row["timeToFirstToken"]) == (["x"], "answer", 0.5)

    async def test_metadata_is_cut_until_it_is_asked_for_in_full(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        await seed(server, project)
        cut = (await get(server, project, fields="metadata", name="write")).json()["data"][0]
        assert (len(cut["metadata"]["long"]), cut["metadata"]["tier"]) == (200, "gold")
        whole = await get(server, project, fields="metadata", name="write", expandMetadata="tier")
        assert len(whole.json()["data"][0]["metadata"]["long"]) == 300

    async def test_only_unknown_groups_give_the_core(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        await seed(server, project)
        row = (await get(server, project, fields="unknown", limit=1)).json()["data"][0]
        assert set(row) == CORE | ALWAYS


class TestSearch:
    @pytest.mark.parametrize(
        ("params", "expected"),
        [
            ({"type": "GENERATION"}, ["write"]),
            ({"level": "ERROR"}, ["lookup"]),
            ({"userId": "ada", "sessionId": "s", "traceId": "t"}, ["lookup", "write", "root"]),
            ({"parentObservationId": "a"}, ["lookup", "write"]),
            ({"parentObservationId": ""}, ["root"]),
            ({"isRootObservation": "true"}, ["root"]),
            ({"isRootObservation": "false"}, ["lookup", "write"]),
            ({"environment": ["production", "other"]}, ["write"]),
            ({"version": "2"}, ["lookup"]),
            ({"fromStartTime": "2026-09-21T14:13:21Z", "toStartTime": "2026-09-21T14:13:22Z"}, ["write"]),
            ({"limit": 0}, []),
            ({"fromStartTime": "0001-01-01T00:00:00Z", "level": "ERROR"}, ["lookup"]),
            ({"toStartTime": "9999-12-31T23:59:59Z", "level": "ERROR"}, ["lookup"]),
            ({"fromStartTime": "9999-12-31T23:59:59Z"}, []),
        ],
    )
    async def test_parameters(
        self, server: RunningServer, project: ProjectAccess, params: dict[str, Any], expected: list[str]
    ) -> None:
        await seed(server, project)
        assert await names(server, project, **params) == expected

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            (("string", "input", "matches", "parcel where"), []),
            (("string", "input", "matches", "PARCEL"), ["write"]),
            (("string", "output", "=", "On its way"), ["write"]),
            (("stringOptions", "type", "none of", ["TOOL", "SPAN"]), ["write"]),
            (("number", "timeToFirstToken", "<", 1), ["write"]),
            (("number", "totalCost", ">", 0), ["write"]),
            (("boolean", "hasInput", "=", True), ["write"]),
            (("stringObject", "metadata", "=", "gold", "tier"), ["write"]),
            (("string", "providedModelName", "starts with", "gpt"), ["write"]),
            (("null", "model", "is null", ""), ["lookup", "root"]),
        ],
    )
    async def test_the_filter_grammar(
        self, server: RunningServer, project: ProjectAccess, condition: tuple[Any, ...], expected: list[str]
    ) -> None:
        await seed(server, project)
        keys = ("type", "column", "operator", "value", "key")
        text = json.dumps([dict(zip(keys, condition, strict=False))])
        assert await names(server, project, filter=text) == expected

    async def test_pages_by_cursor_hold_everything_once(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        rows = [
            observation(
                project.project_id,
                trace_id=f"t{number % 3}",
                id=f"id{number}",
                start_time=NOW + number // 4,
            )
            for number in range(23)
        ]
        await insert(server.services.clickhouse, rows)
        # A second write of the same observation must not show up a second time.
        await insert(server.services.clickhouse, rows[:5])
        found: list[str] = []
        cursor = ""
        for _ in range(10):
            body = (await get(server, project, limit=7, cursor=cursor)).json()
            found += [row["id"] for row in body["data"]]
            cursor = body["meta"].get("cursor", "")
            if not cursor:
                break
        assert len(found) == 23
        assert set(found) == {row["id"] for row in rows}

    async def test_an_outdated_write_is_not_found(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        row = observation(project.project_id, trace_id="t", id="x", name="old", start_time=NOW)
        await insert(server.services.clickhouse, [row])
        await insert(server.services.clickhouse, [row | {"name": "new", "event_ts": row["event_ts"] + 1}])
        assert await names(server, project, name="old") == []
        assert await names(server, project) == ["new"]

    async def test_another_project_sees_nothing(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        await seed(server, project)
        assert await names(server, other_project) == []
        assert await names(server, other_project, traceId="t") == []

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"cursor": "no cursor"}, "Invalid cursor"),
            ({"limit": "1001"}, "1000"),
            ({"limit": "-1"}, "0"),
            ({"type": "THING"}, "GENERATION"),
            ({"parseIoAsJson": "true"}, "parseIoAsJson"),
            ({"fromStartTime": "yesterday"}, "offset"),
            (
                {"filter": '[{"type":"string","column":"input","operator":"contains","value":"x"}]'},
                "= or matches",
            ),
            (
                {"filter": '[{"type":"string","column":"name","operator":"matches","value":"x"}]'},
                "matches is not supported",
            ),
            (
                {"filter": '[{"type":"string","column":"output","operator":"matches","value":"!?"}]'},
                "at least one letter",
            ),
        ],
    )
    async def test_what_does_not_fit_is_a_400_that_says_so(
        self, server: RunningServer, project: ProjectAccess, params: dict[str, str], message: str
    ) -> None:
        answer = await get(server, project, **params)
        assert answer.status_code == 400
        assert message in answer.text
