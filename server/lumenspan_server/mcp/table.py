"""Every tool of the MCP server; a group of tools is a module with its own ``TOOLS``."""

from lumenspan_server.mcp import (
    alerts,
    annotation,
    comments,
    dashboard_widgets,
    dashboards,
    datasets,
    evaluation_rules,
    evaluators,
    experiments,
    feedback,
    health,
    media,
    metrics,
    models,
    observations,
    prompts,
    scores,
)
from lumenspan_server.mcp.tools import Tool

_GROUPS = (
    prompts,
    observations,
    scores,
    datasets,
    experiments,
    annotation,
    comments,
    media,
    metrics,
    models,
    evaluators,
    evaluation_rules,
    dashboards,
    dashboard_widgets,
    alerts,
    feedback,
    health,
)
TOOLS: tuple[Tool, ...] = tuple(tool for group in _GROUPS for tool in group.TOOLS)
