"""PostgreSQL tables of skills: names with tags, versions, their files, and texts stored once a project."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Index, LargeBinary, String, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

# Declared first, so that the foreign keys below find their table.
from lumenspan.identity.tables import METADATA as METADATA

_INSTANT: Any = DateTime(timezone=True)


def _instant() -> Any:
    return Field(sa_type=_INSTANT, sa_column_kwargs={"server_default": func.now()}, nullable=False)


def _project() -> Any:
    return Field(foreign_key="projects.id", ondelete="CASCADE")


class SkillRow(SQLModel, table=True):
    """A name with the tags of all its versions; ``last_version`` is the highest number there ever was."""

    __tablename__ = "skills"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    id: str = Field(primary_key=True)
    project_id: str = _project()
    name: str
    tags: list[str] = Field(sa_type=ARRAY(String), nullable=False)
    last_version: int


class SkillVersionRow(SQLModel, table=True):
    """One version; a label is on one version of a name at most, ``latest`` is not stored."""

    __tablename__ = "skill_versions"
    __table_args__ = (UniqueConstraint("skill_id", "version"),)

    id: str = Field(primary_key=True)
    project_id: str = _project()
    skill_id: str = Field(foreign_key="skills.id", ondelete="CASCADE")
    version: int
    description: str
    frontmatter: Any = Field(sa_type=JSONB, nullable=False)
    labels: list[str] = Field(sa_type=ARRAY(String), nullable=False)
    commit_message: str | None = None
    created_by: str
    created_at: datetime = _instant()
    updated_at: datetime = _instant()


class SkillBlobRow(SQLModel, table=True):
    """A text in UTF-8, by its hash; bytes, since a text may hold a NUL."""

    __tablename__ = "skill_blobs"
    __table_args__ = (UniqueConstraint("project_id", "sha256"),)

    id: str = Field(primary_key=True)
    project_id: str = _project()
    sha256: str
    content: bytes = Field(sa_type=LargeBinary, nullable=False)
    content_length: int


class SkillFileRow(SQLModel, table=True):
    """A file of a version, in the order in which files were given."""

    __tablename__ = "skill_files"
    __table_args__ = (
        UniqueConstraint("version_id", "path"),
        Index("ix_skill_files_blob_id", "blob_id"),
    )

    id: str = Field(primary_key=True)
    project_id: str = _project()
    version_id: str = Field(foreign_key="skill_versions.id", ondelete="CASCADE")
    position: int
    path: str
    blob_id: str = Field(foreign_key="skill_blobs.id")
