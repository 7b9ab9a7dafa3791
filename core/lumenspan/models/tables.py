"""PostgreSQL tables of model definitions and of the runs that price history again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

# Declared first, so that the foreign keys below find their table.
from lumenspan.identity.tables import METADATA as METADATA

_INSTANT: Any = DateTime(timezone=True)


def _created_at() -> Any:
    return Field(sa_type=_INSTANT, sa_column_kwargs={"server_default": func.now()}, nullable=False)


def _optional_instant() -> Any:
    return Field(default=None, sa_type=_INSTANT, nullable=True)


class ModelRow(SQLModel, table=True):
    """One revision of a project's definition. No revision is changed or deleted while its project exists.

    ``tiers`` holds prices as decimal text; ``replaced_at`` is set where a later revision or a deletion
    followed.
    """

    __tablename__ = "models"
    __table_args__ = (
        Index(
            "uq_models_project_id_name",
            "project_id",
            "name",
            unique=True,
            postgresql_where=text("replaced_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True)
    revision: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    project_id: str = Field(foreign_key="projects.id", ondelete="CASCADE")
    name: str
    match_pattern: str
    start_date: datetime | None = _optional_instant()
    unit: str
    tokenizer: str | None = None
    tokenizer_config: dict[str, Any] | None = Field(
        default=None, sa_type=JSONB(none_as_null=True), nullable=True
    )
    tiers: list[dict[str, Any]] = Field(sa_type=JSONB, nullable=False)
    created_at: datetime = _created_at()
    updated_at: datetime = _created_at()
    replaced_at: datetime | None = _optional_instant()


class RepricingRow(SQLModel, table=True):
    """A run over a project's history; ``position_at`` is the start time up to which it is done."""

    __tablename__ = "repricings"
    __table_args__ = (Index("ix_repricings_project_id_created_at", "project_id", "created_at"),)

    id: str = Field(primary_key=True)
    project_id: str = Field(foreign_key="projects.id", ondelete="CASCADE")
    from_at: datetime = Field(sa_type=_INSTANT, nullable=False)
    to_at: datetime = Field(sa_type=_INSTANT, nullable=False)
    position_at: datetime = Field(sa_type=_INSTANT, nullable=False)
    state: str
    seen: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    changed: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    created_at: datetime = _created_at()
    updated_at: datetime = _created_at()
