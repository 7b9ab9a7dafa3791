"""Lists that older JavaScript SDKs join with commas; to every other client a comma is part of a value."""

from __future__ import annotations

import pytest

from tests.conftest import ProjectAccess
from tests.factories.observations import insert, observation
from tests.integration.server.conftest import RunningServer


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ({"X-Langfuse-Sdk-Name": "langfuse-js", "X-Langfuse-Sdk-Version": "3.39.2"}, ["both"]),
        ({"X-Langfuse-Sdk-Name": "langfuse-js", "X-Langfuse-Sdk-Version": "5.0.0"}, ["comma"]),
        ({"X-Langfuse-Sdk-Name": "python", "X-Langfuse-Sdk-Version": "3.15.0"}, ["comma"]),
        ({}, ["comma"]),
    ],
)
async def test_tags_of_traces(
    server: RunningServer, project: ProjectAccess, client: dict[str, str], expected: list[str]
) -> None:
    tags = {"both": ["a", "b"], "one": ["a"], "comma": ["a,b"]}
    await insert(
        server.services.clickhouse,
        [observation(project.project_id, trace_id=id_, tags=tags[id_]) for id_ in tags],
    )
    answer = await server.client.get(
        "/api/public/traces", params={"tags": "a,b"}, headers=project.headers | client
    )
    assert [trace["id"] for trace in answer.json()["data"]] == expected


@pytest.mark.parametrize(("version", "expected"), [("3.39.2", {"x", "y"}), ("4.6.1", set())])
async def test_environments_of_observations(
    server: RunningServer, project: ProjectAccess, version: str, expected: set[str]
) -> None:
    rows = [observation(project.project_id, id=name, environment=name) for name in ("x", "y", "z")]
    await insert(server.services.clickhouse, rows)
    headers = {"X-Langfuse-Sdk-Name": "langfuse-js", "X-Langfuse-Sdk-Version": version}
    answer = await server.client.get(
        "/api/public/observations", params={"environment": "x,y,"}, headers=project.headers | headers
    )
    assert {row["id"] for row in answer.json()["data"]} == expected
