"""PostgreSQL tables of prompts: versions, and what they refer to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Index, String, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

# Declared first, so that the foreign keys below find their table.
from lumenspan.identity.tables import METADATA as METADATA

_INSTANT: Any = DateTime(timezone=True)


def _instant() -> Any:
    return Field(sa_type=_INSTANT, sa_column_kwargs={"server_default": func.now()}, nullable=False)


class PromptRow(SQLModel, table=True):
    """One version. A label is on one version of a name at most; tags are alike on all versions."""

    __tablename__ = "prompts"
    __table_args__ = (UniqueConstraint("project_id", "name", "version"),)

    id: str = Field(primary_key=True)
    project_id: str = Field(foreign_key="projects.id", ondelete="CASCADE")
    name: str
    version: int
    type: str
    prompt: Any = Field(sa_type=JSONB, nullable=False)
    config: Any = Field(sa_type=JSONB, nullable=False)
    labels: list[str] = Field(sa_type=ARRAY(String), nullable=False)
    tags: list[str] = Field(sa_type=ARRAY(String), nullable=False)
    commit_message: str | None = None
    created_by: str
    created_at: datetime = _instant()
    updated_at: datetime = _instant()


class PromptReferenceRow(SQLModel, table=True):
    """A version refers to another prompt, by version or by label."""

    __tablename__ = "prompt_references"
    __table_args__ = (Index("ix_prompt_references_project_id_name", "project_id", "name"),)

    prompt_id: str = Field(foreign_key="prompts.id", ondelete="CASCADE", primary_key=True)
    tag: str = Field(primary_key=True)
    project_id: str
    name: str
    version: int | None = None
    label: str | None = None
