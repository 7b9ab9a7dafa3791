"""Every documented operation with arguments made from its own schema, fitting and not.

``LUMENSPAN_FUZZ_EXAMPLES`` says how many calls of each kind an operation gets; with the default the whole
takes about a minute.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from tests.conftest import ProjectAccess, Stack, make_project
from tests.contract import reference
from tests.contract.test_openapi import PENDING

_EXAMPLES = int(os.environ.get("LUMENSPAN_FUZZ_EXAMPLES", "6"))

# Answers that the documents do not list for any operation, and what they mean.
STATUSES: Mapping[int, str] = {
    201: "made: some operations are documented as 200",
    202: "deletions of scores are documented as 204",
    409: "a name or an id is taken",
    413: "the body is over the limit",
    415: "the body is of no type that is read",
    422: "the query would take too long",
}

CHECKED = [not_a_server_error, response_schema_conformance, content_type_conformance]


def _schema() -> Any:
    return schemathesis.openapi.from_path(reference.path())


def _labels() -> list[Any]:
    """The operations that are served."""
    try:
        document = reference.load()
    except pytest.skip.Exception as error:
        return [pytest.param("", marks=pytest.mark.skip(reason=str(error)))]
    return [
        f"{verb.upper()} {path}"
        for path, verbs in document["paths"].items()
        for verb in verbs
        if next(iter(reference.operations({"paths": {path: {verb: {}}}}))) not in PENDING
    ]


@pytest.fixture(scope="module")
async def filled(stack: Stack, identity_clients: object) -> ProjectAccess:
    """A project that has something of most kinds."""
    access = await make_project(identity_clients)
    async with httpx.AsyncClient(base_url=stack.base_url, headers=access.headers, timeout=30) as client:
        for path, body in (
            ("/api/public/v2/prompts", {"name": "p", "prompt": "Hello", "labels": ["production"]}),
            ("/api/public/v2/datasets", {"name": "d"}),
            ("/api/public/dataset-items", {"datasetName": "d", "input": {"a": 1}}),
            ("/api/public/score-configs", {"name": "c", "dataType": "NUMERIC"}),
            ("/api/public/models", {"modelName": "m", "matchPattern": "m", "inputPrice": 1}),
            ("/api/public/traces", {"id": "t", "name": "trace", "sessionId": "s"}),
            ("/api/public/generations", {"id": "g", "traceId": "t", "model": "m", "input": "hi"}),
            ("/api/public/scores", {"name": "n", "traceId": "t", "value": 1}),
        ):
            answer = await client.post(path, json=body)
            assert answer.status_code in (200, 201), answer.text
    return access


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("label", _labels())
def test_no_call_breaks_the_server(
    stack: Stack, filled: ProjectAccess, label: str, mode: GenerationMode
) -> None:
    operation = _schema().find_operation_by_label(label)
    documented = {int(status) for status in operation.definition.raw["responses"]}

    @given(case=operation.as_strategy(mode))
    @settings(
        max_examples=_EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    def call(case: schemathesis.Case[Any]) -> None:
        answer = case.call(base_url=stack.base_url, headers=filled.headers, timeout=30)
        assert answer.status_code in documented | STATUSES.keys(), answer.text
        case.validate_response(answer, checks=CHECKED)

    try:
        call()
    except Unsatisfiable:
        # Nothing about this operation can be made wrong.
        assert mode is GenerationMode.NEGATIVE
