"""Tools of the widgets that dashboards show."""

from typing import Annotated, Any

from msgspec import Meta

from lumenspan.dashboards.domain import ChartConfig, ChartType, WidgetChange, WidgetContent
from lumenspan.metrics.domain import ViewName
from lumenspan_server.dashboards import bodies, rows
from lumenspan_server.dashboards.bodies import View
from lumenspan_server.mcp.conditions import Filter
from lumenspan_server.mcp.dashboards import filters_of
from lumenspan_server.mcp.tools import Arguments, Call, Paged, Tool, page_of, tool

TOOLS: list[Tool] = []


class WidgetDimension(bodies.Dimension, forbid_unknown_fields=True):
    """What rows are grouped by."""


class WidgetMetric(bodies.WidgetMetric, forbid_unknown_fields=True):
    """A measure and how it is aggregated."""


class WidgetConfig(bodies.ChartConfigInput, forbid_unknown_fields=True):
    """How the chart is drawn."""


_Name = Annotated[str, Meta(min_length=1, max_length=255)]
_Dimensions = Annotated[
    tuple[WidgetDimension, ...], Meta(max_length=2, description="One at most, two of PIVOT_TABLE")
]
_Metrics = Annotated[tuple[WidgetMetric, ...], Meta(min_length=1, max_length=10)]


class WidgetById(Arguments):
    """Which widget."""

    widget_id: Annotated[str, Meta(min_length=1)]


class CreateWidget(Arguments):
    """A widget to make; getMetricsSchema says what a view has."""

    name: _Name
    view: View
    metrics: _Metrics
    chart_type: ChartType
    description: str | None = None
    dimensions: _Dimensions = ()
    filters: Filter = ()
    chart_config: WidgetConfig | None = None


class UpdateWidget(WidgetById):
    """What is to change; lists replace what is there."""

    name: _Name | None = None
    description: str | None = None
    view: View | None = None
    dimensions: _Dimensions | None = None
    metrics: _Metrics | None = None
    filters: Filter | None = None
    chart_type: ChartType | None = None
    chart_config: WidgetConfig | None = None


@tool(TOOLS, "listDashboardWidgets", "Widgets of the project, the last changed first", is_read_only=True)
async def list_widgets(call: Call, given: Paged) -> Any:
    found, total = await call.services.dashboards.widgets(call.project_id, given.page, given.limit)
    return page_of([rows.to_widget(each) for each in found], given, total)


@tool(TOOLS, "getDashboardWidget", "One widget", is_read_only=True)
async def get_widget(call: Call, given: WidgetById) -> Any:
    return rows.to_widget(await call.services.dashboards.widget(call.project_id, given.widget_id))


@tool(TOOLS, "createDashboardWidget", "Define a chart over metrics; addDashboardPlacement shows it")
async def create_widget(call: Call, given: CreateWidget) -> Any:
    content = WidgetContent(
        name=given.name,
        description=given.description or "",
        view=ViewName(given.view),
        dimensions=rows.of_dimensions(given.dimensions),
        metrics=rows.of_metrics(given.metrics),
        filters=filters_of(given.filters),
        chart_type=given.chart_type,
        chart_config=rows.of_config(given.chart_config) or ChartConfig(),
    )
    return rows.to_widget(await call.services.dashboards.create_widget(call.project_id, content))


@tool(
    TOOLS,
    "updateDashboardWidget",
    "Change a widget wherever it is placed",
    is_destructive=True,
    is_idempotent=True,
)
async def update_widget(call: Call, given: UpdateWidget) -> Any:
    change = WidgetChange(
        name=given.name,
        description=given.description,
        view=None if given.view is None else ViewName(given.view),
        dimensions=None if given.dimensions is None else rows.of_dimensions(given.dimensions),
        metrics=None if given.metrics is None else rows.of_metrics(given.metrics),
        filters=None if given.filters is None else filters_of(given.filters),
        chart_type=given.chart_type,
        chart_config=rows.of_config(given.chart_config),
    )
    changed = await call.services.dashboards.update_widget(call.project_id, given.widget_id, change)
    return rows.to_widget(changed)


@tool(
    TOOLS,
    "deleteDashboardWidget",
    "Delete a widget that is placed on no dashboard",
    is_destructive=True,
    is_idempotent=True,
)
async def delete_widget(call: Call, given: WidgetById) -> Any:
    await call.services.dashboards.delete_widget(call.project_id, given.widget_id)
    return {"message": "Dashboard widget successfully deleted"}
