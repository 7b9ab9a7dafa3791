"""The pages for people: they are served to browsers, hold what they need and refer to no other host."""

from __future__ import annotations

import re

import pytest

from tests.integration.server.conftest import RunningServer

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
# A namespace is a name, not an address that is fetched.
NAMESPACE = "http://www.w3.org/2000/svg"


@pytest.mark.parametrize("path", ["/", "/graphql"])
async def test_a_page_is_self_contained(server: RunningServer, path: str) -> None:
    answer = await server.client.get(path, headers=BROWSER)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    page = answer.text.replace(NAMESPACE, "").replace(server.services.settings.public_url, "")
    assert re.findall(r"(?:https?:)?//[a-z0-9]", page) == []
    assert "/*STYLE*/" not in page
    assert "{{" not in page


async def test_a_program_gets_no_page(server: RunningServer) -> None:
    answer = await server.client.get("/graphql", headers={"Accept": "*/*"})
    assert answer.status_code == 400


async def test_the_home_page_says_where_to_send(server: RunningServer) -> None:
    page = (await server.client.get("/", headers=BROWSER)).text
    settings = server.services.settings
    assert f"{settings.public_url}/api/public/otel/v1/traces" in page
    assert f"port {settings.otlp_grpc_port}" in page


async def test_the_examples_of_the_explorer_are_valid_operations(server: RunningServer) -> None:
    from graphql import parse, validate

    from lumenspan_server.gql.explorer import explorer_page
    from lumenspan_server.gql.schema import make_schema

    schema = make_schema()._schema
    block = explorer_page().split("const EXAMPLES = {")[1].split("\n};")[0]
    operations = [
        text.encode().decode("unicode_escape")
        for text in re.findall(r'"((?:query|subscription|\{)[^"]*)"', block)
    ]
    assert len(operations) == 4
    for operation in operations:
        assert validate(schema, parse(operation)) == []
