"""REST routes of dashboards, what is placed on them, and widgets (contract, section 10)."""

from typing import Any

from litestar import Request, Response, Router, delete, get, patch, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from lumenspan.dashboards.domain import (
    ChartConfig,
    DashboardChange,
    PlacementChange,
    WidgetChange,
    WidgetContent,
)
from lumenspan.metrics.domain import ViewName
from lumenspan_server.access import require_project_key
from lumenspan_server.dashboards import rows
from lumenspan_server.dashboards.bodies import (
    AnyNewPlacement,
    AnyPlacement,
    DashboardAnswer,
    DashboardPage,
    DashboardUpdate,
    NewDashboard,
    NewWidget,
    PlacementUpdate,
    StructuredError,
    WidgetAnswer,
    WidgetPage,
    WidgetUpdate,
)
from lumenspan_server.errors import STRUCTURED_HANDLERS
from lumenspan_server.operations import (
    Message,
    PageQuery,
    answer,
    operation,
    page_meta,
    read_body,
    read_query,
)
from lumenspan_server.services import Services

_DASHBOARDS = "/api/public/unstable/dashboards"
_DASHBOARD = _DASHBOARDS + "/{dashboard_id:str}"
_PLACEMENTS = _DASHBOARD + "/placements"
_PLACEMENT = _PLACEMENTS + "/{placement_id:str}"
_WIDGETS = "/api/public/unstable/dashboard-widgets"
_WIDGET = _WIDGETS + "/{widget_id:str}"
_INVALID = {400: StructuredError}
_MISSING = {400: StructuredError, 404: StructuredError}
_CONFLICT = {400: StructuredError, 404: StructuredError, 409: StructuredError}


@get(
    _DASHBOARDS,
    summary="Dashboards of the project, the last changed first",
    **operation(query=PageQuery, answer=DashboardPage, answers=_INVALID),
)
async def list_dashboards(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [dashboard], meta}``."""
    principal = await require_project_key(request)
    query = read_query(request, PageQuery)
    services: Services = request.app.state.services
    found, total = await services.dashboards.page(principal.project_id, query.page, query.limit)
    return answer(
        DashboardPage(data=[rows.to_dashboard(each) for each in found], meta=page_meta(query, total))
    )


@post(
    _DASHBOARDS,
    summary="Make a dashboard",
    **operation(body=NewDashboard, answer=DashboardAnswer, answers=_MISSING),
)
async def create_dashboard(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The dashboard."""
    principal = await require_project_key(request)
    change = _dashboard_change(await read_body(request, NewDashboard))
    services: Services = request.app.state.services
    return answer(rows.to_dashboard(await services.dashboards.create(principal.project_id, change)))


@get(_DASHBOARD, summary="One dashboard", **operation(answer=DashboardAnswer, answers=_MISSING))
async def get_dashboard(request: Request[Any, Any, Any], dashboard_id: FromPath[str]) -> Response[bytes]:
    """The dashboard; 404 where there is none."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    return answer(rows.to_dashboard(await services.dashboards.get(principal.project_id, dashboard_id)))


@patch(
    _DASHBOARD,
    summary="Change a dashboard",
    **operation(body=DashboardUpdate, answer=DashboardAnswer, answers=_MISSING),
)
async def update_dashboard(request: Request[Any, Any, Any], dashboard_id: FromPath[str]) -> Response[bytes]:
    """The dashboard; placements and filters are replaced as a whole."""
    principal = await require_project_key(request)
    change = _dashboard_change(await read_body(request, DashboardUpdate))
    services: Services = request.app.state.services
    found = await services.dashboards.update(principal.project_id, dashboard_id, change)
    return answer(rows.to_dashboard(found))


@delete(_DASHBOARD, summary="Delete a dashboard", **operation(answer=Message, answers=_MISSING))
async def delete_dashboard(request: Request[Any, Any, Any], dashboard_id: FromPath[str]) -> Response[bytes]:
    """A message; the widgets on it stay."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    await services.dashboards.delete(principal.project_id, dashboard_id)
    return answer(Message(message="Dashboard successfully deleted"))


@post(
    _PLACEMENTS,
    summary="Add a tile to a dashboard",
    **operation(body=AnyNewPlacement, answer=AnyPlacement, answers=_CONFLICT),
)
async def add_placement(request: Request[Any, Any, Any], dashboard_id: FromPath[str]) -> Response[bytes]:
    """The tile; without a position it stands below all others."""
    principal = await require_project_key(request)
    given = rows.of_new_placement(await read_body(request, AnyNewPlacement))  # type: ignore[arg-type]
    services: Services = request.app.state.services
    made = await services.dashboards.place(principal.project_id, dashboard_id, given)
    return answer(rows.to_placement(made))


