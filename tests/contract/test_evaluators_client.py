"""Evaluators and rules through the typed client of Python SDK 5."""

from __future__ import annotations

import asyncio

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

from tests.conftest import ProjectAccess
from tests.contract.connections import connect
from tests.integration.server.conftest import RunningServer


async def test_the_python_client_reads_and_writes_them(
    server: RunningServer, project: ProjectAccess
) -> None:
    await connect(server, project, "openai")

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
