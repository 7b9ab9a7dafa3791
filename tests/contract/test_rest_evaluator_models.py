"""Models that a project cannot use: evaluators are refused, or paused when their LLM connection goes."""

from __future__ import annotations

from typing import Any

import httpx

from lumenspan.evaluators.domain import PausedReason
from lumenspan.ids import ProjectId
from lumenspan.settings import Settings
from tests.conftest import ProjectAccess
from tests.contract.connections import connect, disconnect
from tests.integration.server.conftest import RunningServer, serving

V1, V2 = "/api/public/unstable/evaluators", "/api/public/v2/evaluators"
RULES_V1, RULES_V2 = "/api/public/unstable/evaluation-rules", "/api/public/v2/evaluation-rules"
FLAT = {"dataType": "BOOLEAN"}
NESTED = FLAT | {"reasoning": {"description": "why"}, "score": {"description": "what"}}
CODE = {"type": "code", "name": "n", "sourceCode": "x", "sourceCodeLanguage": "PYTHON"}


def model_of(provider: str) -> dict[str, str]:
    return {"provider": provider, "model": "a-model"}


def judge(provider: str | None, output: dict[str, Any] = FLAT) -> dict[str, Any]:
    body = {"type": "llm_as_judge", "name": "n", "prompt": "p", "outputDefinition": output}
    return body | ({} if provider is None else {"modelConfig": model_of(provider)})


async def call(
    server: RunningServer, project: ProjectAccess, method: str, path: str, body: Any = None
) -> httpx.Response:
    return await server.client.request(method, path, json=body, headers=project.headers)


async def ok(
    server: RunningServer, project: ProjectAccess, method: str, path: str, body: Any = None
) -> Any:
    answer = await call(server, project, method, path, body)
    assert answer.status_code == 200, answer.text
    return answer.json()


class TestWithoutAConnection:
    async def test_the_first_version_answers_422(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        # That of another project is none.
        await connect(server, other_project, "mistral")
        answer = await call(server, project, "POST", V1, judge("mistral", NESTED))
        assert (answer.status_code, answer.json()["code"]) == (422, "evaluator_preflight_failed")
        assert answer.json()["details"] == {"evaluatorName": "n"} | model_of("mistral")
        await connect(server, project, "mistral")
        made = await ok(server, project, "POST", V1, judge("mistral", NESTED))
        assert made["modelConfig"] == model_of("mistral")

    async def test_the_second_version_answers_412(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        answer = await call(server, project, "POST", V2, judge("mistral"))
        assert (answer.status_code, answer.json()["code"]) == (412, "invalid_request")
        assert answer.json()["details"] == {"evaluatorName": "n"} | model_of("mistral")
        made = await ok(server, project, "POST", V2, judge(None))
        change = {name: value for name, value in judge("mistral").items() if name != "name"}
        refused = await call(server, project, "PATCH", f"{V2}/{made['id']}", change)
        assert refused.status_code == 412
        assert (await ok(server, project, "GET", f"{V2}/{made['id']}"))["version"] == 1

    async def test_rules_cannot_be_enabled_over_it(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        connection = await connect(server, project, "mistral")
        made = await ok(server, project, "POST", V2, judge("mistral"))
        await disconnect(server, project, connection)
        rule = {"name": "r", "evaluatorAssignments": [{"evaluatorId": made["id"]}]}
        refused = await call(server, project, "POST", RULES_V2, rule | {"enabled": True})
        assert refused.status_code == 412
        draft = await ok(server, project, "POST", RULES_V2, rule | {"enabled": False})
        answer = await call(server, project, "PATCH", f"{RULES_V1}/{draft['id']}", {"enabled": True})
        assert (answer.status_code, answer.json()["code"]) == (422, "evaluator_preflight_failed")
        await connect(server, project, "mistral")
        enabled = await ok(server, project, "PATCH", f"{RULES_V1}/{draft['id']}", {"enabled": True})
        assert enabled["status"] == "active"


class TestAConnectionGoes:
    async def test_what_named_it_is_paused_until_it_is_back(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        gone = await connect(server, project, "mistral")
        await connect(server, project, "openai")
        await connect(server, other_project, "mistral")
        named = await ok(server, project, "POST", V2, judge("mistral"))
        spared = [
            (project, await ok(server, project, "POST", V2, body))
            for body in (judge("openai"), judge(None), CODE)
        ]
        # An earlier version is not what runs.
        moved = await ok(server, project, "POST", V2, judge("mistral"))
        change = {name: value for name, value in judge("openai").items() if name != "name"}
        spared.append((project, await ok(server, project, "PATCH", f"{V2}/{moved['id']}", change)))
        spared.append((other_project, await ok(server, other_project, "POST", V2, judge("mistral"))))
        rule = await ok(
            server,
            project,
            "POST",
            RULES_V2,
            {"name": "r", "enabled": True, "evaluatorAssignments": [{"evaluatorId": named["id"]}]},
        )
        await disconnect(server, project, gone)
        paused = await ok(server, project, "GET", f"{V2}/{named['id']}")
        assert (paused["status"], paused["pausedReason"]) == ("paused", "LLM_CONNECTION_MISSING")
        assert paused["pausedAt"]
        assert "'mistral'" in paused["pausedMessage"]
        old = await ok(server, project, "GET", f"{RULES_V1}/{rule['id']}")
        assert (old["status"], old["pausedReason"]) == ("paused", "LLM_CONNECTION_MISSING")
        for owner, each in spared:
            assert (await ok(server, owner, "GET", f"{V2}/{each['id']}"))["status"] == "active"
        await connect(server, project, "mistral")
        again = await ok(server, project, "GET", f"{V2}/{named['id']}")
        assert again == named | {
            "evaluationRuleAssignments": [{"evaluationRuleId": rule["id"]}],
            "updatedAt": again["updatedAt"],
        }

    async def test_other_pauses_stay(self, server: RunningServer, project: ProjectAccess) -> None:
        connection = await connect(server, project, "mistral")
        made = await ok(server, project, "POST", V2, judge("mistral"))
        reason = PausedReason.ACCOUNT_NOT_READY
        await server.services.evaluators.pause(
            ProjectId(project.project_id), made["id"], reason, "No credit"
        )
        await disconnect(server, project, connection)
        await connect(server, project, "mistral")
        found = await ok(server, project, "GET", f"{V2}/{made['id']}")
        assert (found["pausedReason"], found["pausedMessage"]) == (reason, "No credit")


async def test_code_is_refused_where_the_instance_takes_none(
    server: RunningServer, settings: Settings, project: ProjectAccess
) -> None:
    made = await ok(server, project, "POST", V2, CODE)
    change = {name: value for name, value in CODE.items() if name != "name"}
    # LUMENSPAN_CODE_EVALUATORS=false
    async with serving(settings.model_copy(update={"takes_code_evaluators": False})) as other:
        for method, path, body in (
            ("POST", V1, CODE),
            ("POST", V2, CODE),
            ("PATCH", f"{V2}/{made['id']}", change),
        ):
            answer = await call(other, project, method, path, body)
            assert (answer.status_code, answer.json()["code"]) == (403, "access_denied")
        # What is there can be renamed, and models may judge.
        renamed = await ok(other, project, "PATCH", f"{V2}/{made['id']}", {"name": "m"})
        assert renamed["name"] == "m"
        await ok(other, project, "POST", V2, judge(None))
