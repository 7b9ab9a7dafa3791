"""Bad GraphQL requests: a clear answer, never an error of ours, and limits that hold."""

from __future__ import annotations

import json

import pytest

from tests.conftest import ProjectAccess
from tests.integration.server.conftest import RunningServer


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b'{"query": 5}', "application/json"),
        (b'{"variables": {}}', "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"query=%7B__typename%7D", "application/x-www-form-urlencoded"),
    ],
)
async def test_a_body_that_is_no_request_is_a_400(
    server: RunningServer, project: ProjectAccess, body: bytes, content_type: str
) -> None:
    headers = project.headers | {"Content-Type": content_type}
    answer = await server.client.post("/graphql", content=body, headers=headers)
    assert answer.status_code in (400, 415)
    assert answer.text


async def test_a_wrong_field_is_named(server: RunningServer, project: ProjectAccess) -> None:
    body = await server.graphql(project, "{ viewer { nothing } }")
    (error,) = body["errors"]
    assert "nothing" in error["message"]
    assert error["extensions"]["code"] == "INVALID_INPUT"


async def test_a_wrong_variable_is_named(server: RunningServer, project: ProjectAccess) -> None:
    query = 'query T($f: TraceFilter) { project(id: "x") { traces(filter: $f) { isCut } } }'
    body = await server.graphql(project, query, f={"fromTimestamp": "yesterday"})
    (error,) = body["errors"]
    assert "fromTimestamp" in error["message"]
    assert error["extensions"]["code"] == "INVALID_INPUT"


async def test_wrong_credentials_are_told_apart_from_none(server: RunningServer) -> None:
    answer = await server.client.post(
        "/graphql",
        json={"query": "{ viewer { projects { id } } }"},
        headers={"Authorization": "Bearer nobody"},
    )
    assert "UNAUTHENTICATED" in answer.text
    body = await server.graphql(None, "{ viewer { projects { id } } }")
    assert body["data"] == {"viewer": None}


@pytest.mark.parametrize(
    "query",
    [
        "{" + "organizations { projects { organization {" * 12 + "id" + "}}}" * 12 + "}",
        "{" + " ".join(f"a{number}: serverInfo {{ name }}" for number in range(500)) + "}",
        "{" + "serverInfo { name } " * 20_000 + "}",
    ],
    ids=["depth", "aliases", "tokens"],
)
async def test_an_operation_that_would_cost_too_much_is_refused(
    server: RunningServer, project: ProjectAccess, query: str
) -> None:
    answer = await server.client.post(
        "/graphql",
        content=json.dumps({"query": query}),
        headers=project.headers | {"Content-Type": "application/json"},
    )
    body = answer.json()
    assert body["errors"]
    assert not body.get("data")
