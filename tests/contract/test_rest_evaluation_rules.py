"""``/api/public/v2/evaluation-rules`` and those under ``unstable``: one store, two shapes."""

from __future__ import annotations

from typing import Any

import httpx

from lumenspan.evaluators.domain import PausedReason
from lumenspan.ids import ProjectId
from tests.conftest import ProjectAccess
from tests.integration.server.conftest import RunningServer

V1, V2 = "/api/public/unstable/evaluation-rules", "/api/public/v2/evaluation-rules"
EVALUATORS = "/api/public/v2/evaluators"
MAPPING = [
    {"variable": "input", "source": "input"},
    {"variable": "output", "source": "output", "jsonPath": "$.text"},
]
JUDGE = {
    "type": "llm_as_judge",
    "name": "helpful",
    "prompt": "{{input}} {{output}}",
    "outputDefinition": {"dataType": "BOOLEAN"},
}
CODE = {"type": "code", "name": "length", "sourceCode": "x", "sourceCodeLanguage": "TYPESCRIPT"}
FILTER: list[dict[str, Any]] = [
    {"type": "stringOptions", "column": "type", "operator": "any of", "value": ["GENERATION"]},
    {"type": "stringObject", "column": "metadata", "key": "plan", "operator": "=", "value": "gold"},
    {"type": "null", "column": "parentObservationId", "operator": "is null", "value": ""},
    {"type": "boolean", "column": "isRootObservation", "operator": "=", "value": True},
    {"type": "number", "column": "toolCalls", "operator": ">", "value": 1.0},
    {"type": "arrayOptions", "column": "tags", "operator": "all of", "value": ["a", "b"]},
    {"type": "string", "column": "userId", "operator": "starts with", "value": "u"},
]
SCOPE = {"type": "boolean", "column": "isExperimentItemRootSpan", "operator": "=", "value": True}
OLD_RULE: dict[str, Any] = {
    "name": "all helpful",
    "evaluator": {"name": "helpful"},
    "target": "observation",
    "enabled": True,
    "mapping": MAPPING,
}


async def call(
    server: RunningServer, project: ProjectAccess, method: str, path: str, **options: Any
) -> httpx.Response:
    return await server.client.request(method, path, headers=project.headers, **options)


