"""Who may call the routes of dashboards, and what they refuse."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ProjectAccess
from tests.contract.test_rest_dashboards import DASHBOARDS, TILE, WIDGET, WIDGETS, call, ok, refused
from tests.integration.server.conftest import RunningServer


class TestAccess:
    async def test_another_project_sees_and_changes_nothing(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        widget = (await ok(server, project, "POST", WIDGETS, WIDGET))["id"]
        tile = {"type": "widget", "id": "t", "widgetId": widget, **TILE}
        body = {"name": "d", "definition": {"widgets": [tile]}}
        dashboard = (await ok(server, project, "POST", DASHBOARDS, body))["id"]
        for path in (DASHBOARDS, WIDGETS):
            assert (await ok(server, other_project, "GET", path))["data"] == []
        own = f"{DASHBOARDS}/{dashboard}"
        for method, path, sent in (
            ("GET", own, None),
            ("PATCH", own, {"name": "n"}),
            ("DELETE", own, None),
            ("POST", f"{own}/placements", {"type": "preset", "presetId": "home-users"}),
            ("PATCH", f"{own}/placements/t", {"x": 1}),
            ("DELETE", f"{own}/placements/t", None),
            ("GET", f"{WIDGETS}/{widget}", None),
            ("PATCH", f"{WIDGETS}/{widget}", {"name": "n"}),
            ("DELETE", f"{WIDGETS}/{widget}", None),
            ("POST", DASHBOARDS, body),
        ):
            found = await refused(server, other_project, method, path, sent)
            assert found[:2] == (404, "resource_not_found"), (method, path)
        assert (await ok(server, project, "GET", own))["definition"]["widgets"] == [tile]

    async def test_errors_are_of_their_own_family(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        for path in (DASHBOARDS, WIDGETS, f"{WIDGETS}/x", f"{DASHBOARDS}/x"):
            for headers, expected in (
                ({}, (401, "authentication_failed")),
                ({"Authorization": f"Bearer {project.public_key}"}, (403, "access_denied")),
            ):
                answer = await server.client.get(path, headers=headers)
                assert (answer.status_code, answer.json()["code"]) == expected
            answer = await call(server, project, "PUT", path)
            assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        answer = await call(server, project, "GET", DASHBOARDS, page=0)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_query")
        assert answer.json()["details"]["issues"][0]["path"] == ["page"]
        answer = await server.client.post(DASHBOARDS, content=b"{", headers=project.headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_body")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("\0"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(name=st.sampled_from(sorted(WIDGET)), value=JSON, filters=st.lists(JSON, max_size=2))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_nothing_that_is_sent_is_an_error_of_ours(
    server: RunningServer, project: ProjectAccess, name: str, value: Any, filters: list[Any]
) -> None:
    condition = {"column": "name", "operator": "=", "type": "string", "value": value}
    for body in (WIDGET | {name: value}, WIDGET | {"filters": [condition, *filters]}):
        answer = await server.client.post(
            WIDGETS, content=json.dumps(body).encode(), headers=project.headers
        )
        assert answer.status_code in (200, 400), answer.text
    body = {"name": "d", "filters": [{"column": "c", "operator": "=", "type": "number", "value": value}]}
    answer = await server.client.post(
        DASHBOARDS, content=json.dumps(body).encode(), headers=project.headers
    )
    assert answer.status_code in (200, 400), answer.text


async def test_numbers_beyond_all_bounds_are_refused_or_kept(
    server: RunningServer, project: ProjectAccess
) -> None:
    for number in ("1e400", "-1e400", "1" + "0" * 400, "1" + "0" * 30):
        for type_, operator in (("number", "="), ("null", "is null")):
            condition = f'"column": "c", "operator": "{operator}", "type": "{type_}", "value": {number}'
            body = f'{{"name": "d", "filters": [{{{condition}}}]}}'
            answer = await server.client.post(DASHBOARDS, content=body, headers=project.headers)
            assert answer.status_code in (200, 400), answer.text
            if answer.status_code == 200:
                path = f"{DASHBOARDS}/{answer.json()['id']}"
                assert (await call(server, project, "GET", path)).status_code == 200
