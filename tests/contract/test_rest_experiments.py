"""Experiments and their items over REST, as spans say of them; what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ProjectAccess
from tests.factories.experiments import (
    EXPERIMENTS,
    FROM,
    GROUPS,
    ITEMS,
    NOW,
    at,
    condition,
    dataset,
    get,
    page,
    run_item,
    seed,
)
from tests.factories.scores import insert_scores, score
from tests.integration.server.conftest import RunningServer


class TestExperimentsOfSpans:
    async def test_shape_range_and_order(self, server: RunningServer, project: ProjectAccess) -> None:
        await seed(server, project, "old", 0, 1, **{"dataset.id": "set"})
        await seed(server, project, "new", 5)
        # Sent twice, as a retried delivery leaves it: nothing counts twice.
        await seed(server, project, "old", 1, **{"dataset.id": "set"})
        found, cursor = await page(server, project, EXPERIMENTS)
        assert cursor is None
        assert found == [
            {
                "id": "new",
                "name": "name of new",
                "description": "a trial",
                "startTime": at(5),
                "endTime": at(6),
                "itemCount": 1,
                "datasetId": None,
            },
            {
                "id": "old",
                "name": "name of old",
                "description": "a trial",
                "startTime": at(0),
                "endTime": at(2),
                "itemCount": 2,
                "datasetId": "set",
            },
        ]
        within, _ = await page(server, project, EXPERIMENTS, fromStartTime=at(1), toStartTime=at(5))
        assert [(row["id"], row["startTime"], row["itemCount"]) for row in within] == [("old", at(1), 1)]

    async def test_metadata_and_scores_where_asked_for(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        await seed(server, project, "one", 0)
        await insert_scores(
            server.services.clickhouse,
            [
                score(project.project_id, dataset_run_id="one", name=f"s{n}", timestamp=NOW + n, value=n)
                for n in range(3)
            ]
            + [score(project.project_id, trace_id="one-trace-0")],
        )
        (row,), _ = await page(server, project, EXPERIMENTS, fields="core,metadata,scores", scoreLimit=2)
        assert row["metadata"] == {"temperature": 0.5}
        assert [each["name"] for each in row["scores"]] == ["s2", "s1"]
        (first, _) = row["scores"]
        assert first["subject"] == {"kind": "experiment", "id": "one"}
        assert (first["dataType"], first["value"], "comment" in first) == ("NUMERIC", 2, False)
        (row,), _ = await page(server, project, EXPERIMENTS, fields="scores")
        assert (len(row["scores"]), "metadata" in row) == (3, False)

    async def test_found_by_id_name_and_dataset(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        for number, name in enumerate(("a", "b", "c")):
            await seed(server, project, name, number, **{"dataset.id": f"set {name}"})

        async def ids(**params: Any) -> str:
            found, _ = await page(server, project, EXPERIMENTS, **params)
            return "".join(row["id"] for row in found)

        assert await ids(id="a, c") == "ca"
        assert await ids(name="name of b,unknown") == "b"
        assert await ids(datasetId="set a", name="name of b") == ""
        assert await ids(filter=json.dumps([condition("name", "ends with", "a")])) == "a"
        assert (
            await ids(filter=json.dumps([condition("datasetId", "contains", "b")]), datasetId="set a")
            == "b"
        )
        excluded = {"type": "stringOptions", "column": "id", "operator": "none of", "value": ["b"]}
        assert await ids(filter=json.dumps([excluded])) == "ca"

    async def test_deleted_traces_are_no_items(self, server: RunningServer, project: ProjectAccess) -> None:
        await seed(server, project, "one", 0, 1)
        await seed(server, project, "two", 2)
        for id_ in ("one-trace-0", "two-trace-2"):
            answer = await server.client.delete(f"/api/public/traces/{id_}", headers=project.headers)
            assert answer.status_code == 200
        found, _ = await page(server, project, EXPERIMENTS)
        assert [(row["id"], row["itemCount"]) for row in found] == [("one", 1)]
        items, _ = await page(server, project, ITEMS)
        assert [row["traceId"] for row in items] == ["one-trace-1"]


class TestItemsOfSpans:
    async def test_every_group(self, server: RunningServer, project: ProjectAccess) -> None:
        await seed(server, project, "one", 0, **{"dataset.id": "set"})
        scores = [
            {"observation_id": "one-task-0", "name": "item"},
            {"observation_id": "", "name": "trace", "data_type": "BOOLEAN"},
            {"observation_id": "one-run-0", "name": "of another span"},
        ]
        await insert_scores(
            server.services.clickhouse,
            [
                score(project.project_id, trace_id="one-trace-0", timestamp=NOW - n, **each)
                for n, each in enumerate(scores)
            ],
        )
        core = {
            "id": "one-task-0",
            "traceId": "one-trace-0",
            "startTime": at(0),
            "endTime": at(1),
            "level": "DEFAULT",
            "environment": "sdk-experiment",
            "experimentId": "one",
            "experimentName": "name of one",
            "experimentItemId": "item-0",
        }
        of_dataset = {
            "experimentDatasetId": "set",
            "experimentItemVersion": "2026-01-02T03:04:05.678Z",
        }
        (row,), _ = await page(server, project, ITEMS)
        assert row == core | of_dataset
        (row,), _ = await page(server, project, ITEMS, fields="core")
        assert row == core
        (row,), _ = await page(server, project, ITEMS, fields=GROUPS)
        found = row.pop("scores")
        assert row == core | of_dataset | {
            "input": "4",
            "output": '{"b":2}',
            "expectedOutput": '{"a":1}',
            "metadata": {"k": [1]},
            "experimentItemMetadata": {"hard": True},
            "experimentMetadata": {"temperature": 0.5},
            "experimentDescription": "a trial",
        }
        assert [(each["name"], each["value"], each["subject"]) for each in found] == [
            ("item", 1, {"kind": "observation", "id": "one-task-0", "traceId": "one-trace-0"}),
            ("trace", True, {"kind": "trace", "id": "one-trace-0"}),
        ]
        (row,), _ = await page(server, project, ITEMS, fields="scores", scoreLimit=1)
        assert [each["name"] for each in row["scores"]] == ["item"]

    async def test_found_by_experiment_item_and_dataset(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        await seed(server, project, "a", 0, 1, **{"dataset.id": "set"})
        await seed(server, project, "b", 1, 2)

        async def ids(**params: Any) -> list[str]:
            found, _ = await page(server, project, ITEMS, **params)
            return [row["id"] for row in found]

        assert await ids(experimentId="a") == ["a-task-1", "a-task-0"]
        assert await ids(experimentName="name of b", experimentItemId="item-1,item-9") == ["b-task-1"]
        assert await ids(datasetId="set") == ["a-task-1", "a-task-0"]
        assert await ids(fromStartTime=at(1), toStartTime=at(2), experimentId="a,b") in (
            ["a-task-1", "b-task-1"],
            ["b-task-1", "a-task-1"],
        )
        by_item = json.dumps([condition("experimentItemId", "=", "item-0")])
        assert await ids(filter=by_item, experimentItemId="item-2") == ["a-task-0"]


class TestRefused:
    @pytest.mark.parametrize("path", [EXPERIMENTS, ITEMS])
    @pytest.mark.parametrize(
        ("params", "name"),
        [
            ({"fromStartTime": ""}, "fromStartTime"),
            ({"fromStartTime": "2026-01-01T00:00:00"}, "fromStartTime"),
            ({"toStartTime": "yesterday"}, "toStartTime"),
            ({"fields": "core,unknown"}, "fields"),
            ({"limit": 101}, "limit"),
            ({"limit": 0}, "limit"),
            ({"scoreLimit": 51}, "scoreLimit"),
        ],
    )
    async def test_parameters(
        self, server: RunningServer, project: ProjectAccess, path: str, params: dict[str, Any], name: str
    ) -> None:
        answer = await get(server, project, path, **params)
        assert answer.status_code == 400
        assert answer.json()["error"][0]["path"][-1] == name

    @pytest.mark.parametrize("path", [EXPERIMENTS, ITEMS])
    async def test_filters_and_cursors(
        self, server: RunningServer, project: ProjectAccess, path: str
    ) -> None:
        bad: list[dict[str, Any]] = [
            {"filter": "["},
            {"filter": json.dumps([condition("startTime", "=", "x")])},
            {"filter": json.dumps([condition("datasetId", "like", "x")])},
            {
                "filter": json.dumps(
                    [{"type": "number", "column": "datasetId", "operator": "=", "value": 1}]
                )
            },
            {"cursor": "x"},
            {"cursor": "e30"},
            {"cursor": "A" * 10_000},
        ]
        for params in bad:
            assert (await get(server, project, path, **params)).status_code == 400, params

    @pytest.mark.parametrize("path", [EXPERIMENTS, ITEMS])
    async def test_keys(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess, path: str
    ) -> None:
        await seed(server, project, "one", 0)
        _, (first, _) = await dataset(server, project)
        await run_item(server, project, datasetItemId=first, traceId="t", runName="r")
        assert len((await page(server, project, path))[0]) == 2
        assert (await page(server, other_project, path)) == ([], None)
        assert (await server.client.get(path, params=FROM)).status_code == 401
        headers = {"Authorization": f"Bearer {project.public_key}"}
        assert (await server.client.get(path, params=FROM, headers=headers)).status_code == 403


PARAMETERS = (
    *("fields", "limit", "scoreLimit", "cursor", "fromStartTime", "toStartTime", "id", "name"),
    *("datasetId", "filter", "experimentId", "experimentName", "experimentItemId"),
)


@given(
    name=st.sampled_from(PARAMETERS),
    value=st.text(max_size=20)
    | st.sampled_from(["\0", "a" * 5_000, "1" * 30, "1e400", "0001-01-01T00:00Z"]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_nothing_that_is_asked_is_an_error_of_ours(
    server: RunningServer, project: ProjectAccess, name: str, value: str
) -> None:
    for path in (EXPERIMENTS, ITEMS):
        answer = await get(server, project, path, **{name: value.encode("utf-8", "replace").decode()})
        assert answer.status_code in (200, 400), answer.text
