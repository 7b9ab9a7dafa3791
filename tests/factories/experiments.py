"""Experiments as SDKs send them, and the lists that show them."""

from __future__ import annotations

from typing import Any

import httpx

from lumenspan.clock import nanos_to_iso
from tests.conftest import ProjectAccess
from tests.factories.observations import SECOND_NS, insert, observation
from tests.integration.server.conftest import RunningServer

EXPERIMENTS, ITEMS = "/api/public/experiments", "/api/public/experiment-items"


NOW = 1_780_000_000 * SECOND_NS


FROM = {"fromStartTime": "2020-01-01T00:00:00Z"}


GROUPS = "core,dataset,io,metadata,itemMetadata,experimentMetadata,scores"


async def get(server: RunningServer, access: ProjectAccess, path: str, **params: Any) -> httpx.Response:
    return await server.client.get(path, params=FROM | params, headers=access.headers)


async def page(
    server: RunningServer, access: ProjectAccess, path: str, **params: Any
) -> tuple[list[dict[str, Any]], str | None]:
    answer = await get(server, access, path, **params)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {"data", "meta"}
    assert set(body["meta"]) <= {"cursor"}
    return body["data"], body["meta"].get("cursor")


async def rows(server: RunningServer, access: ProjectAccess, path: str, **params: Any) -> Any:
    """Every row, page by page; no page but the last is short."""
    found, cursor = await page(server, access, path, **params)
    while cursor:
        assert len(found) % params["limit"] == 0
        more, cursor = await page(server, access, path, cursor=cursor, **params)
        assert more
        found += more
    return found


def at(seconds: float) -> str:
    return nanos_to_iso(NOW + int(seconds * SECOND_NS), 3)


def item(project_id: str, experiment: str, number: int, **given: Any) -> list[dict[str, Any]]:
    """The spans of one item as SDK 5 sends them: the run, and within it the task, which is the root."""
    trace_id, task = f"{experiment}-trace-{number}", f"{experiment}-task-{number}"
    said = {
        "id": experiment,
        "name": f"name of {experiment}",
        "item.id": f"item-{number}",
        "item.root_observation_id": task,
        "metadata.temperature": "0.5",
        **given.pop("said", {}),
    }
    root = {
        "description": "a trial",
        "item.expected_output": '{"a":1}',
        "item.version": "2026-01-02 03:04:05.678",
        "item.metadata.hard": "true",
    }
    start = NOW + number * SECOND_NS
    shared = {"trace_id": trace_id, "environment": "sdk-experiment", "start_time": start}
    return [
        observation(project_id, id=f"{experiment}-run-{number}", experiment=said | root, **shared, **given),
        observation(
            project_id,
            id=task,
            parent_id=f"{experiment}-run-{number}",
            experiment=said | root,
            input="4",
            output='{"b":2}',
            metadata={"k": "[1]"},
            **shared,
            **given,
        ),
        observation(project_id, parent_id=task, experiment=said, **shared, **given),
    ]


async def seed(
    server: RunningServer, access: ProjectAccess, experiment: str, *numbers: int, **said: str
) -> None:
    spans = [span for n in numbers for span in item(access.project_id, experiment, n, said=said)]
    await insert(server.services.clickhouse, spans)


async def run_item(server: RunningServer, access: ProjectAccess, **body: Any) -> dict[str, Any]:
    answer = await server.client.post("/api/public/dataset-run-items", json=body, headers=access.headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def dataset(server: RunningServer, access: ProjectAccess, name: str = "qa") -> tuple[str, list[str]]:
    """A dataset of two items: its id and theirs."""
    headers = access.headers
    made = await server.client.post("/api/public/v2/datasets", json={"name": name}, headers=headers)
    ids = []
    for number in range(2):
        body = {
            "datasetName": name,
            "input": number,
            "expectedOutput": {"n": number},
            "metadata": {"m": [1]},
        }
        answer = await server.client.post("/api/public/dataset-items", json=body, headers=headers)
        ids.append(answer.json()["id"])
    return made.json()["id"], ids


def condition(column: str, operator: str, value: str) -> dict[str, Any]:
    return {"type": "string", "column": column, "operator": operator, "value": value}
