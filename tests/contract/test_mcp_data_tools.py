"""The tools of the MCP server over what was recorded: observations, scores, datasets."""

from __future__ import annotations

from typing import Any

import pytest

from lumenspan.clock import now_nanos
from tests.conftest import ProjectAccess
from tests.contract.mcp_client import tools_of
from tests.factories.observations import HOUR_NS, SECOND_NS, insert, observation
from tests.factories.scores import insert_scores, score
from tests.integration.server.conftest import RunningServer

LONG = "x" * 300


async def seed(server: RunningServer, access: ProjectAccess) -> int:
    """Two observations of a trace of ann's, a day-old one without parent, and when the first began."""
    now = now_nanos() // SECOND_NS * SECOND_NS
    of_trace = {"trace_id": "t", "user_id": "ann", "environment": "prod"}
    made: list[dict[str, Any]] = [
        {
            "id": "root",
            "name": "flow",
            "start_time": now,
            "input": "in",
            "metadata": {"a": LONG, "b": LONG},
        },
        {
            "id": "call",
            "name": "llm",
            "parent_id": "root",
            "type": "GENERATION",
            "start_time": now - SECOND_NS,
        }
        | {"model": "gpt", "usage": {"input": 2, "total": 2}, "cost": {"total": 0.5}, "tags": ["x", "y"]},
    ]
    rows = [observation(access.project_id, **of_trace | each) for each in made]
    old = {"id": "old", "trace_id": "u", "name": "flow", "start_time": now - 24 * HOUR_NS, "tags": ["x"]}
    ancient = {"id": "ancient", "trace_id": "v", "name": "ancient", "start_time": now - 24 * 40 * HOUR_NS}
    rows += [observation(access.project_id, **each) for each in (old, ancient)]
    await insert(server.services.clickhouse, rows)
    return now


