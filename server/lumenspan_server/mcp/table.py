"""Every tool of the MCP server; a group of tools is a module with its own ``TOOLS``."""

from lumenspan_server.mcp import (
    annotation,
    comments,
    datasets,
    health,
    media,
    metrics,
    models,
    observations,
    prompts,
    scores,
)
from lumenspan_server.mcp.tools import Tool

_GROUPS = (prompts, observations, scores, datasets, annotation, comments, media, metrics, models, health)
TOOLS: tuple[Tool, ...] = tuple(tool for group in _GROUPS for tool in group.TOOLS)