async def posted(
    server: RunningServer, project: ProjectAccess, path: str, body: dict[str, Any]
) -> dict[str, Any]:
    answer = await call(server, project, "POST", path, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def evaluator(
    server: RunningServer, project: ProjectAccess, body: dict[str, Any] = JUDGE, **more: Any
) -> str:
    return str((await posted(server, project, EVALUATORS, body | more))["id"])


def rule(*ids: str, **more: Any) -> dict[str, Any]:
    """A body of the second version."""
    assignments = [{"evaluatorId": id_, "variableMapping": MAPPING} for id_ in ids]
    return {"name": "r", "enabled": bool(ids), "evaluatorAssignments": assignments} | more


async def refused(
    server: RunningServer, project: ProjectAccess, method: str, path: str, body: dict[str, Any]
) -> tuple[int, str, dict[str, Any]]:
    """Status, code and details of a call that must fail."""
    answer = await call(server, project, method, path, json=body)
    found = answer.json()
    assert answer.status_code >= 400, found
    return answer.status_code, found["code"], found.get("details", {})


class TestSecondVersion:
    async def test_a_rule_comes_back_whole(self, server: RunningServer, project: ProjectAccess) -> None:
        judge, code = await evaluator(server, project), await evaluator(server, project, CODE)
        body = rule(judge, sampling=0.25, filter=FILTER)
        body["evaluatorAssignments"].append({"evaluatorId": code})
        found = await posted(server, project, V2, body)
        assert set(found) == {
            "id", "name", "createdBy", "enabled", "sampling", "filter", "evaluatorAssignments", "createdAt",
            "updatedAt",
        }  # fmt: skip
        assert found["filter"] == FILTER
        assert (found["sampling"], found["enabled"], found["createdBy"]) == (0.25, True, None)
        assert found["evaluatorAssignments"] == [
            {"evaluatorId": judge, "variableMapping": MAPPING},
            {"evaluatorId": code, "variableMapping": None},
        ]
        assert (await call(server, project, "GET", f"{V2}/{found['id']}")).json() == found
        uses = (await call(server, project, "GET", f"{EVALUATORS}/{judge}")).json()
        assert uses["evaluationRuleAssignments"] == [
            {"evaluationRuleId": found["id"], "variableMappingOverride": MAPPING}
        ]
        uses = (await call(server, project, "GET", f"{EVALUATORS}/{code}")).json()
        assert uses["evaluationRuleAssignments"] == [{"evaluationRuleId": found["id"]}]

    async def test_drafts_names_and_defaults(self, server: RunningServer, project: ProjectAccess) -> None:
        first = await posted(server, project, V2, rule())
        second = await posted(server, project, V2, rule())
        assert first["id"] != second["id"]
        assert (first["sampling"], first["filter"], first["evaluatorAssignments"]) == (1.0, [], [])
        page = (await call(server, project, "GET", V2, params={"limit": 1})).json()
        assert [each["id"] for each in page["data"]] == [second["id"]]
        rest = (await call(server, project, "GET", V2, params=page["meta"])).json()
        assert ([each["id"] for each in rest["data"]], rest["meta"]) == ([first["id"]], {})

    async def test_changes_replace_lists_and_keep_the_rest(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        judge, code = await evaluator(server, project), await evaluator(server, project, CODE)
        found = await posted(server, project, V2, rule(judge, filter=FILTER))
        path = f"{V2}/{found['id']}"
        changed = (await call(server, project, "PATCH", path, json={"sampling": 0.5})).json()
        assert changed | {"sampling": 1.0, "updatedAt": found["updatedAt"]} == found
        body: dict[str, Any] = {"evaluatorAssignments": [{"evaluatorId": code}], "filter": FILTER[:1]}
        changed = (await call(server, project, "PATCH", path, json=body)).json()
        assert changed["evaluatorAssignments"] == [{"evaluatorId": code, "variableMapping": None}]
        assert (changed["filter"], changed["enabled"]) == (FILTER[:1], True)
        emptied = (await call(server, project, "PATCH", path, json={"evaluatorAssignments": []})).json()
        assert (emptied["evaluatorAssignments"], emptied["enabled"]) == ([], False)
        for body in (
            {"enabled": True},
            {"enabled": True, "evaluatorAssignments": []},
            {},
            {"sampling": None},
        ):
            status, reason, _ = await refused(server, project, "PATCH", path, body)
            assert (status, reason) == (400, "invalid_body")

    async def test_a_mapping_is_taken_over_where_there_is_one(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        bare = await evaluator(server, project)
        body = rule(enabled=True, evaluatorAssignments=[{"evaluatorId": bare}])
        status, reason, details = await refused(server, project, "POST", V2, body)
        assert (status, reason) == (400, "invalid_body")
        assert details["issues"][0]["code"] == "missing_variable_mapping"
        assert details["issues"][0]["path"] == ["evaluatorAssignments", 0, "variableMapping"]
        mapped = await evaluator(server, project, variableMapping=MAPPING)
        found = await posted(
            server, project, V2, rule(enabled=True, evaluatorAssignments=[{"evaluatorId": mapped}])
        )
        assert found["evaluatorAssignments"] == [{"evaluatorId": mapped, "variableMapping": None}]
        old = (await call(server, project, "GET", f"{V1}/{found['id']}")).json()
        assert (old["evaluators"][0]["mapping"], old["mapping"]) == (None, MAPPING)

    async def test_evaluators_that_are_unknown_or_come_twice(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        judge, foreign = await evaluator(server, project), await evaluator(server, other_project)
        assert (await refused(server, project, "POST", V2, rule(judge, judge)))[:2] == (409, "conflict")
        for id_ in (foreign, "x", "x" * 10_000):
            found = await refused(server, project, "POST", V2, rule(id_))
            assert found[:2] == (404, "resource_not_found")
        code = await evaluator(server, project, CODE)
        status, reason, details = await refused(server, project, "POST", V2, rule(code))
        assert (status, reason) == (400, "invalid_body")
        assert details["issues"][0]["code"] == "invalid_variable_mapping"

    async def test_deleting_a_rule_and_its_evaluator(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        judge, code = await evaluator(server, project), await evaluator(server, project, CODE)
        both = rule(judge)
        both["evaluatorAssignments"].append({"evaluatorId": code})
        kept, alone = (
            await posted(server, project, V2, both),
            await posted(server, project, V2, rule(judge)),
        )
        assert (await call(server, project, "DELETE", f"{EVALUATORS}/{judge}")).status_code == 200
        found = (await call(server, project, "GET", f"{V2}/{kept['id']}")).json()
        assert (found["enabled"], [each["evaluatorId"] for each in found["evaluatorAssignments"]]) == (
            True,
            [code],
        )
        found = (await call(server, project, "GET", f"{V1}/{alone['id']}")).json()
        assert (found["evaluator"], found["evaluators"], found["mapping"]) == (None, [], [])
        assert (found["enabled"], found["status"]) == (False, "inactive")
        gone = await call(server, project, "DELETE", f"{V2}/{alone['id']}")
        assert (gone.status_code, gone.json()) == (200, {"id": alone["id"]})
        assert (await call(server, project, "GET", f"{V2}/{alone['id']}")).status_code == 404
        assert (await call(server, project, "GET", f"{EVALUATORS}/{code}")).status_code == 200


class TestFirstVersion:
    async def test_a_rule_comes_back_whole(self, server: RunningServer, project: ProjectAccess) -> None:
        judge = await evaluator(server, project)
        found = await posted(server, project, V1, OLD_RULE | {"filter": FILTER})
        assert set(found) == {
            "id", "name", "evaluator", "enabled", "status", "pausedReason", "pausedMessage", "sampling",
            "createdAt", "updatedAt", "evaluators", "target", "filter", "mapping",
        }  # fmt: skip
        assert found["evaluator"] == {"id": judge, "name": "helpful", "type": "llm_as_judge"}
        assert found["evaluators"] == [{"evaluator": found["evaluator"], "mapping": MAPPING}]
        assert (found["mapping"], found["filter"], found["target"]) == (MAPPING, FILTER, "observation")
        assert (found["status"], found["sampling"], found["pausedReason"]) == ("active", 1.0, None)
        assert (await call(server, project, "GET", f"{V1}/{found['id']}")).json() == found
        page = (await call(server, project, "GET", V1)).json()
        assert page == {
            "data": [found],
            "meta": {"page": 1, "limit": 50, "totalItems": 1, "totalPages": 1},
        }
        uses = (await call(server, project, "GET", f"/api/public/unstable/evaluators/{judge}")).json()
        assert uses["evaluationRuleCount"] == 1

    async def test_several_evaluators_and_code(self, server: RunningServer, project: ProjectAccess) -> None:
        await evaluator(server, project, variableMapping=MAPPING)
        await evaluator(server, project, CODE)
        body = {key: OLD_RULE[key] for key in ("name", "target", "enabled")}
        code = {"name": "length", "type": "code"}
        many = await posted(
            server,
            project,
            V1,
            body
            | {"evaluators": [{"evaluator": code}, {"evaluator": {"name": "helpful"}}], "sampling": None},
        )
        assert [each["mapping"] for each in many["evaluators"]] == [None, None]
        assert many["mapping"][0] == {"variable": "input", "source": "input"}
        one = await posted(server, project, V1, body | {"evaluator": code, "name": "code", "filter": None})
        assert one["evaluator"]["type"] == "code"
        experiment = {"target": "experiment", "name": "experiments", "evaluator": code}
        assert len((await posted(server, project, V1, body | experiment))["mapping"]) == 6

    async def test_names_are_taken(self, server: RunningServer, project: ProjectAccess) -> None:
        await evaluator(server, project)
        await posted(server, project, V1, OLD_RULE)
        other = await posted(server, project, V1, OLD_RULE | {"name": "other"})
        assert (await refused(server, project, "POST", V1, OLD_RULE))[:2] == (409, "name_conflict")
        path = f"{V1}/{other['id']}"
        change = {"name": OLD_RULE["name"]}
        assert (await refused(server, project, "PATCH", path, change))[:2] == (409, "name_conflict")
        assert (await call(server, project, "PATCH", path, json={"name": "other"})).status_code == 200

    async def test_experiments_have_columns_and_sources_of_their_own(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        await evaluator(server, project)
        dataset = await posted(server, project, "/api/public/v2/datasets", {"name": "d"})
        mapping = [MAPPING[0], {"variable": "output", "source": "expected_output"}]
        condition = {"type": "stringOptions", "operator": "any of", "value": [dataset["id"]]}
        body = OLD_RULE | {"target": "experiment", "mapping": mapping}
        found = await posted(
            server, project, V1, body | {"filter": [condition | {"column": "experimentDatasetId"}]}
        )
        assert found["filter"] == [condition | {"column": "datasetId"}]
        new = (await call(server, project, "GET", f"{V2}/{found['id']}")).json()
        assert new["filter"] == [SCOPE, *found["filter"]]
        path = f"{V1}/{found['id']}"
        status, reason, details = await refused(server, project, "PATCH", path, {"target": "observation"})
        assert (status, reason, details["column"]) == (400, "invalid_filter_value", "datasetId")
        change = {"target": "observation", "filter": []}
        status, reason, details = await refused(server, project, "PATCH", path, change)
        assert (status, reason) == (400, "invalid_variable_mapping")
        assert details["allowedValues"] == ["input", "output", "metadata", "tool_calls"]
        moved = (await call(server, project, "PATCH", path, json=change | {"mapping": MAPPING})).json()
        assert (moved["target"], moved["filter"], moved["mapping"]) == ("observation", [], MAPPING)
        unknown = body | {"name": "n", "filter": [condition | {"column": "datasetId", "value": ["nope"]}]}
        status, reason, details = await refused(server, project, "POST", V1, unknown)
        assert (status, reason, details["invalidValues"]) == (400, "invalid_filter_value", ["nope"])

    async def test_a_scope_in_the_second_version_is_a_target_in_the_first(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        judge = await evaluator(server, project)
        found = await posted(server, project, V2, rule(judge, filter=[SCOPE]))
        old = (await call(server, project, "GET", f"{V1}/{found['id']}")).json()
        assert (old["target"], old["filter"]) == ("experiment", [])
        await call(server, project, "PATCH", f"{V2}/{found['id']}", json={"filter": []})
        old = (await call(server, project, "GET", f"{V1}/{found['id']}")).json()
        assert old["target"] == "observation"

    async def test_changes_of_the_first_evaluator(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        await evaluator(server, project)
        other = await evaluator(server, project, JUDGE, name="polite")
        await evaluator(server, project, JUDGE, name="short", prompt="{{text}}")
        found = await posted(server, project, V1, OLD_RULE)
        path = f"{V1}/{found['id']}"
        changed = (
            await call(server, project, "PATCH", path, json={"evaluator": {"name": "polite"}})
        ).json()
        assert (changed["evaluator"]["id"], changed["mapping"]) == (other, MAPPING)
        change: dict[str, Any] = {"evaluator": {"name": "short"}}
        status, reason, details = await refused(server, project, "PATCH", path, change)
        assert (status, reason, details["field"]) == (
            400,
            "invalid_variable_mapping",
            "mapping[0].variable",
        )
        change |= {"mapping": [{"variable": "text", "source": "tool_calls", "jsonPath": "$[*].name"}]}
        changed = (await call(server, project, "PATCH", path, json=change)).json()
        assert changed["mapping"] == change["mapping"]
        for wrong in (
            {},
            {"name": None},
            {"evaluators": [{"evaluator": {"name": "polite"}}], "mapping": MAPPING},
            {"evaluator": {"name": "polite", "type": "code"}},
            {"enabled": "yes"},
        ):
            assert (await refused(server, project, "PATCH", path, wrong))[:2] == (400, "invalid_body")
        replaced = {"evaluators": [{"evaluator": {"name": "helpful"}, "mapping": MAPPING}]}
        changed = (await call(server, project, "PATCH", path, json=replaced)).json()
        assert [each["evaluator"]["name"] for each in changed["evaluators"]] == ["helpful"]

    async def test_a_rule_is_paused_with_its_evaluators(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        judge = await evaluator(server, project)
        found = await posted(server, project, V1, OLD_RULE)
        await server.services.evaluators.pause(
            ProjectId(project.project_id), judge, PausedReason.CONNECTION_MISSING, "No connection"
        )
        paused = (await call(server, project, "GET", f"{V1}/{found['id']}")).json()
        assert (paused["enabled"], paused["status"]) == (True, "paused")
        assert (paused["pausedReason"], paused["pausedMessage"]) == (
            "LLM_CONNECTION_MISSING",
            "No connection",
        )
        off = (await call(server, project, "PATCH", f"{V1}/{found['id']}", json={"enabled": False})).json()
        assert (off["status"], off["pausedReason"]) == ("inactive", None)

    async def test_deleting_answers_a_sentence(self, server: RunningServer, project: ProjectAccess) -> None:
        await evaluator(server, project)
        found = await posted(server, project, V1, OLD_RULE)
        gone = await call(server, project, "DELETE", f"{V1}/{found['id']}")
        assert gone.json() == {"message": "Evaluation rule successfully deleted"}
        again = await call(server, project, "DELETE", f"{V1}/{found['id']}")
        assert (again.status_code, again.json()["code"]) == (404, "resource_not_found")
