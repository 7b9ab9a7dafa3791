"""Tools of alerts: a project has none here, which clients that look for them are told."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from lumenspan.errors import NotFound
from lumenspan_server.mcp.conditions import Filter, conditions_of
from lumenspan_server.mcp.tools import Arguments, Call, Paged, Tool, page_of, tool

TOOLS: list[Tool] = []


class AlertOrder(Arguments):
    """What they are ordered by."""

    column: str
    order: Literal["ASC", "DESC"]


class ListAlerts(Paged):
    """Which alerts."""

    filter: Filter | None = None
    order_by: AlertOrder | None = None


class AlertById(Arguments):
    """Which alert."""

    monitor_id: Annotated[str, Meta(min_length=1)]


@tool(TOOLS, "listAlerts", "Alerts of the project; this server has none", is_read_only=True)
async def list_alerts(call: Call, given: ListAlerts) -> Any:
    conditions_of(given.filter)
    return page_of([], given, 0)


@tool(TOOLS, "getAlert", "One alert; this server has none", is_read_only=True)
async def get_alert(call: Call, given: AlertById) -> Any:
    raise NotFound("Alert not found")
