"""``GET /api/public/observations`` and ``/observations/{id}``: what SDKs before the fifth read."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ProjectAccess
from tests.contract.test_rest_observations import NOW, seed
from tests.factories.observations import SECOND_NS, insert, observation
from tests.integration.server.conftest import RunningServer

ROUTE = "/api/public/observations"
FIELDS = {
    "id", "traceId", "projectId", "type", "name", "startTime", "endTime", "completionStartTime", "model",
    "modelParameters", "input", "output", "metadata", "version", "level", "statusMessage",
    "parentObservationId", "environment", "usage", "promptTokens", "completionTokens", "totalTokens",
    "usageDetails", "costDetails", "promptId", "promptName", "promptVersion", "modelId", "inputPrice",
    "outputPrice", "totalPrice", "calculatedInputCost", "calculatedOutputCost", "calculatedTotalCost",
    "latency", "timeToFirstToken", "createdAt", "updatedAt",
}  # fmt: skip


async def get(
    server: RunningServer, project: ProjectAccess, path: str = "", **params: Any
) -> httpx.Response:
    return await server.client.get(ROUTE + path, params=params, headers=project.headers)


async def ids(server: RunningServer, project: ProjectAccess, **params: Any) -> list[str]:
    answer = await get(server, project, **params)
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["data"]]


async def test_rows_are_complete(server: RunningServer, project: ProjectAccess) -> None:
    await seed(server, project)
    body = (await get(server, project)).json()
    assert body["meta"] == {"page": 1, "limit": 50, "totalItems": 3, "totalPages": 1}
    assert [row["id"] for row in body["data"]] == ["c", "b", "a"]
    assert all(set(row) == FIELDS for row in body["data"])
    generation = body["data"][1]
    assert (generation["input"], generation["output"]) == ({"text": "Where is the parcel?"}, "On its way")
    assert generation["metadata"] == {"long": "m" * 300, "tier": "gold"}
    assert generation["usage"] == {"unit": "TOKENS", "input": 5, "output": 0, "total": 5}
    assert (generation["calculatedTotalCost"], generation["timeToFirstToken"]) == (0.01, 0.5)
    assert (generation["traceId"], generation["projectId"]) == ("t", project.project_id)


async def test_one_observation(server: RunningServer, project: ProjectAccess) -> None:
    await seed(server, project)
    listed = (await get(server, project)).json()["data"][1]
    assert (await get(server, project, "/b")).json() == listed


async def test_an_observation_that_the_project_does_not_have(
    server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    await seed(server, project)
    for access, id_ in ((other_project, "b"), (project, "nothing"), (project, "x" * 10_000)):
        answer = await get(server, access, f"/{id_}")
        assert answer.status_code == 404
        assert answer.json() == {
            "message": "Observation not found within authorized project",
            "error": "LangfuseNotFoundError",
        }


async def test_another_project_sees_none(
    server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    await seed(server, project)
    body = (await get(server, other_project, traceId="t")).json()
    assert body == {"data": [], "meta": {"page": 1, "limit": 50, "totalItems": 0, "totalPages": 0}}


async def test_who_may_not_read(server: RunningServer, project: ProjectAccess) -> None:
    for path in ("", "/b"):
        assert (await server.client.get(ROUTE + path)).status_code == 401
        bearer = {"Authorization": f"Bearer {project.public_key}"}
        assert (await server.client.get(ROUTE + path, headers=bearer)).status_code == 403


async def test_pages_have_each_observation_once(server: RunningServer, project: ProjectAccess) -> None:
    rows = [
        observation(
            project.project_id, trace_id=f"t{n % 3}", id=f"o{n}", start_time=NOW + n % 4 * SECOND_NS
        )
        for n in range(11)
    ]
    await insert(server.services.clickhouse, rows)
    pages = [await ids(server, project, page=page, limit=4) for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [4, 4, 3, 0]
    assert {id_ for page in pages for id_ in page} == {f"o{n}" for n in range(11)}
    assert (await get(server, project, page=4, limit=4)).json()["meta"] == {
        "page": 4,
        "limit": 4,
        "totalItems": 11,
        "totalPages": 3,
    }


async def test_what_was_written_again_counts_once(server: RunningServer, project: ProjectAccess) -> None:
    await seed(server, project)
    again = observation(project.project_id, trace_id="t", id="a", name="renamed", start_time=NOW)
    await insert(server.services.clickhouse, [again])
    assert (await get(server, project)).json()["meta"]["totalItems"] == 3
    assert await ids(server, project, name="renamed", limit=1, page=1) == ["a"]
    assert await ids(server, project, limit=2, page=2) == ["a"]
    assert await ids(server, project, name="root") == []


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"name": "write"}, ["b"]),
        ({"userId": "ada"}, ["c", "b", "a"]),
        ({"type": "TOOL"}, ["c"]),
        ({"traceId": "t"}, ["c", "b", "a"]),
        ({"traceId": "u"}, []),
        ({"level": "ERROR"}, ["c"]),
        ({"parentObservationId": "a"}, ["c", "b"]),
        ({"environment": ["production", "other"]}, ["b"]),
        ({"version": "2"}, ["c"]),
        ({"fromStartTime": "2026-09-21T14:13:21Z"}, ["c", "b"]),
        ({"toStartTime": "2026-09-21T14:13:21+00:00"}, ["a"]),
        ({"name": ""}, ["c", "b", "a"]),
        (
            {
                "name": "write",
                "filter": json.dumps(
                    [{"type": "string", "column": "name", "operator": "=", "value": "lookup"}]
                ),
            },
            ["c"],
        ),
    ],
)
async def test_parameters(
    server: RunningServer, project: ProjectAccess, params: dict[str, Any], expected: list[str]
) -> None:
    await seed(server, project)
    assert await ids(server, project, **params) == expected


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"page": 0}, ["page"]),
        ({"page": 10**12}, ["page"]),
        ({"limit": 101}, ["limit"]),
        ({"limit": "x"}, ["limit"]),
        ({"type": "NONE"}, ["type"]),
        ({"level": "BAD"}, ["level"]),
        ({"fromStartTime": "2026-09-21T14:13:21"}, ["fromStartTime"]),
        ({"toStartTime": "soon"}, ["toStartTime"]),
    ],
)
async def test_refused_parameters(
    server: RunningServer, project: ProjectAccess, params: dict[str, Any], path: list[str]
) -> None:
    answer = await get(server, project, **params)
    assert answer.status_code == 400
    body = answer.json()
    assert (body["message"], body["error"][0]["path"]) == ("Invalid request data", path)


@pytest.mark.parametrize(
    "filter_",
    [
        "{",
        '[{"type": "string", "column": "score", "operator": "=", "value": "x"}]',
        '[{"type": "number", "column": "name", "operator": "=", "value": 1}]',
    ],
)
async def test_refused_filters(server: RunningServer, project: ProjectAccess, filter_: str) -> None:
    assert (await get(server, project, filter=filter_)).status_code == 400


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    params=st.dictionaries(
        st.sampled_from(
            ["page", "limit", "name", "userId", "traceId", "fromStartTime", "version", "filter"]
        ),
        st.text(max_size=20),
    )
)
async def test_no_query_breaks_the_server(
    server: RunningServer, project: ProjectAccess, params: dict[str, str]
) -> None:
    answer = await get(server, project, **params)
    assert answer.status_code in (200, 400), answer.text
