"""Experiments and their items over REST, from spans and from the run items of older SDKs."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lumenspan.clock import nanos_to_iso
from tests.conftest import ProjectAccess
from tests.factories.observations import SECOND_NS, insert, observation
from tests.factories.scores import insert_scores, score
from tests.integration.server.conftest import QueryCounter, RunningServer

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


def condition(column: str, operator: str, value: str) -> dict[str, Any]:
    return {"type": "string", "column": column, "operator": operator, "value": value}


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
