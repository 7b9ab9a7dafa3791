"""What people who use the product say about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lumenspan.ids import ProjectId


class TargetType(StrEnum):
    """What kind of thing feedback is about."""

    SKILL = "skill"
    MCP_TOOL = "mcp-tool"
    CLI = "cli"
    DOCS = "docs"
    PUBLIC_API = "public-api"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Feedback:
    """One submission.

    Attributes:
        target: which of its kind, such as a name of a tool or a path.
        reference_url: kept as text; nobody calls it.
    """

    id: str
    project_id: ProjectId
    target_type: TargetType
    target: str
    feedback: str
    goal: str | None
    reference_url: str | None
    created_at: datetime