@patch(
    _PLACEMENT,
    summary="Move or resize a tile",
    **operation(body=PlacementUpdate, answer=AnyPlacement, answers=_MISSING),
)
async def update_placement(
    request: Request[Any, Any, Any], dashboard_id: FromPath[str], placement_id: FromPath[str]
) -> Response[bytes]:
    """The tile; what it shows cannot be changed."""
    principal = await require_project_key(request)
    body = await read_body(request, PlacementUpdate)
    change = PlacementChange(body.x, body.y, body.width, body.height)
    services: Services = request.app.state.services
    moved = await services.dashboards.move(principal.project_id, dashboard_id, placement_id, change)
    return answer(rows.to_placement(moved))


@delete(_PLACEMENT, summary="Take a tile away", **operation(answer=Message, answers=_MISSING))
async def delete_placement(
    request: Request[Any, Any, Any], dashboard_id: FromPath[str], placement_id: FromPath[str]
) -> Response[bytes]:
    """A message; the widget stays."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    await services.dashboards.remove_placement(principal.project_id, dashboard_id, placement_id)
    return answer(Message(message="Dashboard placement successfully deleted"))


@get(
    _WIDGETS,
    summary="Widgets of the project, the last changed first",
    **operation(query=PageQuery, answer=WidgetPage, answers=_INVALID),
)
async def list_widgets(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [widget], meta}``."""
    principal = await require_project_key(request)
    query = read_query(request, PageQuery)
    services: Services = request.app.state.services
    found, total = await services.dashboards.widgets(principal.project_id, query.page, query.limit)
    return answer(WidgetPage(data=[rows.to_widget(each) for each in found], meta=page_meta(query, total)))


@post(_WIDGETS, summary="Make a widget", **operation(body=NewWidget, answer=WidgetAnswer, answers=_INVALID))
async def create_widget(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The widget, placed nowhere yet."""
    principal = await require_project_key(request)
    body = await read_body(request, NewWidget)
    content = WidgetContent(
        name=body.name,
        description=body.description or "",
        view=ViewName(body.view),
        dimensions=rows.of_dimensions(body.dimensions),
        metrics=rows.of_metrics(body.metrics),
        filters=rows.of_filters(body.filters),
        chart_type=body.chart_type,
        chart_config=rows.of_config(body.chart_config) or ChartConfig(),
    )
    services: Services = request.app.state.services
    return answer(rows.to_widget(await services.dashboards.create_widget(principal.project_id, content)))


@get(_WIDGET, summary="One widget", **operation(answer=WidgetAnswer, answers=_MISSING))
async def get_widget(request: Request[Any, Any, Any], widget_id: FromPath[str]) -> Response[bytes]:
    """The widget; 404 where there is none."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    return answer(rows.to_widget(await services.dashboards.widget(principal.project_id, widget_id)))


@patch(
    _WIDGET,
    summary="Change a widget",
    **operation(body=WidgetUpdate, answer=WidgetAnswer, answers=_MISSING),
)
async def update_widget(request: Request[Any, Any, Any], widget_id: FromPath[str]) -> Response[bytes]:
    """The widget, as it now is wherever it is placed."""
    principal = await require_project_key(request)
    body = await read_body(request, WidgetUpdate)
    change = WidgetChange(
        name=body.name,
        description=body.description,
        view=None if body.view is None else ViewName(body.view),
        dimensions=None if body.dimensions is None else rows.of_dimensions(body.dimensions),
        metrics=None if body.metrics is None else rows.of_metrics(body.metrics),
        filters=None if body.filters is None else rows.of_filters(body.filters),
        chart_type=body.chart_type,
        chart_config=rows.of_config(body.chart_config),
    )
    services: Services = request.app.state.services
    changed = await services.dashboards.update_widget(principal.project_id, widget_id, change)
    return answer(rows.to_widget(changed))


@delete(_WIDGET, summary="Delete a widget", **operation(answer=Message, answers=_CONFLICT))
async def delete_widget(request: Request[Any, Any, Any], widget_id: FromPath[str]) -> Response[bytes]:
    """A message; 409 while it is placed on a dashboard."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    await services.dashboards.delete_widget(principal.project_id, widget_id)
    return answer(Message(message="Dashboard widget successfully deleted"))


def _dashboard_change(body: NewDashboard | DashboardUpdate) -> DashboardChange:
    return DashboardChange(
        name=body.name,
        description=body.description,
        placements=None if body.definition is None else rows.of_placements(body.definition.widgets),
        filters=None if body.filters is None else rows.of_filters(body.filters),
    )


routes: list[ControllerRouterHandler] = [
    Router(
        path="/",
        route_handlers=[
            list_dashboards,
            create_dashboard,
            get_dashboard,
            update_dashboard,
            delete_dashboard,
            add_placement,
            update_placement,
            delete_placement,
            list_widgets,
            create_widget,
            get_widget,
            update_widget,
            delete_widget,
        ],
        exception_handlers=STRUCTURED_HANDLERS,
    )
]
