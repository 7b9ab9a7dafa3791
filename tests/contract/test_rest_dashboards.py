"""Dashboards, placements and widgets over REST: shapes, rules, errors of their own family."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.conftest import ProjectAccess
from tests.integration.server.conftest import RunningServer

DASHBOARDS, WIDGETS = "/api/public/unstable/dashboards", "/api/public/unstable/dashboard-widgets"


WIDGET: dict[str, Any] = {
    "name": "Cost by model",
    "view": "observations",
    "dimensions": [{"field": "providedModelName"}],
    "metrics": [{"measure": "totalCost", "agg": "sum"}],
    "filters": [{"column": "environment", "operator": "any of", "type": "stringOptions", "value": ["p"]}],
    "chartType": "VERTICAL_BAR",
}


TILE = {"x": 0, "y": 0, "width": 6, "height": 6}


async def call(
    server: RunningServer, access: ProjectAccess, method: str, path: str, body: Any = None, **params: Any
) -> httpx.Response:
    return await server.client.request(method, path, json=body, params=params, headers=access.headers)


async def ok(
    server: RunningServer, access: ProjectAccess, method: str, path: str, body: Any = None, **params: Any
) -> dict[str, Any]:
    answer = await call(server, access, method, path, body, **params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def refused(
    server: RunningServer, access: ProjectAccess, method: str, path: str, body: Any = None
) -> tuple[int, str, dict[str, Any]]:
    """Status, code and details of an error of these routes."""
    answer = await call(server, access, method, path, body)
    found = answer.json()
    assert set(found) <= {"message", "code", "details"}, found
    assert found["message"]
    return answer.status_code, found["code"], found.get("details", {})


class TestWidgets:
    async def test_made_read_and_listed(self, server: RunningServer, project: ProjectAccess) -> None:
        made = await ok(server, project, "POST", WIDGETS, WIDGET)
        times = {name: made.pop(name) for name in ("createdAt", "updatedAt")}
        id_ = made.pop("id")
        assert made == WIDGET | {"description": "", "chartConfig": {"type": "VERTICAL_BAR"}}
        assert times["createdAt"] == times["updatedAt"]
        assert times["createdAt"].endswith("Z")
        found = await ok(server, project, "GET", f"{WIDGETS}/{id_}")
        assert found == made | times | {"id": id_}
        other = await ok(server, project, "POST", WIDGETS, WIDGET | {"name": "other"})
        await ok(server, project, "PATCH", f"{WIDGETS}/{id_}", {"description": "changed last"})
        listed = await ok(server, project, "GET", WIDGETS, limit=1)
        assert [row["id"] for row in listed["data"]] == [id_]
        assert listed["meta"] == {"page": 1, "limit": 1, "totalItems": 2, "totalPages": 2}
        second = await ok(server, project, "GET", WIDGETS, limit=1, page=2)
        assert [row["id"] for row in second["data"]] == [other["id"]]

    async def test_a_pivot_table_with_everything(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        config = {
            "type": "PIVOT_TABLE",
            "row_limit": 1000,
            "show_value_labels": True,
            "bins": 10,
            "defaultSort": {"column": "sum_totalCost", "order": "DESC"},
        }
        body = WIDGET | {
            "dimensions": [{"field": "providedModelName"}, {"field": "userId"}],
            "metrics": [{"measure": name, "agg": "sum"} for name in ("totalCost", "latency")],
            "filters": [
                {"column": "metadata", "operator": "=", "type": "stringObject", "key": "k", "value": "v"}
            ],
            "chartType": "PIVOT_TABLE",
            "chartConfig": config,
        }
        made = await ok(server, project, "POST", WIDGETS, body)
        assert (made["chartConfig"], made["dimensions"]) == (config, body["dimensions"])
        assert made["filters"] == body["filters"]
        # A new type alone takes the configuration away; two dimensions no longer fit.
        path = f"{WIDGETS}/{made['id']}"
        status, code, details = await refused(server, project, "PATCH", path, {"chartType": "PIE"})
        assert (status, code, details["field"]) == (400, "invalid_request", "dimensions")
        change = {"chartType": "PIE", "dimensions": [{"field": "userId"}]}
        assert (await ok(server, project, "PATCH", path, change))["chartConfig"] == {"type": "PIE"}
        status, _, details = await refused(
            server, project, "PATCH", path, {"chartConfig": {"type": "NUMBER"}}
        )
        assert (status, details["allowedValues"]) == (400, ["PIE"])
        kept = await ok(server, project, "PATCH", path, {"chartConfig": {"row_limit": 5}, "name": None})
        assert kept["chartConfig"] == {"type": "PIE", "row_limit": 5}
        assert kept["name"] == WIDGET["name"]

    @pytest.mark.parametrize(
        ("change", "field", "allowed"),
        [
            ({"dimensions": [{"field": "model"}]}, "dimensions[0].field", "providedModelName"),
            ({"metrics": [{"measure": "money", "agg": "sum"}]}, "metrics[0].measure", "totalCost"),
            ({"metrics": [{"measure": "uniqueUserIds", "agg": "sum"}]}, "metrics[0].agg", "uniq"),
            (
                {"filters": [{"column": "value", "operator": "=", "type": "number", "value": 1}]},
                "filters[0].column",
                "startTime",
            ),
            (
                {"filters": [{"column": "name", "operator": "=", "type": "number", "value": 1}]},
                "filters[0].type",
                None,
            ),
            ({"filters": [{"column": "name", "operator": "=", "type": "string"}]}, "filters[0]", None),
            ({"filters": [{"column": "name", "operator": ">", "type": "string"}]}, "filters[0]", None),
            ({"chartConfig": {"type": "PIE"}}, "chartConfig.type", "VERTICAL_BAR"),
            ({"dimensions": [{"field": "name"}, {"field": "type"}]}, "dimensions", None),
            ({"metrics": []}, "metrics", None),
            ({"name": "  "}, "name", None),
            (
                {"view": "scores-categorical", "dimensions": [], "filters": []},
                "metrics[0].measure",
                "count",
            ),
        ],
    )
    async def test_names_that_the_metrics_do_not_know(
        self,
        server: RunningServer,
        project: ProjectAccess,
        change: dict[str, Any],
        field: str,
        allowed: str | None,
    ) -> None:
        status, code, details = await refused(server, project, "POST", WIDGETS, WIDGET | change)
        assert (status, code, details["field"]) == (400, "invalid_request", field)
        assert allowed is None or allowed in details["allowedValues"]

    @pytest.mark.parametrize(
        ("change", "path"),
        [
            ({"view": "traces"}, ["view"]),
            ({"chartType": "DONUT"}, ["chartType"]),
            ({"metrics": [{"measure": "count", "agg": "median"}]}, ["metrics", 0, "agg"]),
            ({"chartConfig": {"row_limit": 1001}}, ["chartConfig", "row_limit"]),
            ({"chartConfig": {"bins": 0}}, ["chartConfig", "bins"]),
            ({"name": 1}, ["name"]),
            ({"filters": None}, ["filters"]),
        ],
    )
    async def test_bodies_that_do_not_fit(
        self, server: RunningServer, project: ProjectAccess, change: dict[str, Any], path: list[Any]
    ) -> None:
        status, code, details = await refused(server, project, "POST", WIDGETS, WIDGET | change)
        assert (status, code) == (400, "invalid_body")
        assert [issue["path"] for issue in details["issues"]] == [path]

    async def test_deleted_only_when_placed_nowhere(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        widget = (await ok(server, project, "POST", WIDGETS, WIDGET))["id"]
        tile = {"type": "widget", "id": "t", "widgetId": widget, **TILE}
        body = {"name": "d", "definition": {"widgets": [tile]}}
        dashboard = (await ok(server, project, "POST", DASHBOARDS, body))["id"]
        assert (await refused(server, project, "DELETE", f"{WIDGETS}/{widget}"))[:2] == (409, "conflict")
        await ok(server, project, "DELETE", f"{DASHBOARDS}/{dashboard}/placements/t")
        answer = await ok(server, project, "DELETE", f"{WIDGETS}/{widget}")
        assert answer == {"message": "Dashboard widget successfully deleted"}
        for method in ("GET", "DELETE"):
            found = await refused(server, project, method, f"{WIDGETS}/{widget}")
            assert found[:2] == (404, "resource_not_found")


class TestDashboards:
    async def test_made_changed_listed_and_deleted(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        made = await ok(server, project, "POST", DASHBOARDS, {"name": "Empty"})
        id_ = made["id"]
        assert set(made) == {
            "id",
            "createdAt",
            "updatedAt",
            "name",
            "description",
            "definition",
            "filters",
        }
        assert (made["description"], made["definition"], made["filters"]) == ("", {"widgets": []}, [])
        tile = {"type": "preset", "id": "p", "presetId": "home-traces", **TILE}
        condition = {"column": "anything", "operator": "is null", "type": "null", "value": ""}
        change = {"definition": {"widgets": [tile]}, "filters": [condition], "description": "d"}
        changed = await ok(server, project, "PATCH", f"{DASHBOARDS}/{id_}", change)
        assert changed["definition"] == {"widgets": [tile]}
        assert (changed["filters"], changed["name"]) == ([condition], "Empty")
        assert await ok(server, project, "GET", f"{DASHBOARDS}/{id_}") == changed
        other = (await ok(server, project, "POST", DASHBOARDS, {"name": "Empty"}))["id"]
        listed = await ok(server, project, "GET", DASHBOARDS)
        assert [row["id"] for row in listed["data"]] == [other, id_]
        assert listed["meta"] == {"page": 1, "limit": 50, "totalItems": 2, "totalPages": 1}
        answer = await ok(server, project, "DELETE", f"{DASHBOARDS}/{id_}")
        assert answer == {"message": "Dashboard successfully deleted"}
        assert (await refused(server, project, "GET", f"{DASHBOARDS}/{id_}"))[0] == 404
        assert (await refused(server, project, "DELETE", f"{DASHBOARDS}/{id_}"))[0] == 404

    async def test_tiles_are_added_moved_and_taken_away(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        widget = (await ok(server, project, "POST", WIDGETS, WIDGET))["id"]
        dashboard = f"{DASHBOARDS}/{(await ok(server, project, 'POST', DASHBOARDS, {'name': 'd'}))['id']}"
        placements = f"{dashboard}/placements"
        first = await ok(server, project, "POST", placements, {"type": "widget", "widgetId": widget})
        assert first == {"type": "widget", "id": first["id"], "widgetId": widget, **TILE}
        preset = {"type": "preset", "presetId": "home-users", "id": "mine", "width": 12, "height": 2}
        second = await ok(server, project, "POST", placements, preset)
        assert second == preset | {"x": 0, "y": 6}
        third = await ok(
            server, project, "POST", placements, {"type": "widget", "widgetId": widget, "x": 6}
        )
        assert (third["x"], third["y"]) == (6, 8)
        assert (await refused(server, project, "POST", placements, preset))[:2] == (409, "conflict")
        moved = await ok(server, project, "PATCH", f"{placements}/mine", {"x": 2, "width": 4})
        assert moved == preset | {"x": 2, "y": 6, "width": 4}
        answer = await ok(server, project, "DELETE", f"{placements}/{first['id']}")
        assert answer == {"message": "Dashboard placement successfully deleted"}
        found = await ok(server, project, "GET", dashboard)
        assert found["definition"] == {"widgets": [moved, third]}
        assert found["updatedAt"] > found["createdAt"]
        for method, body in (("PATCH", {"x": 1}), ("DELETE", None)):
            gone = await refused(server, project, method, f"{placements}/{first['id']}", body)
            assert gone[:2] == (404, "resource_not_found")

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({"type": "widget", "widgetId": "unknown"}, (404, "resource_not_found")),
            ({"type": "preset", "presetId": "unknown"}, (404, "resource_not_found")),
            ({"type": "preset", "presetId": "home-users", "x": 12}, (400, "invalid_body")),
            ({"type": "preset", "presetId": "home-users", "width": 0}, (400, "invalid_body")),
            ({"type": "preset", "presetId": "home-users", "y": -1}, (400, "invalid_body")),
            ({"type": "preset", "presetId": "home-users", "y": 10**30}, (400, "invalid_body")),
            ({"type": "preset", "presetId": "home-users", "id": "\0"}, (400, "invalid_request")),
            ({"type": "tile", "widgetId": "x"}, (400, "invalid_body")),
            ({"widgetId": "x"}, (400, "invalid_body")),
            ([], (400, "invalid_body")),
        ],
    )
    async def test_tiles_that_cannot_be_added(
        self, server: RunningServer, project: ProjectAccess, body: Any, expected: tuple[int, str]
    ) -> None:
        made = await ok(server, project, "POST", DASHBOARDS, {"name": "d"})
        path = f"{DASHBOARDS}/{made['id']}/placements"
        assert (await refused(server, project, "POST", path, body))[:2] == expected
        missing = await refused(server, project, "POST", f"{DASHBOARDS}/unknown/placements", body)
        assert missing[0] in (400, 404)

    async def test_what_a_tile_shows_cannot_be_changed(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        tile = {"type": "preset", "id": "p", "presetId": "home-traces", **TILE}
        body = {"name": "d", "definition": {"widgets": [tile]}}
        id_ = (await ok(server, project, "POST", DASHBOARDS, body))["id"]
        path = f"{DASHBOARDS}/{id_}/placements/p"
        found = await refused(server, project, "PATCH", path, {"presetId": "home-users"})
        assert found[:2] == (400, "invalid_body")
        assert (await refused(server, project, "PATCH", path, {}))[:2] == (400, "invalid_request")

    async def test_definitions_that_do_not_fit(self, server: RunningServer, project: ProjectAccess) -> None:
        tile = {"type": "preset", "id": "p", "presetId": "home-traces", **TILE}
        cases: list[tuple[Any, tuple[int, str]]] = [
            ({"widgets": [tile, tile]}, (400, "invalid_request")),
            ({"widgets": [tile | {"presetId": "unknown"}]}, (404, "resource_not_found")),
            ({"widgets": [tile | {"id": ""}]}, (400, "invalid_body")),
            ({"widgets": [{"type": "preset", "id": "p"}]}, (400, "invalid_body")),
            ({}, (400, "invalid_body")),
        ]
        made = await ok(server, project, "POST", DASHBOARDS, {"name": "d"})
        for definition, expected in cases:
            body = {"name": "d", "definition": definition}
            assert (await refused(server, project, "POST", DASHBOARDS, body))[:2] == expected
            path = f"{DASHBOARDS}/{made['id']}"
            assert (await refused(server, project, "PATCH", path, body))[:2] == expected
        assert (await ok(server, project, "GET", f"{DASHBOARDS}/{made['id']}")) == made
        assert (await ok(server, project, "GET", DASHBOARDS))["meta"]["totalItems"] == 1

    @pytest.mark.parametrize("path", [DASHBOARDS, WIDGETS])
    async def test_a_change_changes_something(
        self, server: RunningServer, project: ProjectAccess, path: str
    ) -> None:
        id_ = (await ok(server, project, "POST", path, WIDGET))["id"]
        for body in ({}, {"name": None}):
            found = await refused(server, project, "PATCH", f"{path}/{id_}", body)
            assert found[:2] == (400, "invalid_request")
        assert (await refused(server, project, "PATCH", f"{path}/unknown", {"name": "n"}))[0] == 404

    async def test_tiles_added_at_once_are_all_there(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        made = await ok(server, project, "POST", DASHBOARDS, {"name": "d"})
        path = f"{DASHBOARDS}/{made['id']}"
        body = {"type": "preset", "presetId": "home-users", "height": 1}
        await asyncio.gather(
            *(ok(server, project, "POST", f"{path}/placements", body | {"id": f"{n}"}) for n in range(8))
        )
        tiles = (await ok(server, project, "GET", path))["definition"]["widgets"]
        assert sorted(tile["id"] for tile in tiles) == [str(n) for n in range(8)]
        assert [tile["y"] for tile in tiles] == list(range(8))

    async def test_a_widget_is_either_placed_or_deleted(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        made = await ok(server, project, "POST", DASHBOARDS, {"name": "d"})
        placements = f"{DASHBOARDS}/{made['id']}/placements"
        for _ in range(5):
            widget = (await ok(server, project, "POST", WIDGETS, WIDGET))["id"]
            placed, deleted = await asyncio.gather(
                call(server, project, "POST", placements, {"type": "widget", "widgetId": widget}),
                call(server, project, "DELETE", f"{WIDGETS}/{widget}"),
            )
            assert (placed.status_code, deleted.status_code) in ((200, 409), (404, 200))
