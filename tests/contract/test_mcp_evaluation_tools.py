"""The tools of the MCP server about experiments, evaluators and evaluation rules."""

from __future__ import annotations

from typing import Any

from lumenspan.clock import nanos_to_iso, now_nanos
from tests.conftest import ProjectAccess
from tests.contract.connections import connect
from tests.contract.mcp_client import tools_of
from tests.factories.observations import HOUR_NS, SECOND_NS, insert, observation
from tests.factories.scores import insert_scores, score
from tests.integration.server.conftest import RunningServer

JUDGE: dict[str, Any] = {
    "name": "helpful",
    "prompt": "Does {{answer}} help?",
    "outputDefinition": {"dataType": "NUMERIC", "minValue": 0, "maxValue": 1},
}
MAPPING = [{"variable": "answer", "source": "output"}]
CODE = {"name": "length", "type": "code", "sourceCode": "x", "sourceCodeLanguage": "PYTHON"}


def spans(project_id: str, experiment: str, start_ns: int) -> list[dict[str, Any]]:
    """One item of an experiment."""
    task = f"{experiment}-task"
    said = {
        "id": experiment,
        "name": f"name of {experiment}",
        "dataset.id": "d",
        "metadata.temperature": "0.5",
        "item.id": f"{experiment}-item",
        "item.root_observation_id": task,
        "item.expected_output": '"yes"',
    }
    shared = {
        "trace_id": f"{experiment}-trace",
        "environment": "sdk-experiment",
        "start_time": start_ns,
        "experiment": said,
    }
    run = observation(project_id, id=f"{experiment}-run", **shared)
    return [run, observation(project_id, id=task, parent_id=run["id"], input="in", output="out", **shared)]


