"""PostgreSQL tables of annotation queues, their items and who works on them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Index, String, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

# Declared first, so that the foreign keys below find their table.
from lumenspan.identity.tables import METADATA as METADATA

_INSTANT: Any = DateTime(timezone=True)


def _instant() -> Any:
    return Field(sa_type=_INSTANT, sa_column_kwargs={"server_default": func.now()}, nullable=False)


def _reference(column: str, *, is_key: bool = False) -> Any:
    return Field(foreign_key=column, ondelete="CASCADE", primary_key=is_key)


class AnnotationQueueRow(SQLModel, table=True):
    """A queue."""

    __tablename__ = "annotation_queues"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    id: str = Field(primary_key=True)
    project_id: str = _reference("projects.id")
    name: str
    description: str | None = None
    score_config_ids: list[str] = Field(sa_type=ARRAY(String), nullable=False)
    created_at: datetime = _instant()
    updated_at: datetime = _instant()


class AnnotationQueueItemRow(SQLModel, table=True):
    """An item; what it is about may be gone."""

    __tablename__ = "annotation_queue_items"
    __table_args__ = (
        Index("ix_annotation_queue_items_queue_id_created_at", "queue_id", "created_at"),
        Index("ix_annotation_queue_items_object_id", "object_id", postgresql_using="hash"),
    )

    id: str = Field(primary_key=True)
    project_id: str = _reference("projects.id")
    queue_id: str = _reference("annotation_queues.id")
    object_id: str
    object_type: str
    status: str
    completed_at: datetime | None = Field(default=None, sa_type=_INSTANT, nullable=True)
    created_at: datetime = _instant()
    updated_at: datetime = _instant()


class AnnotationQueueAssignmentRow(SQLModel, table=True):
    """A person is to work on a queue."""

    __tablename__ = "annotation_queue_assignments"

    queue_id: str = _reference("annotation_queues.id", is_key=True)
    user_id: str = Field(foreign_key="users.id", ondelete="CASCADE", primary_key=True, index=True)
    project_id: str = _reference("projects.id")
    created_at: datetime = _instant()
