"""The MCP endpoint as HTTP: who may call, what a call has to be, and how it is refused."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lumenspan_server.mcp.table import TOOLS
from tests.conftest import ProjectAccess, Stack
from tests.contract.mcp_client import ROUTE, tools_of
from tests.contract.people import public_key_alone
from tests.integration.server.conftest import RunningServer

ACCEPT = {"Accept": "application/json, text/event-stream"}
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


async def post(
    server: RunningServer, headers: dict[str, str], body: Any = None, **options: Any
) -> httpx.Response:
    if "content" not in options:
        options["json"] = LIST if body is None else body
    headers = {"Content-Type": "application/json"} | ACCEPT | headers
    return await server.client.post(ROUTE, headers=headers, **options)


async def called(server: RunningServer, access: ProjectAccess, name: str, arguments: Any) -> dict[str, Any]:
    """The JSON-RPC answer to a call."""
    body = {"jsonrpc": "2.0", "id": "a", "method": "tools/call"}
    params = {"name": name, "arguments": arguments}
    answer = await post(server, access.headers, body | {"params": params})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_client_is_greeted_and_lists_every_tool(
    server: RunningServer, project: ProjectAccess
) -> None:
    async with tools_of(server, project) as tools:
        assert tools.greeting.serverInfo.name == "langfuse"
        assert tools.greeting.serverInfo.version == "0.3.0-unstable"
        listed = (await tools.session.list_tools()).tools
    by_name = {tool.name: tool for tool in listed}
    assert len(by_name) == len(listed)
    assert {"getPrompt", "listObservations", "createScore", "upsertDatasetItem", "queryMetrics"} <= set(
        by_name
    )
    for tool in listed:
        notes = tool.annotations
        assert tool.description, tool.name
        assert notes is not None
        is_read = tool.name.startswith(("get", "list", "query"))
        assert (notes.readOnlyHint, notes.openWorldHint) == (is_read, False), tool.name
        assert not (notes.readOnlyHint and notes.destructiveHint), tool.name
        assert notes.destructiveHint or not tool.name.startswith(("delete", "update")), tool.name
        assert (tool.inputSchema["type"], tool.inputSchema["additionalProperties"]) == ("object", False)
        schema = json.dumps(tool.inputSchema)
        assert "$ref" not in schema
        # Where shapes are told apart in OpenAPI, by names that a tool does not give.
        assert '"discriminator"' not in schema


async def test_each_call_stands_for_itself_and_is_answered_as_json(
    server: RunningServer, project: ProjectAccess
) -> None:
    answer = await post(server, project.headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert "mcp-session-id" not in answer.headers
    notified = await post(
        server, project.headers, {"jsonrpc": "2.0", "method": "notifications/initialized"}
    )
    assert (notified.status_code, notified.content) == (202, b"")
    result = (await called(server, project, "getHealth", {}))["result"]
    assert result["isError"] is False
    (block,) = result["content"]
    assert block["type"] == "text"
    assert block["text"] == json.dumps(json.loads(block["text"]), indent=2)
    assert json.loads(block["text"])["status"] == "OK"


async def test_only_a_key_pair_of_a_project_may_call(server: RunningServer, project: ProjectAccess) -> None:
    wrong_body = {"content": b"not json"}
    for headers, status in (
        ({}, 401),
        ({"Authorization": "Basic x"}, 401),
        ({"Authorization": "Bearer nobody"}, 401),
        (public_key_alone(project), 403),
    ):
        # Also before the body, the verb and the Accept header are looked at.
        for answer in (
            await post(server, headers),
            await post(server, {"Accept": "text/html"} | headers, **wrong_body),
            await server.client.get(ROUTE, headers=headers),
        ):
            assert answer.status_code == status
            assert answer.json().keys() == {"error", "code"}
            assert answer.json()["code"] == -32600
            assert ("www-authenticate" in answer.headers) == (status == 401)


def test_a_server_process_answers_as_well(stack: Stack, project: ProjectAccess) -> None:
    headers = project.headers | ACCEPT
    answer = httpx.post(stack.base_url + ROUTE, json=LIST, headers=headers, timeout=30)
    assert answer.status_code == 200
    assert len(answer.json()["result"]["tools"]) == len(TOOLS)


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json, text/event-stream", 200),
        ("text/event-stream;q=0.5,application/json;q=0.1", 200),
        ("*/*", 200),
        ("application/*, text/*", 200),
        ("application/json", 406),
        ("text/event-stream", 406),
        ("text/html", 406),
        ("", 406),
    ],
)
async def test_both_forms_have_to_be_accepted(
    server: RunningServer, project: ProjectAccess, accept: str, status: int
) -> None:
    answer = await post(server, project.headers | {"Accept": accept})
    assert answer.status_code == status
    if status == 406:
        assert (answer.json()["jsonrpc"], answer.json()["error"]["code"]) == ("2.0", -32600)
        assert answer.json()["id"] is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example.com"}, 403),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "server"}, 200),
        ({"Origin": "http://localhost:6274"}, 200),
        ({"Origin": "https://evil.example.com"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Host": "evil.example.com", "Origin": "http://evil.example.com"}, 403),
    ],
)
async def test_pages_and_names_of_strangers_are_refused(
    server: RunningServer, project: ProjectAccess, headers: dict[str, str], status: int
) -> None:
    answer = await post(server, project.headers | headers)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["code"] == -32600


async def test_other_verbs_are_not_allowed(server: RunningServer, project: ProjectAccess) -> None:
    for method in ("GET", "DELETE", "PUT"):
        answer = await server.client.request(method, ROUTE, headers=project.headers | ACCEPT)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        assert answer.json()["error"]["code"] == -32000


async def test_where_the_server_is_can_be_found_out(server: RunningServer) -> None:
    answer = await server.client.get("/.well-known/mcp.json")
    assert answer.status_code == 200
    card = answer.json()
    assert card["endpoint"] == server.services.settings.public_url.rstrip("/") + ROUTE
    assert card["transport"]["type"] == "streamable-http"
    assert card["serverInfo"] == {"name": "langfuse", "version": "0.3.0-unstable"}
    assert card["authentication"] == {"required": True, "schemes": ["basic"]}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff", -32700),
        (b'"\\ud800"', -32700),
        (b"[" * 100_000, -32700),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"cursor": 1e400}}', -32700),
        (b"[]", -32602),
        (b"null", -32602),
        (b'{"jsonrpc": "1.0", "id": 1, "method": "tools/list"}', -32602),
    ],
)
async def test_bodies_that_are_no_message(
    server: RunningServer, project: ProjectAccess, content: bytes, code: int
) -> None:
    answer = await post(server, project.headers, content=content)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == code


async def test_a_body_is_at_most_so_large(server: RunningServer, project: ProjectAccess) -> None:
    fits = {"name": "getHealth", "arguments": {"x": "a" * 4_000_000}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": fits}
    assert (await post(server, project.headers, body)).json()["error"]["code"] == -32602
    fits["arguments"] = {"x": "a" * 4_718_592}
    refused = await post(server, project.headers, body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, -32600)


async def test_arguments_that_do_not_fit(server: RunningServer, project: ProjectAccess) -> None:
    for name, arguments, said in (
        ("noSuchTool", {}, "Unknown tool: noSuchTool"),
        ("getHealth", {"x": 1}, "unknown field `x`"),
        ("getScore", {}, "missing required field `scoreId`"),
        ("listPrompts", {"page": 0}, "$.page"),
        ("listPrompts", {"limit": 101}, "$.limit"),
        ("listPrompts", {"page": "1"}, "$.page"),
        ("listPrompts", {"fromUpdatedAt": "2026-01-01"}, "fromUpdatedAt"),
        (
            "listObservations",
            {"filter": [{"column": "a", "type": "b", "operator": "="}]},
            "$.filter[0].type",
        ),
        ("listObservations", {"limit": 10**30}, "$.limit"),
    ):
        answer = await called(server, project, name, arguments)
        assert answer["error"]["code"] == -32602, answer
        assert said in answer["error"]["message"]
    # Null stands for an argument that is not given.
    assert "result" in await called(server, project, "listPrompts", {"page": None, "name": None})


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("a\x00b"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_no_arguments_make_an_error_of_ours(
    server: RunningServer, project: ProjectAccess, data: st.DataObject
) -> None:
    tool = data.draw(st.sampled_from(TOOLS), label="tool")
    names = list(tool.schema["properties"])
    arguments = {name: _drawn(data, schema) for name, schema in tool.schema["properties"].items()}
    left_out = data.draw(st.sets(st.sampled_from(names))) if names else set()
    arguments = {name: value for name, value in arguments.items() if name not in left_out}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    params = {"name": tool.name, "arguments": arguments}
    answer = await post(server, project.headers, content=json.dumps(body | {"params": params}).encode())
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 200:
        assert "Internal error" not in answer.text, arguments


def _drawn(data: st.DataObject, schema: dict[str, Any]) -> Any:
    """Mostly something of the right kind, so that it gets as far as the services."""
    kinds = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    kind = kinds[0] if kinds else {}
    if data.draw(st.integers(0, 9)) == 0:
        return data.draw(_VALUES)
    if "enum" in kind:
        return data.draw(st.sampled_from(kind["enum"]))
    if kind.get("type") == "string":
        return data.draw(
            st.text(max_size=20)
            | st.sampled_from(["a\x00b", "x" * 10_000, "2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
        )
    if kind.get("type") == "integer":
        return data.draw(st.integers(kind.get("minimum", 0), kind.get("maximum", 10)))
    if kind.get("type") == "array":
        return [_drawn(data, kind.get("items", {})) for _ in range(data.draw(st.integers(0, 2)))]
    if kind.get("type") == "object" and "properties" in kind:
        return {name: _drawn(data, each) for name, each in kind["properties"].items()}
    return data.draw(_VALUES)
