"""Tools of dashboards and of what is placed on them."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from lumenspan.dashboards.domain import DashboardChange, NewPlacement, PlacementChange, PlacementType
from lumenspan.dashboards.domain import Filter as StoredFilter
from lumenspan_server.dashboards import rows
from lumenspan_server.dashboards.bodies import Definition, Height, PlacementId, Width, X, Y
from lumenspan_server.mcp.conditions import Filter
from lumenspan_server.mcp.tools import Arguments, BadArguments, Call, Paged, Tool, page_of, tool

TOOLS: list[Tool] = []

_Id = Annotated[str, Meta(min_length=1)]
_Name = Annotated[str, Meta(min_length=1, max_length=255)]
_Definition = Annotated[Definition, Meta(description="Every placement, on a grid of 12 columns")]
_Filters = Annotated[Filter, Meta(description="Conditions that hold for every tile")]


class DashboardById(Arguments):
    """Which dashboard."""

    dashboard_id: _Id


class CreateDashboard(Arguments):
    """A dashboard to make."""

    name: _Name
    description: str | None = None
    definition: _Definition | None = None
    filters: _Filters | None = None


class UpdateDashboard(DashboardById):
    """What is to change; placements and filters replace what is there."""

    name: _Name | None = None
    description: str | None = None
    definition: _Definition | None = None
    filters: _Filters | None = None


class AddPlacement(DashboardById):
    """A tile to add: a widget of the project, or a preset. It stands below all others unless it is told."""

    type: Annotated[PlacementType, Meta(description="May be left out")] | None = None
    widget_id: _Id | None = None
    preset_id: Annotated[_Id, Meta(description="Such as home-traces")] | None = None
    id: Annotated[PlacementId, Meta(description="An id of your own")] | None = None
    x: X | None = None
    y: Y | None = None
    width: Width | None = None
    height: Height | None = None


class PlacementById(DashboardById):
    """Which tile."""

    placement_id: _Id


class UpdatePlacement(PlacementById):
    """Where to move the tile and how to size it."""

    x: X | None = None
    y: Y | None = None
    width: Width | None = None
    height: Height | None = None


@tool(TOOLS, "listDashboards", "Dashboards of the project, the last changed first", is_read_only=True)
async def list_dashboards(call: Call, given: Paged) -> Any:
    found, total = await call.services.dashboards.page(call.project_id, given.page, given.limit)
    return page_of([rows.to_dashboard(each) for each in found], given, total)


@tool(TOOLS, "getDashboard", "One dashboard with its placements", is_read_only=True)
async def get_dashboard(call: Call, given: DashboardById) -> Any:
    return rows.to_dashboard(await call.services.dashboards.get(call.project_id, given.dashboard_id))


@tool(TOOLS, "createDashboard", "Make a dashboard")
async def create_dashboard(call: Call, given: CreateDashboard) -> Any:
    return rows.to_dashboard(await call.services.dashboards.create(call.project_id, _change(given)))


@tool(TOOLS, "updateDashboard", "Change a dashboard", is_destructive=True, is_idempotent=True)
async def update_dashboard(call: Call, given: UpdateDashboard) -> Any:
    changed = await call.services.dashboards.update(call.project_id, given.dashboard_id, _change(given))
    return rows.to_dashboard(changed)


@tool(
    TOOLS,
    "deleteDashboard",
    "Delete a dashboard; the widgets on it stay",
    is_destructive=True,
    is_idempotent=True,
)
async def delete_dashboard(call: Call, given: DashboardById) -> Any:
    await call.services.dashboards.delete(call.project_id, given.dashboard_id)
    return {"message": "Dashboard successfully deleted"}


@tool(TOOLS, "addDashboardPlacement", "Put a widget or a preset on a dashboard")
async def add_placement(call: Call, given: AddPlacement) -> Any:
    type_, content_id = _content(given)
    new = NewPlacement(
        type=type_,
        content_id=content_id,
        id=given.id,
        x=given.x,
        y=given.y,
        width=given.width,
        height=given.height,
    )
    return rows.to_placement(await call.services.dashboards.place(call.project_id, given.dashboard_id, new))


@tool(
    TOOLS,
    "updateDashboardPlacement",
    "Move or resize a tile; what it shows stays",
    is_destructive=True,
    is_idempotent=True,
)
async def update_placement(call: Call, given: UpdatePlacement) -> Any:
    change = PlacementChange(given.x, given.y, given.width, given.height)
    moved = await call.services.dashboards.move(
        call.project_id, given.dashboard_id, given.placement_id, change
    )
    return rows.to_placement(moved)


@tool(
    TOOLS,
    "deleteDashboardPlacement",
    "Take a tile from a dashboard; its widget stays",
    is_destructive=True,
    is_idempotent=True,
)
async def delete_placement(call: Call, given: PlacementById) -> Any:
    await call.services.dashboards.remove_placement(call.project_id, given.dashboard_id, given.placement_id)
    return {"message": "Dashboard placement successfully deleted"}


def filters_of(given: Filter) -> tuple[StoredFilter, ...]:
    """Conditions as they are kept, without a key that was not given."""
    found: list[StoredFilter] = [msgspec.to_builtins(each) for each in given]
    return tuple({name: each[name] for name in each if name != "key" or each[name]} for each in found)


def _change(given: CreateDashboard | UpdateDashboard) -> DashboardChange:
    return DashboardChange(
        name=given.name,
        description=given.description,
        placements=None if given.definition is None else rows.of_placements(given.definition.widgets),
        filters=None if given.filters is None else filters_of(given.filters),
    )


def _content(given: AddPlacement) -> tuple[PlacementType, str]:
    of_type = {PlacementType.WIDGET: given.widget_id, PlacementType.PRESET: given.preset_id}
    chosen = [(type_, id_) for type_, id_ in of_type.items() if id_ is not None]
    if len(chosen) != 1 or given.type not in (None, chosen[0][0]):
        raise BadArguments("Give the widgetId of a widget, or the presetId of a preset")
    return chosen[0]
