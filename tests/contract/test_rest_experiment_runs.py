"""Experiments over REST from the run items of older SDKs, and pages of both kinds."""

from __future__ import annotations

import base64
import json

from lumenspan.clock import nanos_to_iso
from tests.conftest import ProjectAccess
from tests.factories.experiments import (
    EXPERIMENTS,
    GROUPS,
    ITEMS,
    NOW,
    at,
    condition,
    dataset,
    get,
    page,
    rows,
    run_item,
    seed,
)
from tests.factories.observations import SECOND_NS, insert, observation
from tests.integration.server.conftest import QueryCounter, RunningServer


class TestRunItems:
    async def test_runs_made_over_rest_are_experiments(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        dataset_id, (first, second) = await dataset(server, project)
        root = observation(project.project_id, trace_id="t", id="root", input="in", output="out")
        child = observation(
            project.project_id, trace_id="t", id="child", parent_id="root", input="i", output="o",
            level="ERROR", environment="prod", metadata={"k": "v"},
        )  # fmt: skip
        await insert(server.services.clickhouse, [root, child])
        body = {"runName": "r", "runDescription": "d", "metadata": {"v": 1}}
        made = await run_item(server, project, datasetItemId=first, traceId="t", **body)
        await run_item(
            server, project, datasetItemId=second, traceId="t", observationId="child", runName="r"
        )
        await run_item(server, project, datasetItemId=second, traceId="later", runName="r")
        (row,), _ = await page(server, project, EXPERIMENTS, fields="metadata")
        assert (row["id"], row["name"], row["description"]) == (made["datasetRunId"], "r", "d")
        assert (row["datasetId"], row["itemCount"], row["metadata"]) == (dataset_id, 3, {"v": 1})
        assert row["startTime"] <= row["endTime"]
        items, _ = await page(server, project, ITEMS, fields=GROUPS)
        missing, of_child, of_trace = items
        assert (missing["id"], missing["traceId"], missing["endTime"]) == ("later", "later", None)
        assert (of_child["id"], of_child["level"], of_child["environment"]) == ("child", "ERROR", "prod")
        assert (of_child["input"], of_child["output"], of_child["metadata"]) == ("i", "o", {"k": "v"})
        assert (of_trace["id"], of_trace["input"], of_trace["output"]) == ("root", "in", "out")
        assert of_trace["startTime"] == nanos_to_iso(root["start_time"], 3)
        assert of_trace["expectedOutput"] == '{"n":0}'
        assert of_trace["experimentItemMetadata"] == {"m": [1]}
        assert (of_trace["experimentMetadata"], of_trace["experimentDescription"]) == ({"v": 1}, "d")
        assert (of_trace["experimentItemId"], of_trace["experimentDatasetId"]) == (first, dataset_id)
        item_ = await server.client.get(f"/api/public/dataset-items/{first}", headers=project.headers)
        assert of_trace["experimentItemVersion"] == item_.json()["updatedAt"]
        assert {row["experimentId"] for row in items} == {made["datasetRunId"]}

    async def test_an_experiment_with_spans_is_read_from_these_alone(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        _, (first, _) = await dataset(server, project)
        made = await run_item(server, project, datasetItemId=first, traceId="t", runName="r")
        await seed(server, project, made["datasetRunId"], 0, 1)
        (row,), _ = await page(server, project, EXPERIMENTS)
        assert (row["id"], row["itemCount"]) == (made["datasetRunId"], 2)
        items, _ = await page(server, project, ITEMS)
        assert len(items) == 2

    async def test_the_content_that_an_item_had_then(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        _, (first, second) = await dataset(server, project)
        await run_item(server, project, datasetItemId=first, traceId="t", runName="r")
        await run_item(
            server,
            project,
            datasetItemId=second,
            traceId="t",
            runName="r",
            createdAt="2021-01-01T00:00:00Z",
        )
        for id_ in (first, second):
            change = {"id": id_, "datasetName": "qa", "expectedOutput": "new"}
            await server.client.post("/api/public/dataset-items", json=change, headers=project.headers)
        items, _ = await page(server, project, ITEMS, fields="io")
        assert [row["expectedOutput"] for row in items] == ['{"n":0}', '{"n":1}']

    async def test_found_by_the_same_parameters(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        dataset_id, (first, second) = await dataset(server, project)
        made = [
            await run_item(server, project, datasetItemId=id_, traceId="t", runName=f"run {n}")
            for n, id_ in enumerate((first, second))
        ]
        names = [
            ({"experimentId": made[0]["datasetRunId"]}, {first}),
            ({"experimentName": "run 1,run 2"}, {second}),
            ({"experimentItemId": first}, {first}),
            ({"datasetId": dataset_id}, {first, second}),
            ({"datasetId": "other"}, set()),
        ]
        operators = [
            (condition("experimentName", "starts with", "run"), {first, second}),
            (condition("experimentName", "ends with", " 0"), {first}),
            (condition("experimentName", "contains", "UN"), set()),
            (condition("experimentName", "does not contain", "1"), {first}),
            (condition("experimentItemId", "=", second), {second}),
            ({"type": "null", "column": "datasetId", "operator": "is not null"}, {first, second}),
            ({"type": "null", "column": "datasetId", "operator": "is null"}, set()),
            (
                {
                    "type": "stringOptions",
                    "column": "experimentItemId",
                    "operator": "none of",
                    "value": [first],
                },
                {second},
            ),
            (
                {"type": "stringOptions", "column": "experimentItemId", "operator": "any of", "value": []},
                set(),
            ),
        ]
        cases = names + [({"filter": json.dumps([each])}, expected) for each, expected in operators]
        for params, expected in cases:
            found, _ = await page(server, project, ITEMS, **params)
            assert {row["experimentItemId"] for row in found} == expected, params
        found, _ = await page(server, project, EXPERIMENTS, name="run 0", datasetId=dataset_id)
        assert [row["id"] for row in found] == [made[0]["datasetRunId"]]


class TestPages:
    async def test_no_experiment_or_item_is_missed_or_repeated(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        _, (first, _) = await dataset(server, project)
        for number in range(5):
            # Some end at the same instant, and each of these again as run items.
            await seed(server, project, f"e{number}", number // 2, 7)
            for second in (number // 2, 7):
                await run_item(
                    server,
                    project,
                    datasetItemId=first,
                    traceId="t",
                    runName=f"run {number}",
                    createdAt=nanos_to_iso(NOW + second * SECOND_NS, 3),
                )
        for limit in (1, 2, 3, 100):
            found = await rows(server, project, EXPERIMENTS, limit=limit)
            assert len({row["id"] for row in found}) == len(found) == 10
            assert [row["endTime"] for row in found] == sorted(
                (row["endTime"] for row in found), reverse=True
            )
            items = await rows(server, project, ITEMS, limit=limit)
            assert len(items) == 20
            assert len({(row["experimentId"], row["startTime"]) for row in items}) == 20
            assert [row["startTime"] for row in items] == sorted(
                (row["startTime"] for row in items), reverse=True
            )

    async def test_cursors_are_versioned_and_of_this_project(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        await seed(server, project, "one", 0, 1, 2)
        for path in (ITEMS, EXPERIMENTS):
            await seed(server, project, "two", 3)
            _, cursor = await page(server, project, path, limit=1)
            assert cursor
            assert await page(server, other_project, path, cursor=cursor) == ([], None)
            parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            assert parts["v"] == 1
            assert set(parts) == {"v", "lastTime", "lastTraceId", "lastId", "lastExperimentId"}
            for changed in (
                {"v": 2},
                {"lastTime": "x"},
                {"lastId": 1},
                {"lastTime": "9999-01-01T00:00:00Z"},
            ):
                wrong = base64.urlsafe_b64encode(json.dumps(parts | changed).encode()).decode()
                assert (await get(server, project, path, cursor=wrong)).status_code == 400

    async def test_the_number_of_queries_does_not_grow(
        self, server: RunningServer, project: ProjectAccess, queries: QueryCounter
    ) -> None:
        counts = []
        for numbers in ((0,), range(1, 40)):
            await seed(server, project, "one", *numbers)
            queries.reset()
            await page(server, project, EXPERIMENTS, fields="metadata,scores")
            await page(server, project, ITEMS, fields=GROUPS, fromStartTime=at(0))
            counts.append(len(queries.texts))
        assert counts[1] <= counts[0]
