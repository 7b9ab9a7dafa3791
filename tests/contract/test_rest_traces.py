"""``GET /api/public/traces`` and ``/traces/{id}`` as clients of every generation read them."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ProjectAccess
from tests.factories.observations import SECOND_NS, insert, observation
from tests.integration.server.conftest import RunningServer

ROUTE = "/api/public/traces"
NOW = 1_790_000_000 * SECOND_NS


async def get(
    server: RunningServer, project: ProjectAccess, path: str = ROUTE, **params: Any
) -> httpx.Response:
    return await server.client.get(path, params=params, headers=project.headers)


async def ids(server: RunningServer, project: ProjectAccess, **params: Any) -> list[str]:
    answer = await get(server, project, **params)
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["data"]]


async def seed(server: RunningServer, project: ProjectAccess) -> None:
    """Three traces, a minute apart: ``one`` is the oldest."""
    rows = []
    for number, name in enumerate(("one", "two", "three")):
        rows.append(
            observation(
                project.project_id,
                trace_id=name,
                id=f"root-{name}",
                name=f"call {name}",
                start_time=NOW + number * 60 * SECOND_NS,
                user_id=f"user-{number % 2}",
                session_id="session",
                tags=["all", name],
                environment="production" if number else "staging",
                release="r1",
                version=f"v{number}",
                level="ERROR" if name == "two" else "DEFAULT",
                input=json.dumps({"question": name}),
                output="plain text",
                metadata={"tier": "gold", "count": "3", "nested": '{"a":[1]}'},
                usage={"input": 10 * (number + 1), "output": 5, "total": 10 * (number + 1) + 5},
                cost={"input": "0.001", "total": "0.002"},
            )
        )
    await insert(server.services.clickhouse, rows)


class TestList:
    async def test_a_row_is_complete(self, server: RunningServer, project: ProjectAccess) -> None:
        await seed(server, project)
        body = (await get(server, project)).json()
        assert body["meta"] == {"page": 1, "limit": 50, "totalItems": 3, "totalPages": 1}
        row = body["data"][0]
        assert row.pop("createdAt").endswith("Z")
        assert row.pop("updatedAt").endswith("Z")
        assert row == {
            "id": "three",
            "projectId": project.project_id,
            "name": "call three",
            "timestamp": "2026-09-21T14:15:20.000Z",
            "environment": "production",
            "tags": ["all", "three"],
            "bookmarked": False,
            "release": "r1",
            "version": "v2",
            "userId": "user-0",
            "sessionId": "session",
            "public": False,
            "input": {"question": "three"},
            "output": "plain text",
            "metadata": {"tier": "gold", "count": 3, "nested": {"a": [1]}},
            "htmlPath": f"/project/{project.project_id}/traces/three",
            "latency": 1.0,
            "totalCost": 0.002,
            "scores": [],
            "observations": ["root-three"],
            "externalId": None,
        }

    @pytest.mark.parametrize(
        ("params", "expected"),
        [
            ({}, ["three", "two", "one"]),
            ({"name": "call two"}, ["two"]),
            ({"userId": "user-0"}, ["three", "one"]),
            ({"sessionId": "other"}, []),
            ({"version": "v1"}, ["two"]),
            ({"release": "r1", "limit": 1, "page": 2}, ["two"]),
            ({"page": 9}, []),
            ({"tags": ["all", "two"]}, ["two"]),
            ({"environment": ["staging", "unknown"]}, ["one"]),
            ({"fromTimestamp": "2026-09-21T14:14:20Z"}, ["three", "two"]),
            ({"toTimestamp": "2026-09-21T16:14:20+02:00"}, ["one"]),
            ({"orderBy": "timestamp.asc"}, ["one", "two", "three"]),
            ({"orderBy": "name.desc"}, ["two", "three", "one"]),
            ({"orderBy": ""}, ["three", "two", "one"]),
            ({"fromTimestamp": "0001-01-01T00:00:00Z"}, ["three", "two", "one"]),
            ({"fromTimestamp": "9999-12-31T23:59:59Z"}, []),
            ({"toTimestamp": "9999-12-31T23:59:59Z"}, ["three", "two", "one"]),
        ],
    )
    async def test_parameters(
        self, server: RunningServer, project: ProjectAccess, params: dict[str, Any], expected: list[str]
    ) -> None:
        await seed(server, project)
        assert await ids(server, project, **params) == expected

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            (("string", "name", "contains", "two"), ["two"]),
            (("string", "traceName", "does not contain", "two"), ["three", "one"]),
            (("stringOptions", "level", "any of", ["ERROR"]), ["two"]),
            (("arrayOptions", "tags", "all of", ["all", "one"]), ["one"]),
            (("arrayOptions", "traceTags", "none of", ["one"]), ["three", "two"]),
            (("number", "latency", ">=", 2), []),
            (("number", "inputTokens", ">", 15), ["three", "two"]),
            (("number", "totalCost", "<=", 0.002), ["three", "two", "one"]),
            (("number", "errorCount", "=", 1), ["two"]),
            (("stringObject", "metadata", "=", "gold", "tier"), ["three", "two", "one"]),
            (("stringObject", "metadata", "does not contain", "gold", "absent"), []),
            (("numberObject", "metadata", ">", 2, "count"), ["three", "two", "one"]),
            (("numberObject", "scores_avg", ">", 0, "quality"), []),
            (("boolean", "bookmarked", "=", True), []),
            (("null", "userId", "is not null", ""), ["three", "two", "one"]),
            (("datetime", "timestamp", "<", "2026-09-21T14:14:00Z"), ["one"]),
        ],
    )
    async def test_the_filter_grammar(
        self, server: RunningServer, project: ProjectAccess, condition: tuple[Any, ...], expected: list[str]
    ) -> None:
        await seed(server, project)
        names = ("type", "column", "operator", "value", "key")
        text = json.dumps([dict(zip(names, condition, strict=False))])
        assert await ids(server, project, filter=text) == expected

    async def test_the_filter_wins_over_a_parameter_of_the_same_column(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        await seed(server, project)
        text = json.dumps([{"type": "string", "column": "name", "operator": "=", "value": "call one"}])
        assert await ids(server, project, name="call two", filter=text) == ["one"]
        assert await ids(server, project, userId="user-1", filter=text) == []

    async def test_groups_of_fields_that_are_left_out_are_filled_as_documented(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        await seed(server, project)
        row = (await get(server, project, fields="core,unknown", limit=1)).json()["data"][0]
        assert (row["latency"], row["totalCost"]) == (-1, -1)
        assert (row["input"], row["output"], row["metadata"]) == (None, None, {})
        assert (row["observations"], row["scores"]) == ([], [])
        assert row["name"] == "call three"
        everything = (await get(server, project, fields="unknown", limit=1)).json()["data"][0]
        assert everything["latency"] == 1.0

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"page": "0"}, "greater than or equal to 1"),
            ({"page": "x"}, "integer"),
            ({"page": str(2**64)}, "less than or equal"),
            ({"limit": "101"}, "less than or equal to 100"),
            ({"fromTimestamp": "2026-01-01T00:00:00"}, "offset"),
            ({"orderBy": "cost.asc"}, "timestamp"),
            ({"orderBy": "name"}, ".asc"),
            ({"filter": "{"}, "Invalid JSON in filter parameter"),
            (
                {"filter": '[{"type":"string","column":"x","operator":"=","value":""}]'},
                "Column x does not match a UI / CH table mapping.",
            ),
            (
                {"filter": '[{"type":"number","column":"name","operator":"=","value":1}]'},
                "Invalid filter type",
            ),
        ],
    )
    async def test_what_does_not_fit_is_a_400_that_says_so(
        self, server: RunningServer, project: ProjectAccess, params: dict[str, str], message: str
    ) -> None:
        answer = await get(server, project, **params)
        assert answer.status_code == 400
        assert message in answer.text

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(data=st.data())
    async def test_nothing_a_client_sends_is_our_error(
        self, server: RunningServer, project: ProjectAccess, data: st.DataObject
    ) -> None:
        text = st.text(max_size=20)
        values = st.one_of(
            text, st.integers(), st.floats(), st.booleans(), st.none(), st.lists(text, max_size=3)
        )
        columns = st.sampled_from(
            ["name", "tags", "metadata", "latency", "timestamp", "bookmarked", "level", "totalCost", "x"]
        )
        types = st.sampled_from(
            [
                "string",
                "number",
                "stringOptions",
                "arrayOptions",
                "stringObject",
                "numberObject",
                "datetime",
                "boolean",
                "null",
                "categoryOptions",
                "booleanObject",
                "?",
            ]
        )
        operators = st.sampled_from(
            ["=", ">", "<", ">=", "contains", "any of", "all of", "is null", "matches", "<>"]
        )
        condition = st.fixed_dictionaries(
            {"type": types, "column": columns, "operator": operators, "value": values, "key": text}
        )
        filter_ = data.draw(st.one_of(text, st.lists(condition, max_size=3).map(json.dumps)))
        params = {
            "filter": filter_,
            "page": data.draw(st.one_of(text, st.integers().map(str))),
            "orderBy": data.draw(st.one_of(text, st.just("name.asc"))),
            "fromTimestamp": data.draw(st.one_of(text, st.just("2026-01-01T00:00:00Z"))),
        }
        kept = {key: value for key, value in params.items() if value and data.draw(st.booleans())}
        answer = await get(server, project, **kept)
        assert answer.status_code in (200, 400), (kept, answer.text)


class TestDetail:
    async def test_a_trace_with_its_observations(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        await insert(
            server.services.clickhouse,
            [
                observation(
                    project.project_id,
                    trace_id="t",
                    id="root",
                    start_time=NOW,
                    end_time=NOW + 3 * SECOND_NS,
                ),
                observation(
                    project.project_id,
                    trace_id="t",
                    id="child",
                    parent_id="root",
                    type="GENERATION",
                    start_time=NOW + SECOND_NS,
                    end_time=NOW + 2 * SECOND_NS,
                    completion_start_time=NOW + SECOND_NS + SECOND_NS // 4,
                    model="gpt-4o",
                    model_parameters='{"temperature":0.5}',
                    input='[{"role":"user","content":"hi"}]',
                    output="hello",
                    usage={"input": 7, "input_cached": 2, "output": 3, "total": 12},
                    cost={"input": "0.0001", "output": "0.0002", "total": "0.0003"},
                    prompt_name="greet",
                    prompt_version=4,
                ),
            ],
        )
        body = (await get(server, project, f"{ROUTE}/t")).json()
        assert (body["id"], body["latency"], body["totalCost"], body["scores"]) == ("t", 3.0, 0.0003, [])
        root, child = body["observations"]
        assert (root["id"], root["parentObservationId"], root["model"]) == ("root", None, None)
        assert (child["parentObservationId"], child["type"], child["model"]) == (
            "root",
            "GENERATION",
            "gpt-4o",
        )
        assert child["modelParameters"] == {"temperature": 0.5}
        assert child["input"] == [{"role": "user", "content": "hi"}]
        assert child["output"] == "hello"
        assert child["usage"] == {"unit": "TOKENS", "input": 9, "output": 3, "total": 12}
        assert child["usageDetails"] == {"input": 7, "input_cached": 2, "output": 3, "total": 12}
        assert (child["calculatedInputCost"], child["calculatedTotalCost"]) == (0.0001, 0.0003)
        assert (child["promptName"], child["promptVersion"]) == ("greet", 4)
        assert (child["latency"], child["timeToFirstToken"]) == (1.0, 0.25)
        assert child["startTime"] == "2026-09-21T14:13:21.000Z"

    async def test_only_core(self, server: RunningServer, project: ProjectAccess) -> None:
        await seed(server, project)
        body = (await get(server, project, f"{ROUTE}/one", fields="core")).json()
        assert (body["observations"], body["input"], body["latency"]) == ([], None, -1)

    async def test_foreign_and_absent_traces_are_not_found(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        await seed(server, project)
        for access, trace_id in ((other_project, "one"), (project, "absent")):
            answer = await get(server, access, f"{ROUTE}/{trace_id}")
            assert answer.status_code == 404
            assert answer.json() == {
                "message": f"Trace {trace_id} not found within authorized project",
                "error": "LangfuseNotFoundError",
            }

    async def test_a_trace_too_large_for_one_answer_says_so(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        start = time.time_ns()
        rows = [
            observation(project.project_id, trace_id="huge", id=f"{number:016x}", start_time=start + number)
            for number in range(11_001)
        ]
        await insert(server.services.clickhouse, rows)
        answer = await get(server, project, f"{ROUTE}/huge")
        assert (answer.status_code, answer.json()["error"]) == (422, "PayloadTooLargeError")
        assert (await get(server, project, f"{ROUTE}/huge", fields="core,metrics")).status_code == 200