class TestExperiments:
    async def test_experiments_and_their_items(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        now = now_nanos() // SECOND_NS * SECOND_NS
        old = now - 24 * 40 * HOUR_NS
        rows = [
            each
            for name, start in (("new", now), ("late", now - HOUR_NS), ("old", old))
            for each in spans(project.project_id, name, start)
        ]
        await insert(server.services.clickhouse, rows)
        judged = score(project.project_id, id="s", dataset_run_id="new", name="q", value=1.0)
        await insert_scores(server.services.clickhouse, [judged])
        async with tools_of(server, project) as tools, tools_of(server, other_project) as others:

            async def ids(**where: Any) -> list[str]:
                return [each["id"] for each in (await tools("listExperiments", **where))["data"]]

            assert await ids() == ["new", "late"]
            assert await ids(fromStartTime="2000-01-01T00:00:00Z") == ["new", "late", "old"]
            assert await ids(toStartTime=nanos_to_iso(old + HOUR_NS, 3)) == ["old"]
            assert await ids(name=["name of late", "what"]) == ["late"]
            assert await ids(id=["new"], datasetId=["d"]) == ["new"]
            only = {"column": "name", "type": "string", "operator": "contains", "value": "late"}
            assert await ids(filter=[only]) == ["late"]
            page = await tools("listExperiments", limit=1, fields=["scores", "metadata"])
            (first,) = page["data"]
            assert [each["id"] for each in first["scores"]] == ["s"]
            assert first["itemCount"] == 1
            assert first["metadata"] == {"temperature": 0.5}
            assert await ids(cursor=page["meta"]["cursor"]) == ["late"]

            (item,) = (await tools("listExperimentItems", experimentId=["new"]))["data"]
            assert (item["id"], item["experimentItemId"]) == ("new-task", "new-item")
            assert item["experimentDatasetId"] == "d"
            assert "input" not in item
            (item,) = (await tools("listExperimentItems", experimentId=["new"], fields=["io"]))["data"]
            assert (item["input"], item["output"]) == ("in", "out")
            assert item["expectedOutput"] == '"yes"'
            assert (await tools("listExperimentItems", experimentItemId=["what"]))["data"] == []
            for name in ("listExperiments", "listExperimentItems"):
                assert (await others(name))["data"] == []
                assert "cursor" in await tools.failure(name, cursor="x")
                assert "fromStartTime" in await tools.refusal(name, fromStartTime="yesterday")
                assert "fields" in await tools.refusal(name, fields=["what"])


class TestEvaluators:
    async def test_made_defined_anew_and_deleted(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        await connect(server, project, "openai")
        model = {"provider": "openai", "model": "m"}
        async with tools_of(server, project) as tools, tools_of(server, other_project) as others:
            made = await tools("createEvaluator", **JUDGE, modelConfig=model, variableMapping=MAPPING)
            assert (made["type"], made["version"], made["variables"]) == ("llm_as_judge", 1, ["answer"])
            assert (made["modelConfig"], made["variableMapping"]) == (model, MAPPING)
            of_it = {"evaluatorId": made["id"]}
            assert await tools("getEvaluator", **of_it) == made
            rest = await server.client.get(
                f"/api/public/v2/evaluators/{made['id']}", headers=project.headers
            )
            assert rest.json() == made
            code = await tools("createEvaluator", **CODE)
            listed = await tools("listEvaluators", limit=1)
            assert listed == {
                "data": [code],
                "meta": {"page": 1, "limit": 1, "totalItems": 2, "totalPages": 2},
            }
            renamed = await tools("updateEvaluator", **of_it, name="kind", description="How kind")
            assert (renamed["version"], renamed["name"]) == (1, "kind")
            definition: dict[str, Any] = {
                "prompt": [{"role": "user", "content": "p"}],
                "outputDefinition": {"dataType": "BOOLEAN"},
            }
            changed = await tools("updateEvaluator", **of_it, **definition, description=None)
            assert (changed["version"], changed["description"]) == (2, None)
            assert (changed["modelConfig"], changed["outputDefinition"]) == (None, {"dataType": "BOOLEAN"})
            second = {"sourceCode": "y", "sourceCodeLanguage": "TYPESCRIPT"}
            assert (await tools("updateEvaluator", evaluatorId=code["id"], **second))["version"] == 2
            for name in ("getEvaluator", "deleteEvaluator"):
                assert "not found" in await others.failure(name, **of_it)
            assert "not found" in await others.failure("updateEvaluator", **of_it, name="x")
            assert (await tools("deleteEvaluator", **of_it))["message"]
            assert "not found" in await tools.failure("getEvaluator", **of_it)

    async def test_what_is_refused(self, server: RunningServer, project: ProjectAccess) -> None:
        async with tools_of(server, project) as tools:
            made = await tools("createEvaluator", **JUDGE)
            of_it = {"evaluatorId": made["id"]}
            assert "prompt" in await tools.refusal("createEvaluator", name="n")
            assert "sourceCode" in await tools.refusal("createEvaluator", **JUDGE, sourceCode="x")
            assert "sourceCode" in await tools.refusal("createEvaluator", name="n", type="code")
            wrong = {"dataType": "CATEGORICAL", "categories": ["one"], "shouldAllowMultipleMatches": False}
            assert "categories" in await tools.failure(
                "createEvaluator", **JUDGE | {"outputDefinition": wrong}
            )
            missing = {"provider": "mistral", "model": "m"}
            assert "no LLM connection" in await tools.failure(
                "createEvaluator", **JUDGE, modelConfig=missing
            )
            assert await tools.failure("createEvaluator", **JUDGE | {"prompt": "\0"})
            assert "nothing to change" in await tools.failure("updateEvaluator", **of_it)
            assert "outputDefinition" in await tools.refusal("updateEvaluator", **of_it, prompt="p")
            second = {"sourceCode": "y", "sourceCodeLanguage": "PYTHON"}
            assert "stays llm_as_judge" in await tools.failure("updateEvaluator", **of_it, **second)
            assert await tools("listManagedEvaluatorTemplates", search="x") == {"data": []}


class TestRules:
    async def test_evaluators_come_and_go(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        only = {"column": "type", "type": "stringOptions", "operator": "any of", "value": ["GENERATION"]}
        async with tools_of(server, project) as tools, tools_of(server, other_project) as others:
            judge = {"evaluatorId": (await tools("createEvaluator", **JUDGE))["id"]}
            code = {"evaluatorId": (await tools("createEvaluator", **CODE))["id"]}
            rule = await tools("createEvaluationRule", name="r", enabled=False, filter=[only])
            assert (rule["filter"], rule["sampling"], rule["evaluatorAssignments"]) == ([only], 1, [])
            of_it = {"evaluationRuleId": rule["id"]}
            attach, detach = "attachEvaluatorToEvaluationRule", "detachEvaluatorFromEvaluationRule"
            assert "not mapped" in await tools.failure(attach, **of_it, **judge)
            attached = await tools(attach, **of_it, **judge, variableMapping=MAPPING)
            assert attached["evaluatorAssignments"] == [judge | {"variableMapping": MAPPING}]
            both = await tools(attach, **of_it, **code)
            assert both["evaluatorAssignments"][1] == code | {"variableMapping": None}
            assert "more than once" in await tools.failure(attach, **of_it, **code)
            enabled = await tools("updateEvaluationRule", **of_it, enabled=True, sampling=0.5, filter=[])
            assert (enabled["enabled"], enabled["sampling"], enabled["filter"]) == (True, 0.5, [])
            left = await tools(detach, **of_it, **judge)
            assert (left["enabled"], len(left["evaluatorAssignments"])) == (True, 1)
            assert "does not use" in await tools.failure(detach, **of_it, **judge)
            last = await tools(detach, **of_it, **code)
            assert (last["enabled"], last["evaluatorAssignments"]) == (False, [])
            assert await tools("getEvaluationRule", **of_it) == last
            assert (await tools("listEvaluationRules"))["data"] == [last]
            replaced = await tools("updateEvaluationRule", **of_it, evaluatorAssignments=[code])
            assert replaced["evaluatorAssignments"] == [code | {"variableMapping": None}]
            for name, more in (
                ("getEvaluationRule", {}),
                ("updateEvaluationRule", {"name": "x"}),
                ("deleteEvaluationRule", {}),
                (attach, code),
                (detach, code),
            ):
                assert "not found" in await others.failure(name, **of_it, **more), name
            assert (await others("listEvaluationRules"))["data"] == []
            assert (await tools("deleteEvaluationRule", **of_it))["message"]
            assert "not found" in await tools.failure("getEvaluationRule", **of_it)

    async def test_what_is_refused(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        async with tools_of(server, project) as tools, tools_of(server, other_project) as others:
            foreign = (await others("createEvaluator", **CODE))["id"]
            rule = await tools("createEvaluationRule", name="r", enabled=False)
            of_it = {"evaluationRuleId": rule["id"]}
            assert "not found" in await tools.failure(
                "attachEvaluatorToEvaluationRule", **of_it, evaluatorId=foreign
            )
            assert "cannot be enabled" in await tools.failure("updateEvaluationRule", **of_it, enabled=True)
            assert "nothing to change" in await tools.failure("updateEvaluationRule", **of_it)
            assert "sampling" in await tools.refusal("updateEvaluationRule", **of_it, sampling=2)
            wrong = {"column": "what", "type": "string", "operator": "=", "value": "x"}
            assert "'what'" in await tools.failure("updateEvaluationRule", **of_it, filter=[wrong])
            for odd in ({"type": "booleanObject"}, {"operator": "like"}, {"value": 1}):
                assert "filter" in await tools.refusal(
                    "updateEvaluationRule", **of_it, filter=[wrong | odd]
                )