class TestObservations:
    async def test_listed_by_cursor_without_wide_fields(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        await seed(server, project)
        async with tools_of(server, project) as tools, tools_of(server, other_project) as others:
            found, cursor = [], None
            while True:
                page = await tools("listObservations", limit=3, cursor=cursor)
                found += page["data"]
                cursor = page["meta"].get("cursor")
                if cursor is None:
                    break
            assert [row["id"] for row in found] == ["root", "call", "old", "ancient"]
            assert not {"input", "output", "metadata"} & set(found[0])
            assert (found[1]["model"], found[1]["totalCost"], found[1]["usageDetails"]) == (
                "gpt",
                0.5,
                {"input": 2, "total": 2},
            )
            assert (await others("listObservations"))["data"] == []
            assert "cursor" in await tools.failure("listObservations", cursor="x")

    @pytest.mark.parametrize(
        ("where", "ids"),
        [
            ({"name": "flow"}, ["root", "old"]),
            ({"userId": "ann", "type": "GENERATION"}, ["call"]),
            ({"traceId": "t", "isRootObservation": False}, ["call"]),
            ({"hasParentObservation": False, "environment": ["prod"]}, ["root"]),
            ({"parentObservationId": "root"}, ["call"]),
            (
                {"filter": [{"column": "model", "type": "string", "operator": "=", "value": "gpt"}]},
                ["call"],
            ),
            ({"level": "ERROR"}, []),
            ({"toStartTime": "2020-01-01T00:00:00Z"}, []),
        ],
    )
    async def test_filters(
        self, server: RunningServer, project: ProjectAccess, where: dict[str, Any], ids: list[str]
    ) -> None:
        await seed(server, project)
        async with tools_of(server, project) as tools:
            assert [row["id"] for row in (await tools("listObservations", **where))["data"]] == ids

    async def test_wide_fields_have_to_be_asked_for_and_narrowed(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        await seed(server, project)
        async with tools_of(server, project) as tools, tools_of(server, other_project) as others:
            for name in ("input", "io", "metadata"):
                assert "need a filter" in await tools.refusal("listObservations", fields=[name])
            assert "no field" in await tools.refusal("listObservations", fields=["what"])
            page = await tools("listObservations", fields=["input", "metadata"], traceId="t", limit=1)
            assert page["data"] == [
                {
                    "id": "root",
                    "traceId": "t",
                    "startTime": page["data"][0]["startTime"],
                    "type": "SPAN",
                    "input": "in",
                    "metadata": {"a": "x" * 200, "b": "x" * 200},
                }
            ]
            one = await tools(
                "getObservation", observationId="root", fields=["metadata"], expandMetadataKeys=["b"]
            )
            assert one["metadata"] == {"a": "x" * 200, "b": LONG}
            assert "input" not in await tools("getObservation", observationId="root")
            assert "not found" in await tools.failure("getObservation", observationId="none")
            assert "not found" in await others.failure("getObservation", observationId="root")

    async def test_schemas(self, server: RunningServer, project: ProjectAccess) -> None:
        await seed(server, project)
        async with tools_of(server, project) as tools:
            schema = await tools("getObservationFieldSchema")
            every = [each["name"] for each in schema["fields"]]
            whole = await tools("getObservation", observationId="call", fields=every)
            assert set(whole) == set(every)
            assert set(await tools("getObservation", observationId="call", fields=schema["groups"])) == set(
                every
            )
            columns = {
                each["column"]: each for each in (await tools("getObservationFilterSchema"))["columns"]
            }
            assert columns["latency"]["types"]["number"] == ["<", "<=", "=", ">", ">="]
            assert columns["name"]["hasListedValues"] is True

    async def test_values_of_a_column_by_frequency(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        now = await seed(server, project)
        # The same observation again is no further one.
        again = observation(
            project.project_id, trace_id="u", id="old", name="flow", start_time=now - 24 * HOUR_NS
        )
        await insert(server.services.clickhouse, [again | {"tags": ["x"]}])
        async with tools_of(server, project) as tools, tools_of(server, other_project) as others:

            async def values(column: str, **more: Any) -> list[tuple[Any, int]]:
                found = await tools("getObservationFilterValues", column=column, **more)
                return [(each["value"], each["count"]) for each in found["data"]]

            assert await values("name") == [("flow", 2), ("llm", 1)]
            assert await values("name", fromStartTime="2000-01-01T00:00:00Z") == [
                ("flow", 2),
                ("ancient", 1),
                ("llm", 1),
            ]
            assert await values("name", observationType="GENERATION") == [("llm", 1)]
            assert await values("name", hasParentObservation=True) == [("llm", 1)]
            assert await values("tags") == [("x", 2), ("y", 1)]
            assert await values("userId") == [("ann", 2)]
            assert await values("hasParentObservation") == [(False, 2), (True, 1)]
            first = await tools("getObservationFilterValues", column="tags", limit=1)
            assert (first["type"], [each["value"] for each in first["data"]]) == ("string", ["x"])
            rest = await tools(
                "getObservationFilterValues", column="tags", limit=1, cursor=first["meta"]["cursor"]
            )
            assert (rest["data"], rest["meta"]) == ([{"value": "y", "count": 1}], {})
            for column in ("id", "latency", "metadata", "input", "what"):
                assert "column must be" in await tools.refusal("getObservationFilterValues", column=column)
            assert (await others("getObservationFilterValues", column="name"))["data"] == []
            await server.services.deletion.delete((await _project_id(server, project)), ["t"])
            assert await values("name") == [("flow", 1)]


async def _project_id(server: RunningServer, access: ProjectAccess) -> Any:
    principal = await server.services.identity.authenticate(access.authorization)
    return principal.project_id  # type: ignore[union-attr]


class TestScores:
    async def test_listed_by_what_they_are(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        now = now_nanos()
        kinds: list[dict[str, Any]] = [
            {"id": "number", "trace_id": "t", "value": 0.5, "name": "quality", "config_id": "c"},
            {"id": "flag", "trace_id": "t", "observation_id": "o", "data_type": "BOOLEAN", "value": 1},
            {"id": "word", "session_id": "s", "data_type": "CATEGORICAL", "string_value": "warm"},
            {"id": "trial", "dataset_run_id": "r", "value": 4, "source": "EVAL"},
        ]
        rows = [
            score(project.project_id, timestamp=now - place * SECOND_NS, **each)
            for place, each in enumerate(kinds)
        ]
        await insert_scores(server.services.clickhouse, rows)
        async with tools_of(server, project) as tools, tools_of(server, other_project) as others:

            async def ids(**where: Any) -> list[str]:
                return [each["id"] for each in (await tools("listScores", **where))["data"]]

            assert await ids() == ["number", "flag", "word", "trial"]
            assert await ids(name=["quality", "other"]) == ["number"]
            assert await ids(configId=["c"]) == ["number"]
            assert await ids(traceId=["t"], observationId=["o"]) == ["flag"]
            assert await ids(experimentId=["r"]) == ["trial"]
            assert await ids(source=["EVAL"], dataType=["NUMERIC"]) == ["trial"]
            assert await ids(dataType=["NUMERIC"], valueMin=1) == ["trial"]
            assert await ids(dataType=["NUMERIC"], value=[0.5]) == ["number"]
            assert await ids(dataType=["CATEGORICAL"], value=["warm"]) == ["word"]
            assert await ids(dataType=["BOOLEAN"], value=[True]) == ["flag"]
            assert await ids(dataType=["BOOLEAN"], value=[False]) == []
            assert await ids(toTimestamp="2020-01-01T00:00:00Z") == []
            page = await tools("listScores", limit=3, fields=["subject"])
            assert page["data"][1]["subject"] == {"kind": "observation", "id": "o", "traceId": "t"}
            assert await ids(limit=3, cursor=page["meta"]["cursor"]) == ["trial"]
            assert (await others("listScores"))["data"] == []
            for wrong in (
                {"traceId": ["t"], "sessionId": ["s"]},
                {"observationId": ["o"]},
                {"valueMin": 1},
                {"value": ["a"]},
                {"dataType": ["NUMERIC"], "value": [1, 2]},
                {"dataType": ["what"]},
            ):
                await tools.refusal("listScores", **wrong)
            assert (await tools("getScore", scoreId="number"))["value"] == 0.5
            assert "not found" in await others.failure("getScore", scoreId="number")

    async def test_taken_in_with_their_config(self, server: RunningServer, project: ProjectAccess) -> None:
        async with tools_of(server, project) as tools:
            config = await tools(
                "createScoreConfig",
                name="tone",
                dataType="CATEGORICAL",
                categories=[{"label": "warm", "value": 1}],
            )
            given = {"name": "tone", "traceId": "t", "configId": config["id"]}
            made = await tools("createScore", **given, value="warm", id="mine", metadata={"a": 1})
            assert made == {"id": "mine"}
            assert "Category" in await tools.refusal("createScore", **given, value="cold")
            assert "Invalid target" in await tools.refusal("createScore", name="n", value=1)
            assert await tools("getScoreConfig", configId=config["id"]) == config
            assert (await tools("listScoreConfigs"))["data"] == [config]
            changed = await tools("updateScoreConfig", configId=config["id"], description="how it sounds")
            assert changed["description"] == "how it sounds"
            assert "cannot be empty" in await tools.failure("updateScoreConfig", configId=config["id"])
            archived = await tools("deleteScoreConfig", configId=config["id"])
            assert archived["isArchived"] is True
            assert "archived" in await tools.refusal("createScore", **given, value="warm")


class TestDatasets:
    async def test_items_and_runs(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        await seed(server, project)
        async with tools_of(server, project) as tools, tools_of(server, other_project) as others:
            schema = {"type": "object"}
            dataset = await tools("upsertDataset", name="d", inputSchema=schema, metadata={"m": 1})
            of_dataset = {"datasetId": dataset["id"]}
            assert (await tools("upsertDataset", name="d"))["inputSchema"] == schema
            assert (await tools("upsertDataset", name="d", inputSchema=None))["inputSchema"] is None
            assert (await tools("getDataset", **of_dataset))["name"] == "d"
            assert [each["id"] for each in (await tools("listDatasets", name="d"))["data"]] == [
                dataset["id"]
            ]
            assert (await tools("listDatasets"))["meta"]["totalItems"] == 1
            assert (await tools("listDatasets", name="e"))["data"] == []

            item = await tools("upsertDatasetItem", **of_dataset, input={"q": 1}, sourceTraceId="t")
            changed = await tools("upsertDatasetItem", **of_dataset, id=item["id"], expectedOutput=2)
            assert (changed["input"], changed["expectedOutput"]) == ({"q": 1}, 2)
            assert await tools("getDatasetItem", datasetItemId=item["id"]) == changed
            assert (await tools("listDatasetItems", **of_dataset, sourceTraceId="t"))["data"] == [changed]
            at = item["updatedAt"]
            then = (await tools("listDatasetItems", **of_dataset, version=at))["data"]
            assert [each["expectedOutput"] for each in then] in ([None], [])
            assert "version needs" in await tools.refusal("listDatasetItems", version=at)

            run_item = await tools(
                "createDatasetRunItem", runName="r", datasetItemId=item["id"], observationId="call"
            )
            assert (run_item["traceId"], run_item["observationId"]) == ("t", "call")
            assert "traceId" in await tools.refusal(
                "createDatasetRunItem", runName="r", datasetItemId=item["id"]
            )
            of_run = of_dataset | {"datasetRunId": run_item["datasetRunId"]}
            assert [each["name"] for each in (await tools("listDatasetRuns", **of_dataset))["data"]] == [
                "r"
            ]
            run = await tools("getDatasetRun", **of_run)
            assert (run["datasetRunItems"], run["totalDatasetRunItems"]) == ([run_item], 1)
            assert (await tools("listDatasetRunItems", **of_dataset, runName="r"))["data"] == [run_item]
            for name, where in (
                ("getDataset", of_dataset),
                ("getDatasetItem", {"datasetItemId": item["id"]}),
                ("upsertDatasetItem", of_dataset | {"input": 1}),
                ("deleteDatasetItem", {"datasetItemId": item["id"]}),
                ("listDatasetRuns", of_dataset),
                ("getDatasetRun", of_run),
                ("deleteDatasetRun", of_run),
                ("createDatasetRunItem", {"runName": "r", "datasetItemId": item["id"], "traceId": "t"}),
            ):
                assert "not found" in await others.failure(name, **where), name
            assert (await tools("deleteDatasetRun", **of_run))["message"]
            assert "not found" in await tools.failure("getDatasetRun", **of_run)
            assert (await tools("deleteDatasetItem", datasetItemId=item["id"]))["message"]
            assert "not found" in await tools.failure("getDatasetItem", datasetItemId=item["id"])
