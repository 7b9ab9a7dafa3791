"""PostgreSQL table of exports into stores of projects."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

# Declared first, so that the foreign keys below find their table.
from lumenspan.identity.tables import METADATA as METADATA

_INSTANT: Any = DateTime(timezone=True)


def _instant() -> Any:
    return Field(sa_type=_INSTANT, sa_column_kwargs={"server_default": func.now()}, nullable=False)


def _optional_instant() -> Any:
    return Field(default=None, sa_type=_INSTANT, nullable=True)


class BlobIntegrationRow(SQLModel, table=True):
    """One a project. ``sealed_secret_access_key`` is as ``SecretBox`` seals it."""

    __tablename__ = "blob_integrations"

    project_id: str = Field(foreign_key="projects.id", ondelete="CASCADE", primary_key=True)
    type: str
    bucket_name: str
    endpoint: str | None = None
    region: str
    access_key_id: str | None = None
    sealed_secret_access_key: str | None = None
    prefix: str
    export_frequency: str
    is_enabled: bool
    force_path_style: bool
    file_type: str
    export_mode: str
    export_start_date: datetime | None = _optional_instant()
    is_compressed: bool
    export_source: str
    export_field_groups: list[str] = Field(sa_type=JSONB, nullable=False)
    next_sync_at: datetime | None = _optional_instant()
    last_sync_at: datetime | None = _optional_instant()
    last_error: str | None = None
    last_error_at: datetime | None = _optional_instant()
    created_at: datetime = _instant()
    updated_at: datetime = _instant()
