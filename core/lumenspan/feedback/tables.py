"""PostgreSQL table of feedback."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Index, func
from sqlmodel import Field, SQLModel

# Declared first, so that the foreign keys below find their table.
from lumenspan.identity.tables import METADATA as METADATA

_INSTANT: Any = DateTime(timezone=True)


class FeedbackRow(SQLModel, table=True):
    """Feedback that was sent with a key of the project."""

    __tablename__ = "feedback"
    __table_args__ = (Index("ix_feedback_project_id_created_at", "project_id", "created_at"),)

    id: str = Field(primary_key=True)
    project_id: str = Field(foreign_key="projects.id", ondelete="CASCADE")
    target_type: str
    target: str
    feedback: str
    goal: str | None = None
    reference_url: str | None = None
    created_at: datetime = Field(
        sa_type=_INSTANT, sa_column_kwargs={"server_default": func.now()}, nullable=False
    )
