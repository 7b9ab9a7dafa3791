"""What evaluators may not be, and who may not see them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ProjectAccess
from tests.contract.test_rest_evaluators import CATEGORICAL, JUDGE, MAPPING, OLD_JUDGE, V1, V2, call, made
from tests.integration.server.conftest import RunningServer

WRONG = [
    ({"variable": "nobody", "source": "input"}, "invalid_variable_mapping", "mapping[2].variable"),
    ({"variable": "input", "source": "output"}, "duplicate_variable_mapping", "mapping"),
    (
        {"variable": "output", "source": "input", "jsonPath": "a.b"},
        "invalid_json_path",
        "mapping[2].jsonPath",
    ),
    (
        {"variable": "output", "source": "input", "jsonPath": "$.["},
        "invalid_json_path",
        "mapping[2].jsonPath",
    ),
]


class TestMappings:
    @pytest.mark.parametrize(("entry", "code", "field"), WRONG)
    async def test_the_first_version_has_a_code_for_each(
        self, server: RunningServer, project: ProjectAccess, entry: dict[str, Any], code: str, field: str
    ) -> None:
        body = OLD_JUDGE | {"mapping": [*MAPPING, entry]}
        answer = await call(server, project, "POST", V1, json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, code)
        details = answer.json()["details"]
        assert (details["field"], details["variable"]) == (field, entry["variable"])
        assert details.get("value") == entry.get("jsonPath")

    @pytest.mark.parametrize(("entry", "code", "field"), WRONG)
    async def test_the_second_version_names_the_place(
        self, server: RunningServer, project: ProjectAccess, entry: dict[str, Any], code: str, field: str
    ) -> None:
        body = JUDGE | {"variableMapping": [*MAPPING, entry]}
        answer = await call(server, project, "POST", V2, json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_body")
        [issue] = answer.json()["details"]["issues"]
        assert issue["code"] == code
        assert issue["path"][0] == "variableMapping"
        assert len(issue["path"]) == (3 if "[" in field else 1)

    async def test_every_variable_must_be_mapped(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        answer = await call(server, project, "POST", V1, json=OLD_JUDGE | {"mapping": MAPPING[:1]})
        assert (answer.status_code, answer.json()["code"]) == (400, "missing_variable_mapping")
        assert answer.json()["details"]["variables"] == ["output"]


class TestRefusals:
    @pytest.mark.parametrize(
        "change",
        [
            {"type": None},
            {"type": "robot"},
            {"type": 1},
            {"name": ""},
            {"name": "\0"},
            {"name": "x" * 10_000},
            {"prompt": ""},
            {"prompt": []},
            {"prompt": [{"role": "tool", "content": "x"}]},
            {"prompt": "\0"},
            {"prompt": "x" * 300_000},
            {"description": "\0"},
            {"sourceCode": "x"},
            {"outputDefinition": {"dataType": "NUMERIC", "minValue": 2, "maxValue": 1}},
            {"outputDefinition": {"dataType": "NUMERIC", "version": 2}},
            {"outputDefinition": {"dataType": "TEXT"}},
            {"outputDefinition": CATEGORICAL | {"categories": ["a"]}},
            {"outputDefinition": CATEGORICAL | {"categories": ["a", "a"]}},
            {"modelConfig": {"provider": "openai"}},
            {"modelConfig": {"provider": "", "model": "x"}},
            {"variableMapping": [{"variable": "input", "source": "somewhere"}]},
        ],
    )  # fmt: skip
    async def test_bodies_that_do_not_fit(
        self, server: RunningServer, project: ProjectAccess, change: dict[str, Any]
    ) -> None:
        answer = await call(server, project, "POST", V2, json=JUDGE | change)
        assert answer.status_code == 400, answer.text
        body = answer.json()
        assert set(body) == {"message", "code", "details"}
        assert body["code"] == "invalid_body"
        assert all(set(each) == {"code", "message", "path"} for each in body["details"]["issues"])
        assert (await call(server, project, "GET", V2)).json() == {"data": [], "meta": {}}

    @pytest.mark.parametrize(
        "raw", [b"", b"{", b"[]", b"null", b'{"type":"llm_as_judge","name":"\\ud800"}', b"\xff"]
    )
    async def test_bodies_that_are_no_objects(
        self, server: RunningServer, project: ProjectAccess, raw: bytes
    ) -> None:
        for path in (V1, V2):
            answer = await call(server, project, "POST", path, content=raw)
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_body")

    async def test_numbers_no_float_can_hold(self, server: RunningServer, project: ProjectAccess) -> None:
        raw = (
            b'{"type":"llm_as_judge","name":"x","prompt":"y",'
            b'"outputDefinition":{"dataType":"NUMERIC","minValue":1e400}}'
        )
        answer = await call(server, project, "POST", V2, content=raw)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_body")

    @pytest.mark.parametrize(
        "params",
        [{"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"cursor": "x"}, {"cursor": "WzEsMl0"}],
    )
    async def test_queries_that_do_not_fit(
        self, server: RunningServer, project: ProjectAccess, params: dict[str, str]
    ) -> None:
        answer = await call(server, project, "GET", V2, params=params)
        assert answer.status_code == 400
        assert answer.json()["code"] in ("invalid_query", "invalid_request")

    @pytest.mark.parametrize("params", [{"page": "0"}, {"page": str(10**12)}, {"limit": "101"}])
    async def test_pages_that_do_not_fit(
        self, server: RunningServer, project: ProjectAccess, params: dict[str, str]
    ) -> None:
        answer = await call(server, project, "GET", V1, params=params)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_query")

    @pytest.mark.parametrize("id_", ["x", "x" * 10_000, "%00", "%FF", "a%2Fb", "ключ"])
    async def test_ids_that_nobody_has(
        self, server: RunningServer, project: ProjectAccess, id_: str
    ) -> None:
        for path in (V1, V2):
            answer = await call(server, project, "GET", f"{path}/{id_}")
            assert answer.status_code in (400, 404)
            assert "message" in answer.json()

    async def test_nobody_else_reaches_them(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        found = await made(server, project)
        for path in (f"{V1}/{found['id']}", f"{V2}/{found['id']}", f"{V2}/{found['id']}/versions"):
            assert (await call(server, other_project, "GET", path)).status_code == 404
        for path in (V1, V2):
            assert (await call(server, other_project, "DELETE", f"{path}/{found['id']}")).status_code == 404
            assert (await call(server, other_project, "GET", path)).json()["data"] == []
        change = await call(server, other_project, "PATCH", f"{V2}/{found['id']}", json={"name": "mine"})
        assert change.status_code == 404
        assert (await call(server, project, "GET", f"{V2}/{found['id']}")).json() == found

    async def test_keys_that_are_not_enough(self, server: RunningServer, project: ProjectAccess) -> None:
        bearer = {"Authorization": f"Bearer {project.public_key}"}
        calls = [
            *((method, path) for path in (V1, V2) for method in ("GET", "POST")),
            *((method, f"{path}/x") for path in (V1, V2) for method in ("GET", "DELETE")),
            ("PATCH", f"{V2}/x"),
            ("GET", f"{V2}/x/versions"),
        ]
        for method, path in calls:
            denied = await server.client.request(method, path, headers=bearer, json={})
            assert (denied.status_code, denied.json()["code"]) == (403, "access_denied")
            unknown = await server.client.request(method, path, json={})
            assert (unknown.status_code, unknown.json()["code"]) == (401, "authentication_failed")

    @given(
        body=st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from([*JUDGE, "variableMapping", "sourceCode"]) | st.text(),
                    inner,
                    max_size=5,
                )
            ),
            max_leaves=12,
        )
    )
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    async def test_no_body_is_an_error_of_ours(
        self, server: RunningServer, project: ProjectAccess, body: Any
    ) -> None:
        for path in (V1, V2):
            given_body = JUDGE | body if isinstance(body, dict) else body
            answer = await call(server, project, "POST", path, json=given_body)
            assert answer.status_code in (200, 400), answer.text
