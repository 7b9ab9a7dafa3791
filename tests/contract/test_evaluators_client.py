"""Evaluators and rules through the typed client of Python SDK 5, and models that a project cannot use."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import httpx
import pytest
from langfuse.api import LangfuseAPI
from langfuse.api.core.api_error import ApiError
from langfuse.api.evaluation_commons import (
    EvaluationRuleFilter_StringOptions,
    EvaluationRuleOptionsFilterOperator,
    EvaluatorOutputDefinition_Numeric,
    PromptVariableMappingInput,
    PromptVariableMappingSource,
)
from langfuse.api.evaluation_rules import EvaluationRuleEvaluatorAssignmentInput
from langfuse.api.evaluators import (
    CreateEvaluatorRequest_LlmAsJudge,
    EvaluatorModelConfig,
    UpdateEvaluatorMetadataRequest,
)

from lumenspan.evaluators.domain import (
    CodeDefinition,
    JudgeDefinition,
    Language,
    Message,
    ModelChoice,
    Output,
    OutputType,
    PreflightFailed,
    Role,
)
from lumenspan.evaluators.preflight import ConnectedModels
from lumenspan.evaluators.rule_service import EvaluationRuleService
from lumenspan.evaluators.rules import Chosen, NewAssignment, NewRule
from lumenspan.evaluators.service import EvaluatorChange, EvaluatorService, NewEvaluator
from lumenspan.ids import ProjectId
from tests.conftest import ProjectAccess
from tests.integration.server.conftest import RunningServer


def judge(provider: str) -> JudgeDefinition:
    return JudgeDefinition(
        prompt=(Message(Role.USER, "Judge"),),
        output=Output(OutputType.BOOLEAN),
        model=ModelChoice(provider, "a-model"),
    )


async def test_the_python_client_reads_and_writes_them(
    server: RunningServer, project: ProjectAccess
) -> None:
    def talk(client: LangfuseAPI) -> None:
        made = client.evaluators.create(
            request=CreateEvaluatorRequest_LlmAsJudge(
                name="helpful",
                prompt="{{input}}",
                output_definition=EvaluatorOutputDefinition_Numeric(min_value=0, max_value=1),
                model_config_=EvaluatorModelConfig(provider="openai", model="m"),
            )
        )
        assert (made.version, made.variables, made.status) == (1, ["input"], "active")
        renamed = client.evaluators.update(made.id, request=UpdateEvaluatorMetadataRequest(name="kind"))
        assert renamed.name == "kind"
        assert [each.id for each in client.evaluators.list(limit=1).data] == [made.id]
        assert client.evaluators.list_versions(made.id).data[0].id == made.version_id
        mapping = [
            PromptVariableMappingInput(
                variable="input", source=PromptVariableMappingSource.INPUT, json_path="$.q"
            )
        ]
        rule = client.evaluation_rules.create(
            name="r",
            enabled=True,
            evaluator_assignments=[
                EvaluationRuleEvaluatorAssignmentInput(evaluator_id=made.id, variable_mapping=mapping)
            ],
            filter=[
                EvaluationRuleFilter_StringOptions(
                    column="type",
                    operator=EvaluationRuleOptionsFilterOperator.ANY_OF,
                    value=["GENERATION"],
                )
            ],
        )
        assert (rule.sampling, rule.filter[0].value) == (1, ["GENERATION"])
        assert client.evaluation_rules.update(rule.id, enabled=False).enabled is False
        assert client.evaluation_rules.get(rule.id).evaluator_assignments[0].evaluator_id == made.id
        assert client.evaluators.get(made.id).evaluation_rule_assignments[0].evaluation_rule_id == rule.id
        assert client.evaluation_rules.list().meta.cursor is None
        assert client.evaluation_rules.delete(rule.id).id == rule.id
        assert client.evaluators.delete(made.id).id == made.id
        with pytest.raises(ApiError) as caught:
            client.evaluators.get(made.id)
        assert (caught.value.status_code, caught.value.body.code) == (404, "resource_not_found")

    with httpx.Client() as transport:
        client = LangfuseAPI(
            base_url=server.base_url,
            username=project.public_key,
            password=project.secret_key,
            httpx_client=transport,
        )
        await asyncio.to_thread(talk, client)


async def providers(project_id: ProjectId) -> Collection[str]:
    return {"openai"}


async def test_models_without_a_connection_are_refused(
    server: RunningServer, project: ProjectAccess
) -> None:
    services, project_id = server.services, ProjectId(project.project_id)
    models = ConnectedModels(providers)
    evaluators = EvaluatorService(services.postgres, models)
    rules = EvaluationRuleService(services.postgres, services.datasets, models)
    good = await evaluators.create(project_id, NewEvaluator("good", judge("openai")))
    default = judge("openai").output
    await evaluators.create(
        project_id, NewEvaluator("default", JudgeDefinition((Message(Role.USER, "x"),), default))
    )
    await evaluators.create(project_id, NewEvaluator("code", CodeDefinition("x", Language.PYTHON)))
    with pytest.raises(PreflightFailed) as caught:
        await evaluators.save_by_name(project_id, NewEvaluator("good", judge("mistral")))
    assert (caught.value.reason, caught.value.details) == (
        "evaluator_preflight_failed",
        {"evaluatorName": "good", "provider": "mistral", "model": "a-model"},
    )
    with pytest.raises(PreflightFailed):
        await evaluators.update(project_id, good.id, EvaluatorChange(definition=judge("mistral")))
    assert (await evaluators.get(project_id, good.id)).version.number == 1
    # Made while the connection was there.
    lost = await services.evaluators.create(project_id, NewEvaluator("lost", judge("mistral")))
    rule = NewRule("r", is_enabled=True, assignments=(NewAssignment(Chosen(lost.id)),))
    with pytest.raises(PreflightFailed):
        await rules.create(project_id, rule)
    draft = NewRule("r", is_enabled=False, assignments=rule.assignments)
    assert not (await rules.create(project_id, draft)).is_enabled


async def test_each_version_of_the_routes_answers_a_status_of_its_own(
    server: RunningServer, project: ProjectAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = ConnectedModels(providers)
    monkeypatch.setattr(server.services, "evaluators", EvaluatorService(server.services.postgres, models))
    model = {"provider": "mistral", "model": "a-model"}
    body = {"type": "llm_as_judge", "name": "n", "prompt": "p", "modelConfig": model}
    flat = {"dataType": "BOOLEAN"}
    nested = flat | {"reasoning": {"description": "why"}, "score": {"description": "what"}}
    for path, output, status, code in (
        ("/api/public/unstable/evaluators", nested, 422, "evaluator_preflight_failed"),
        ("/api/public/v2/evaluators", flat, 412, "invalid_request"),
    ):
        answer = await server.client.post(
            path, json=body | {"outputDefinition": output}, headers=project.headers
        )
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json()["details"] == {"evaluatorName": "n"} | model
