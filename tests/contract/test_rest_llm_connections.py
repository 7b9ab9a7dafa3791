"""``/api/public/llm-connections``: what is kept, what is told of secrets, what contradicts itself."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import text

from lumenspan.errors import NotFound
from lumenspan.ids import ProjectId
from tests.conftest import ProjectAccess
from tests.integration.server.conftest import RunningServer

ROUTE = "/api/public/llm-connections"
SECRET = "sk-very-secret-key-0123456789abcd"
OPENAI = {"provider": "openai", "adapter": "openai", "secretKey": SECRET}
BEDROCK = {
    "provider": "aws",
    "adapter": "bedrock",
    "secretKey": '{"accessKeyId": "AKIA", "secretAccessKey": "aws-secret-wxyz"}',
    "config": {"region": "us-east-1"},
}
SHAPE = {
    "id", "provider", "adapter", "displaySecretKey", "baseURL", "customModels", "withDefaultModels",
    "extraHeaderKeys", "config", "createdAt", "updatedAt",
}  # fmt: skip


async def call(
    server: RunningServer, project: ProjectAccess, method: str, path: str = "", **options: Any
) -> httpx.Response:
    return await server.client.request(method, ROUTE + path, headers=project.headers, **options)


async def test_a_connection_is_made_then_replaced(server: RunningServer, project: ProjectAccess) -> None:
    given = OPENAI | {
        "baseURL": "https://93.184.216.34/v1",
        "customModels": ["mine", "mine", "other"],
        "withDefaultModels": False,
        "extraHeaders": {"X-Team": "secret-header-value"},
        "config": {"useResponsesApi": True},
    }
    answer = await call(server, project, "PUT", json=given)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert set(made) == SHAPE
    assert made | {"id": "", "createdAt": "", "updatedAt": ""} == {
        "id": "",
        "provider": "openai",
        "adapter": "openai",
        "displaySecretKey": "...abcd",
        "baseURL": "https://93.184.216.34/v1",
        "customModels": ["mine", "other"],
        "withDefaultModels": False,
        "extraHeaderKeys": ["X-Team"],
        "config": {"useResponsesApi": True},
        "createdAt": "",
        "updatedAt": "",
    }
    again = await call(server, project, "PUT", json=OPENAI)
    assert again.status_code == 200
    replaced = again.json()
    assert (replaced["id"], replaced["createdAt"]) == (made["id"], made["createdAt"])
    assert replaced["updatedAt"] > made["updatedAt"]
    assert (replaced["baseURL"], replaced["customModels"], replaced["extraHeaderKeys"]) == (None, [], [])
    assert (replaced["withDefaultModels"], replaced["config"]) == (True, None)


async def test_no_secret_is_told_or_stored_in_the_clear(
    server: RunningServer, project: ProjectAccess
) -> None:
    made = await call(server, project, "PUT", json=OPENAI | {"extraHeaders": {"X-Key": "header-secret"}})
    listed = await call(server, project, "GET")
    for answer in (made, listed):
        assert SECRET not in answer.text
        assert "header-secret" not in answer.text
    async with server.services.postgres.session() as session:
        row = (
            await session.execute(
                text("SELECT llm_connections::text FROM llm_connections WHERE project_id = :id"),
                {"id": project.project_id},
            )
        ).scalar_one()
    assert SECRET not in row
    assert "header-secret" not in row
    opened = await server.services.llm_connections.open(ProjectId(project.project_id), "openai")
    assert (opened.secret_key, opened.extra_headers) == (SECRET, {"X-Key": "header-secret"})
    assert SECRET not in repr(opened)


async def test_the_list_is_newest_first_and_in_pages(server: RunningServer, project: ProjectAccess) -> None:
    for name in ("one", "two", "three"):
        assert (await call(server, project, "PUT", json=OPENAI | {"provider": name})).status_code == 201
    # Changing the first leaves it where it is.
    await call(server, project, "PUT", json=OPENAI | {"provider": "one"})
    page = (await call(server, project, "GET", params={"limit": 2})).json()
    assert [each["provider"] for each in page["data"]] == ["three", "two"]
    assert page["meta"] == {"page": 1, "limit": 2, "totalItems": 3, "totalPages": 2}
    rest = (await call(server, project, "GET", params={"limit": 2, "page": 2})).json()
    assert [each["provider"] for each in rest["data"]] == ["one"]
    assert set(rest["data"][0]) == SHAPE


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"page": 0}, ["page"]),
        ({"page": 10**12}, ["page"]),
        ({"limit": 101}, ["limit"]),
        ({"limit": "x"}, ["limit"]),
        ({"provider": "openai"}, ["provider"]),
    ],
)
async def test_the_query_is_strict(
    server: RunningServer, project: ProjectAccess, query: dict[str, Any], path: list[str]
) -> None:
    answer = await call(server, project, "GET", params=query)
    assert answer.status_code == 400
    assert answer.json()["message"] == "Invalid request data"
    assert answer.json()["error"][0]["path"] == path


async def test_deleting(server: RunningServer, project: ProjectAccess) -> None:
    id_ = (await call(server, project, "PUT", json=OPENAI)).json()["id"]
    gone = await call(server, project, "DELETE", f"/{id_}")
    assert (gone.status_code, set(gone.json())) == (200, {"message"})
    assert (await call(server, project, "DELETE", f"/{id_}")).status_code == 404
    assert (await call(server, project, "GET")).json()["data"] == []
    with pytest.raises(NotFound):
        await server.services.llm_connections.open(ProjectId(project.project_id), "openai")


@pytest.mark.parametrize(
    "changes",
    [
        {"adapter": "openai", "config": {"useResponsesApi": False}},
        {"adapter": "google-vertex-ai", "config": {"location": "us-central1"}},
        {"adapter": "google-vertex-ai"},
        {"adapter": "anthropic", "config": None},
        {"adapter": "azure", "baseURL": None, "customModels": None, "extraHeaders": None},
        {"adapter": "google-ai-studio", "withDefaultModels": None},
        BEDROCK,
    ],
)
async def test_what_fits_an_adapter_is_taken(
    server: RunningServer, project: ProjectAccess, changes: dict[str, Any]
) -> None:
    answer = await call(server, project, "PUT", json=OPENAI | changes)
    assert answer.status_code == 201, answer.text
    assert answer.json()["config"] == changes.get("config")


async def test_of_credentials_in_json_the_last_value_ends_what_is_shown(
    server: RunningServer, project: ProjectAccess
) -> None:
    assert (await call(server, project, "PUT", json=BEDROCK)).json()["displaySecretKey"] == "...wxyz"
    short = await call(server, project, "PUT", json=OPENAI | {"secretKey": "short"})
    assert short.json()["displaySecretKey"] == "..."


@pytest.mark.parametrize(
    "changes",
    [
        {"provider": ""},
        {"provider": None},
        {"provider": "a" * 10_000},
        {"provider": "a\0b"},
        {"adapter": "cohere"},
        {"secretKey": ""},
        {"secretKey": 5},
        {"customModels": "gpt"},
        {"customModels": [""]},
        {"customModels": ["a\0b"]},
        {"withDefaultModels": "yes"},
        {"extraHeaders": {"X": 5}},
        {"extraHeaders": {"X Y": "z"}},
        {"extraHeaders": {"X": "a\r\nY: b"}},
        {"extraHeaders": {"": "a"}},
        {"config": {"useResponsesApi": "yes"}},
        {"config": {"useResponsesApi": True, "more": 1}},
        {"config": {"region": "us-east-1"}},
        {"config": []},
        {"adapter": "anthropic", "config": {}},
        {"adapter": "google-vertex-ai", "config": {"location": ""}},
        {"adapter": "google-vertex-ai", "config": {"location": 5}},
        {"adapter": "bedrock", "secretKey": BEDROCK["secretKey"]},
        {"adapter": "bedrock", "secretKey": BEDROCK["secretKey"], "config": {"location": "x"}},
        {"adapter": "bedrock", "config": {"region": "us-east-1"}},
        {"adapter": "bedrock", "config": {"region": "us-east-1"}, "secretKey": '{"accessKeyId": "a"}'},
        {"baseURL": "http://localhost:11434/v1"},
        {"baseURL": "http://2130706433/v1"},
        {"baseURL": "http://[::ffff:169.254.169.254]/"},
        {"baseURL": "ftp://example.com"},
        {"baseURL": "nonsense"},
    ],
)
async def test_what_does_not_fit_is_refused(
    server: RunningServer, project: ProjectAccess, changes: dict[str, Any]
) -> None:
    answer = await call(server, project, "PUT", json=OPENAI | changes)
    assert answer.status_code == 400, answer.text
    assert SECRET not in answer.text
    assert (await call(server, project, "GET")).json()["meta"]["totalItems"] == 0


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"{", []),
        (b"[]", []),
        (b"\xff", []),
        (b'{"provider": "\\ud800", "adapter": "openai", "secretKey": "x"}', []),
        (b'{"provider": "x", "adapter": "openai"}', ["secretKey"]),
        (b'{"provider": "x", "adapter": "openai", "secretKey": "x", "config": {"a": 1e400}}', ["config"]),
    ],
)
async def test_the_place_that_does_not_fit_is_named(
    server: RunningServer, project: ProjectAccess, body: bytes, path: list[str]
) -> None:
    answer = await call(server, project, "PUT", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"][0]["path"] == path


@hypothesis_settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    body=st.fixed_dictionaries(
        {},
        optional={
            "provider": st.text() | st.none(),
            "adapter": st.sampled_from(["openai", "bedrock", "google-vertex-ai", "x"]),
            "secretKey": st.text() | st.integers(),
            "baseURL": st.text() | st.none(),
            "customModels": st.lists(st.text()) | st.none(),
            "extraHeaders": st.dictionaries(st.text(), st.text()),
            "config": st.recursive(
                st.none() | st.booleans() | st.text(), lambda x: st.dictionaries(st.text(), x)
            ),
        },
    )
)
async def test_no_body_makes_a_server_error(
    server: RunningServer, project: ProjectAccess, body: dict[str, Any]
) -> None:
    answer = await call(server, project, "PUT", json=body)
    assert answer.status_code in (200, 201, 400), answer.text


@pytest.mark.parametrize("id_", ["nothing", "a" * 5000, "%00", "%ff", "%F0%9F%98%80"])
async def test_ids_that_nobody_has(server: RunningServer, project: ProjectAccess, id_: str) -> None:
    assert (await call(server, project, "DELETE", f"/{id_}")).status_code in (400, 404)


async def test_a_project_sees_only_itself(
    server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    made = (await call(server, project, "PUT", json=OPENAI)).json()
    assert (await call(server, other_project, "GET")).json()["data"] == []
    assert (await call(server, other_project, "DELETE", f"/{made['id']}")).status_code == 404
    # The same provider of another project is another connection.
    assert (await call(server, other_project, "PUT", json=OPENAI)).status_code == 201
    assert (await call(server, project, "GET")).json()["data"] == [made]


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("PUT", ""), ("DELETE", "/x")])
async def test_who_may_call(server: RunningServer, project: ProjectAccess, method: str, path: str) -> None:
    nobody = await server.client.request(method, ROUTE + path)
    assert (nobody.status_code, nobody.json()) == (401, {"message": "No authorization header"})
    headers = {"Authorization": f"Bearer {project.public_key}"}
    public = await server.client.request(method, ROUTE + path, headers=headers)
    assert public.status_code == 403
    assert "insufficient permissions" in public.json()["message"]


async def test_other_verbs_are_told(server: RunningServer, project: ProjectAccess) -> None:
    answer = await call(server, project, "POST", json=OPENAI)
    assert (answer.status_code, answer.json()["error"]) == (405, "MethodNotAllowedError")
