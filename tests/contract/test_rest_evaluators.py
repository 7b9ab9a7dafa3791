"""``/api/public/v2/evaluators`` and ``/api/public/unstable/evaluators``: one store, two shapes."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from lumenspan.evaluators.domain import PausedReason
from lumenspan.ids import ProjectId
from tests.conftest import ProjectAccess
from tests.contract.connections import connect
from tests.integration.server.conftest import RunningServer

V1, V2 = "/api/public/unstable/evaluators", "/api/public/v2/evaluators"
PROMPT = "Judge {{input}} against {{ output }} and {{input}}"
MAPPING = [
    {"variable": "input", "source": "input"},
    {"variable": "output", "source": "metadata", "jsonPath": "$.answer[0]"},
]
JUDGE = {
    "type": "llm_as_judge",
    "name": "helpful",
    "prompt": PROMPT,
    "outputDefinition": {
        "dataType": "NUMERIC",
        "minValue": 0,
        "maxValue": 1,
        "scoreValueInstructions": "0-1",
    },
}
NESTED = {
    "dataType": "CATEGORICAL",
    "reasoning": {"description": "why"},
    "score": {"description": "which", "categories": ["good", "bad"], "shouldAllowMultipleMatches": True},
}
CATEGORICAL = {"dataType": "CATEGORICAL", "shouldAllowMultipleMatches": False}
OLD_JUDGE = {"name": "helpful", "prompt": PROMPT, "outputDefinition": NESTED}
CODE = {
    "type": "code",
    "name": "length",
    "sourceCode": "def evaluate(input): ...",
    "sourceCodeLanguage": "PYTHON",
}
METADATA = {
    "id", "name", "description", "createdBy", "status", "pausedAt", "pausedReason", "pausedMessage",
    "evaluationRuleAssignments", "createdAt", "updatedAt", "versionId", "version", "versionCreatedAt",
    "versionCreatedBy", "type",
}  # fmt: skip
BASE = {
    "id", "name", "version", "variables", "mapping", "evaluationRuleCount", "createdAt", "updatedAt",
    "type",
}  # fmt: skip


async def call(
    server: RunningServer, project: ProjectAccess, method: str, path: str, **options: Any
) -> httpx.Response:
    return await server.client.request(method, path, headers=project.headers, **options)


async def made(
    server: RunningServer, project: ProjectAccess, body: dict[str, Any] = JUDGE, path: str = V2
) -> dict[str, Any]:
    answer = await call(server, project, "POST", path, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


class TestSecondVersion:
    async def test_a_judge_comes_back_whole(self, server: RunningServer, project: ProjectAccess) -> None:
        await connect(server, project, "openai")
        body = JUDGE | {
            "description": "About help",
            "variableMapping": MAPPING,
            "modelConfig": {"provider": "openai", "model": "gpt-4.1-mini"},
        }
        found = await made(server, project, body)
        assert set(found) == METADATA | {
            "prompt",
            "variables",
            "variableMapping",
            "modelConfig",
            "outputDefinition",
        }
        assert found["prompt"] == [{"role": "user", "content": PROMPT}]
        assert found["variables"] == ["input", "output"]
        assert found["variableMapping"] == MAPPING
        assert found["modelConfig"] == body["modelConfig"]
        assert found["outputDefinition"] == JUDGE["outputDefinition"]
        assert (found["version"], found["status"], found["description"]) == (1, "active", "About help")
        assert (found["createdBy"], found["pausedAt"]) == (None, None)
        assert found["evaluationRuleAssignments"] == []
        read = await call(server, project, "GET", f"{V2}/{found['id']}")
        assert read.json() == found

    async def test_what_is_left_out_is_null_or_absent(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        chat = [{"role": "system", "content": "Be strict."}, {"role": "user", "content": "{{output}}"}]
        body = {
            "type": "llm_as_judge",
            "name": "x",
            "prompt": chat,
            "outputDefinition": {"dataType": "BOOLEAN"},
        }
        found = await made(server, project, body)
        assert found["prompt"] == chat
        assert found["outputDefinition"] == {"dataType": "BOOLEAN"}
        assert (found["variableMapping"], found["modelConfig"], found["description"]) == (None, None, None)

    async def test_code_has_no_prompt(self, server: RunningServer, project: ProjectAccess) -> None:
        found = await made(server, project, CODE)
        assert set(found) == METADATA | {"sourceCode", "sourceCodeLanguage"}
        assert (found["sourceCode"], found["sourceCodeLanguage"]) == (CODE["sourceCode"], "PYTHON")

    async def test_names_need_not_be_unique(self, server: RunningServer, project: ProjectAccess) -> None:
        first, second = await made(server, project), await made(server, project)
        assert first["id"] != second["id"]
        assert (first["version"], second["version"]) == (1, 1)

    async def test_a_definition_becomes_a_version_and_a_name_does_not(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        first = await made(server, project, JUDGE | {"description": "old"})
        path = f"{V2}/{first['id']}"
        renamed = (
            await call(server, project, "PATCH", path, json={"name": "new", "description": None})
        ).json()
        assert (renamed["name"], renamed["description"], renamed["version"]) == ("new", None, 1)
        definition = {key: JUDGE[key] for key in ("type", "outputDefinition")} | {"prompt": "{{other}}"}
        changed = (await call(server, project, "PATCH", path, json=definition)).json()
        assert (changed["name"], changed["version"], changed["variables"]) == ("new", 2, ["other"])
        assert changed["versionId"] != first["versionId"]
        versions = (await call(server, project, "GET", f"{path}/versions", params={"limit": 1})).json()
        assert [each["version"] for each in versions["data"]] == [2]
        assert set(versions["data"][0]) == {
            "type", "id", "version", "createdAt", "createdBy", "prompt", "variables", "variableMapping",
            "modelConfig", "outputDefinition",
        }  # fmt: skip
        cursor = versions["meta"]["cursor"]
        rest = (await call(server, project, "GET", f"{path}/versions", params={"cursor": cursor})).json()
        assert [each["id"] for each in rest["data"]] == [first["versionId"]]
        assert rest["meta"] == {}

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"name": " "},
            {"name": None},
            {"prompt": "without its type"},
            {"type": "llm_as_judge", "prompt": "without its output"},
            CODE | {"name": "another type"},
            {"type": "robot"},
            {"name": "x" * 10_000},
        ],
    )
    async def test_changes_that_do_not_fit(
        self, server: RunningServer, project: ProjectAccess, body: dict[str, Any]
    ) -> None:
        first = await made(server, project)
        answer = await call(server, project, "PATCH", f"{V2}/{first['id']}", json=body)
        assert answer.status_code == 400, answer.text
        assert answer.json()["code"] == "invalid_body"
        assert (await call(server, project, "GET", f"{V2}/{first['id']}")).json() == first

    async def test_at_the_same_time_each_version_gets_a_number_of_its_own(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        first = await made(server, project, CODE)
        answers = await asyncio.gather(
            *(
                call(
                    server,
                    project,
                    "PATCH",
                    f"{V2}/{first['id']}",
                    json={"type": "code", "sourceCode": f"{at}", "sourceCodeLanguage": "TYPESCRIPT"},
                )
                for at in range(12)
            )
        )
        assert sorted(each.json()["version"] for each in answers) == list(range(2, 14))

    async def test_a_new_definition_ends_a_pause_that_it_can_mend(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        service, project_id = server.services.evaluators, ProjectId(project.project_id)
        definition = {"type": "code", "sourceCode": "x", "sourceCodeLanguage": "PYTHON"}
        for reason, is_mended in (
            (PausedReason.MODEL_UNAVAILABLE, True),
            (PausedReason.ACCOUNT_NOT_READY, False),
        ):
            found = await made(server, project, CODE)
            await service.pause(project_id, found["id"], reason, "It does not work")
            paused = (await call(server, project, "GET", f"{V2}/{found['id']}")).json()
            assert (paused["status"], paused["pausedReason"]) == ("paused", reason)
            assert paused["pausedMessage"] == "It does not work"
            assert paused["pausedAt"]
            changed = (await call(server, project, "PATCH", f"{V2}/{found['id']}", json=definition)).json()
            assert changed["status"] == ("active" if is_mended else "paused")

    async def test_pages_follow_the_cursor(self, server: RunningServer, project: ProjectAccess) -> None:
        ids = [(await made(server, project))["id"] for _ in range(5)]
        seen: list[str] = []
        cursor: str | None = None
        for _ in range(3):
            params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            page = (await call(server, project, "GET", V2, params=params)).json()
            seen += [each["id"] for each in page["data"]]
            cursor = page["meta"].get("cursor")
        assert (seen, cursor) == (ids[::-1], None)

    async def test_deleting_takes_every_version(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        found = await made(server, project)
        gone = await call(server, project, "DELETE", f"{V2}/{found['id']}")
        assert (gone.status_code, gone.json()) == (200, {"id": found["id"]})
        for path in (found["id"], f"{found['id']}/versions"):
            answer = await call(server, project, "GET", f"{V2}/{path}")
            assert (answer.status_code, answer.json()["code"]) == (404, "resource_not_found")
        again = await call(server, project, "DELETE", f"{V2}/{found['id']}")
        assert again.status_code == 404


class TestFirstVersion:
    async def test_the_same_name_is_the_next_version(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        first = await made(server, project, OLD_JUDGE | {"mapping": MAPPING}, V1)
        assert set(first) == BASE | {"prompt", "outputDefinition", "modelConfig"}
        assert (first["type"], first["version"], first["prompt"]) == ("llm_as_judge", 1, PROMPT)
        assert (first["outputDefinition"], first["modelConfig"]) == (NESTED, None)
        assert (first["variables"], first["mapping"]) == (["input", "output"], MAPPING)
        assert first["evaluationRuleCount"] == 0
        second = await made(server, project, OLD_JUDGE | {"type": "llm_as_judge", "prompt": "{{x}}"}, V1)
        assert (second["id"], second["version"], second["variables"]) == (first["id"], 2, ["x"])
        assert second["mapping"] is None
        other_type = await made(server, project, CODE | {"name": "helpful"}, V1)
        assert other_type["id"] != first["id"]
        page = (await call(server, project, "GET", V1, params={"limit": 1})).json()
        assert [each["id"] for each in page["data"]] == [other_type["id"]]
        assert page["meta"] == {"page": 1, "limit": 1, "totalItems": 2, "totalPages": 2}
        assert (await call(server, project, "GET", f"{V1}/{first['id']}")).json() == second

    async def test_code_exposes_every_source(self, server: RunningServer, project: ProjectAccess) -> None:
        found = await made(server, project, CODE, V1)
        assert set(found) == BASE | {"sourceCode", "sourceCodeLanguage"}
        assert found["variables"][:3] == ["input", "output", "metadata"]
        assert found["mapping"] is None

    async def test_both_versions_see_the_same(self, server: RunningServer, project: ProjectAccess) -> None:
        found = await made(server, project)
        old = (await call(server, project, "GET", f"{V1}/{found['id']}")).json()
        assert old["prompt"] == PROMPT
        assert old["outputDefinition"] == {
            "dataType": "NUMERIC",
            "reasoning": {"description": ""},
            "score": {"description": "0-1", "minValue": 0.0, "maxValue": 1.0},
        }
        saved = await made(server, project, OLD_JUDGE, V1)
        assert (saved["id"], saved["version"]) == (found["id"], 2)
        new = (await call(server, project, "GET", f"{V2}/{found['id']}")).json()
        assert new["outputDefinition"] == {
            "dataType": "CATEGORICAL",
            "categories": ["good", "bad"],
            "shouldAllowMultipleMatches": True,
            "scoreReasoningInstructions": "why",
            "scoreValueInstructions": "which",
        }

    async def test_deleting_answers_a_sentence(self, server: RunningServer, project: ProjectAccess) -> None:
        found = await made(server, project, OLD_JUDGE, V1)
        gone = await call(server, project, "DELETE", f"{V1}/{found['id']}")
        assert (gone.status_code, gone.json()) == (200, {"message": "Evaluator successfully deleted"})
        again = await call(server, project, "DELETE", f"{V1}/{found['id']}")
        assert (again.status_code, again.json()["code"]) == (404, "resource_not_found")

    async def test_changing_in_place_is_not_allowed(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        found = await made(server, project, OLD_JUDGE, V1)
        answer = await call(server, project, "PATCH", f"{V1}/{found['id']}", json={"name": "x"})
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
