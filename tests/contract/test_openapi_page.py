"""The document of the API in its two forms, and the page that shows it."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.integration.server.conftest import RunningServer


async def test_json_and_yaml_say_the_same(server: RunningServer) -> None:
    as_json = await server.client.get("/api/openapi.json")
    as_yaml = await server.client.get("/api/openapi.yml")
    assert (as_json.status_code, as_json.headers["content-type"]) == (200, "application/json")
    assert (as_yaml.status_code, as_yaml.headers["content-type"].split(";")[0]) == (200, "application/yaml")
    assert yaml.safe_load(as_yaml.text) == as_json.json()


async def test_an_operation_is_described_whole(server: RunningServer) -> None:
    document = (await server.client.get("/api/openapi.json")).json()
    traces = document["paths"]["/api/public/traces"]["get"]
    parameters = {each["name"]: each for each in traces["parameters"]}
    assert parameters["limit"]["schema"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 100,
        "default": 50,
    }
    assert parameters["tags"]["schema"] == {"type": "array", "items": {"type": "string"}}
    assert parameters["fromTimestamp"]["schema"] == {"type": "string", "format": "date-time"}
    assert traces["tags"] == ["Traces"]
    assert traces["security"] == [{"BasicAuth": []}]
    assert {"200", "400", "401", "403", "404", "405", "429", "503"} <= traces["responses"].keys()
    assert document["paths"]["/api/public/health"]["get"]["security"] == []
    ids = [each["operationId"] for verbs in document["paths"].values() for each in verbs.values()]
    assert len(ids) == len(set(ids))


async def test_every_reference_within_the_document_leads_somewhere(server: RunningServer) -> None:
    text = (await server.client.get("/api/openapi.json")).text
    known = set((await server.client.get("/api/openapi.json")).json()["components"]["schemas"])
    named = set(re.findall(r"#/components/schemas/([^\"]+)\"", text))
    assert named <= known


async def test_the_page_fetches_nothing_from_elsewhere(server: RunningServer) -> None:
    pytest.importorskip("swagger_ui")
    page = await server.client.get("/api/docs")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assets = re.findall(r"(?:src|href)=\"(docs/[^\"]+)\"", page.text)
    assert len(assets) == 3
    for asset in assets:
        answer = await server.client.get(f"/api/{asset}")
        assert (answer.status_code, bool(answer.content)) == (200, True)
        assert answer.headers["content-type"].startswith(("text/css", "text/javascript"))
    assert "http:" not in page.text
    assert "https:" not in page.text


async def test_other_names_beside_the_page_are_not_served(server: RunningServer) -> None:
    for name in ("page.html", "..%2F..%2Fapp.py", "__init__.py"):
        assert (await server.client.get(f"/api/docs/{name}")).status_code == 404
