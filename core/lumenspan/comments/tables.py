"""PostgreSQL table of comments."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Index, func
from sqlmodel import Field, SQLModel

# Declared first, so that the foreign keys below find their table.
from lumenspan.identity.tables import METADATA as METADATA

_INSTANT: Any = DateTime(timezone=True)


def _instant() -> Any:
    return Field(sa_type=_INSTANT, sa_column_kwargs={"server_default": func.now()}, nullable=False)


class CommentRow(SQLModel, table=True):
    """A comment; what it is about may be gone, and so may its author."""

    __tablename__ = "comments"
    __table_args__ = (
        Index("ix_comments_project_id_created_at", "project_id", "created_at"),
        Index("ix_comments_object_id", "object_id", postgresql_using="hash"),
    )

    id: str = Field(primary_key=True)
    project_id: str = Field(foreign_key="projects.id", ondelete="CASCADE")
    object_type: str
    object_id: str
    content: str
    author_user_id: str | None = Field(
        default=None, foreign_key="users.id", ondelete="SET NULL", index=True
    )
    created_at: datetime = _instant()
    updated_at: datetime = _instant()
