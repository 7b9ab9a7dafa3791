"""PostgreSQL tables of scores."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from lumenspan.clock import utc_now

_INSTANT: Any = DateTime(timezone=True)


def _now() -> Any:
    return Field(
        default_factory=utc_now,
        sa_type=_INSTANT,
        sa_column_kwargs={"server_default": func.now()},
        nullable=False,
    )


class ScoreConfigRow(SQLModel, table=True):
    """``categories``: ``[{"label", "value"}]``, null where the type has none."""

    __tablename__ = "score_configs"
    __table_args__ = (Index("ix_score_configs_project_id_created_at", "project_id", "created_at"),)

    id: str = Field(primary_key=True)
    project_id: str = Field(foreign_key="projects.id", ondelete="CASCADE")
    name: str
    data_type: str
    is_archived: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    min_value: float | None = None
    max_value: float | None = None
    categories: list[dict[str, Any]] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    description: str | None = None
    created_at: datetime = _now()
    updated_at: datetime = _now()
