"""The tools of the MCP server about dashboards, alerts and feedback."""

from __future__ import annotations

from typing import Any

from lumenspan.ids import ProjectId
from tests.conftest import ProjectAccess
from tests.contract.mcp_client import tools_of
from tests.integration.server.conftest import RunningServer

WIDGET: dict[str, Any] = {
    "name": "Cost by model",
    "view": "observations",
    "dimensions": [{"field": "providedModelName"}],
    "metrics": [{"measure": "totalCost", "agg": "sum"}],
    "filters": [{"column": "environment", "operator": "any of", "type": "stringOptions", "value": ["p"]}],
    "chartType": "VERTICAL_BAR",
}


class TestDashboards:
    async def test_made_arranged_and_deleted(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        async with tools_of(server, project) as tools, tools_of(server, other_project) as others:
            widget = await tools("createDashboardWidget", **WIDGET, chartConfig={"row_limit": 5})
            assert widget["chartConfig"] == {"type": "VERTICAL_BAR", "row_limit": 5}
            assert {name: widget[name] for name in WIDGET} == WIDGET
            preset = {"type": "preset", "id": "p", "presetId": "home-traces"}
            place = {"x": 0, "y": 0, "width": 12, "height": 3}
            made = await tools(
                "createDashboard",
                name="d",
                definition={"widgets": [preset | place]},
                filters=WIDGET["filters"],
            )
            of_it = {"dashboardId": made["id"]}
            assert made["definition"]["widgets"] == [preset | place]
            assert made["filters"] == WIDGET["filters"]
            assert await tools("getDashboard", **of_it) == made
            tile = await tools("addDashboardPlacement", **of_it, widgetId=widget["id"])
            assert tile == {
                "type": "widget",
                "id": tile["id"],
                "widgetId": widget["id"],
                "x": 0,
                "y": 3,
                "width": 6,
                "height": 6,
            }
            of_tile = of_it | {"placementId": tile["id"]}
            moved = await tools("updateDashboardPlacement", **of_tile, x=6)
            assert moved == tile | {"x": 6}
            found = await tools("getDashboard", **of_it)
            assert found["definition"]["widgets"] == [preset | place, moved]
            assert "placed" in await tools.failure("deleteDashboardWidget", widgetId=widget["id"])
            for name, where in (
                ("getDashboard", of_it),
                ("updateDashboard", of_it | {"name": "x"}),
                ("deleteDashboard", of_it),
                ("addDashboardPlacement", of_it | {"presetId": "home-traces"}),
                ("updateDashboardPlacement", of_tile | {"x": 1}),
                ("deleteDashboardPlacement", of_tile),
            ):
                assert "not found" in await others.failure(name, **where), name
            assert (await tools("deleteDashboardPlacement", **of_tile))["message"]
            renamed = await tools("updateDashboard", **of_it, name="e", filters=[])
            assert (renamed["name"], renamed["filters"]) == ("e", [])
            listed = await tools("listDashboards")
            assert listed["data"] == [renamed]
            assert listed["meta"]["totalItems"] == 1
            assert (await others("listDashboards"))["data"] == []
            assert (await tools("deleteDashboard", **of_it))["message"]
            assert "not found" in await tools.failure("getDashboard", **of_it)

    async def test_what_is_refused(self, server: RunningServer, project: ProjectAccess) -> None:
        async with tools_of(server, project) as tools:
            of_it = {"dashboardId": (await tools("createDashboard", name="d"))["id"]}
            add = "addDashboardPlacement"
            assert "widgetId" in await tools.refusal(add, **of_it)
            assert "widgetId" in await tools.refusal(add, **of_it, type="widget", presetId="home-traces")
            assert "not found" in await tools.failure(add, **of_it, type="preset", presetId="home-what")
            assert "not found" in await tools.failure(add, **of_it, widgetId="what")
            await tools(add, **of_it, presetId="home-traces", id="p")
            assert "already" in await tools.failure(add, **of_it, presetId="home-traces", id="p")
            assert "empty" in await tools.failure("updateDashboard", **of_it)
            # PostgreSQL has no such text.
            for odd in ({"name": "a\0b"}, {"description": "\0"}):
                assert "Internal" not in await tools.failure("updateDashboard", **of_it, **odd)
            assert "Internal" not in await tools.failure("getDashboard", dashboardId="\0")
            assert "$.x" in await tools.refusal("updateDashboardPlacement", **of_it, placementId="p", x=12)


class TestWidgets:
    async def test_made_changed_and_deleted(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        async with tools_of(server, project) as tools, tools_of(server, other_project) as others:
            made = await tools("createDashboardWidget", **WIDGET)
            of_it = {"widgetId": made["id"]}
            assert await tools("getDashboardWidget", **of_it) == made
            sort = {"column": "sum_totalCost", "order": "DESC"}
            changed = await tools(
                "updateDashboardWidget",
                **of_it,
                chartType="PIVOT_TABLE",
                dimensions=[{"field": "providedModelName"}, {"field": "environment"}],
                chartConfig={"defaultSort": sort},
            )
            assert changed["chartConfig"] == {"type": "PIVOT_TABLE", "defaultSort": sort}
            assert (await tools("listDashboardWidgets"))["data"] == [changed]
            assert (await others("listDashboardWidgets"))["data"] == []
            for name, more in (
                ("getDashboardWidget", {}),
                ("updateDashboardWidget", {"name": "x"}),
                ("deleteDashboardWidget", {}),
            ):
                assert "not found" in await others.failure(name, **of_it, **more)
            assert "Must be one of" in await tools.failure(
                "updateDashboardWidget", **of_it, dimensions=[{"field": "what"}]
            )
            assert "rowLimit" in await tools.refusal(
                "updateDashboardWidget", **of_it, chartConfig={"rowLimit": 3}
            )
            assert "$.view" in await tools.refusal("updateDashboardWidget", **of_it, view="traces")
            assert (await tools("deleteDashboardWidget", **of_it))["message"]
            assert "not found" in await tools.failure("getDashboardWidget", **of_it)


async def test_there_are_no_alerts(server: RunningServer, project: ProjectAccess) -> None:
    async with tools_of(server, project) as tools:
        found = await tools("listAlerts", orderBy={"column": "name", "order": "ASC"}, limit=10)
        assert found == {"data": [], "meta": {"page": 1, "limit": 10, "totalItems": 0, "totalPages": 0}}
        assert "not found" in await tools.failure("getAlert", monitorId="m")


async def test_feedback_reaches_the_operators(server: RunningServer, project: ProjectAccess) -> None:
    given = {"targetType": "mcp-tool", "target": "listDatasets", "feedback": "Too short"}
    async with tools_of(server, project) as tools:
        made = await tools("submitFeedback", **given, goal="To list", referenceUrl="https://example.com/x")
        (kept,) = await server.services.feedback.newest(ProjectId(project.project_id), 10)
        assert (kept.id, kept.target, kept.goal) == (made["id"], "listDatasets", "To list")
        assert "referenceUrl" in await tools.failure("submitFeedback", **given, referenceUrl="ftp://x")
        assert "targetType" in await tools.refusal("submitFeedback", **given | {"targetType": "what"})
