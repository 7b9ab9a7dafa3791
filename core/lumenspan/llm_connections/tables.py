"""PostgreSQL table of connections to providers of language models."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

# Declared first, so that the foreign keys below find their table.
from lumenspan.identity.tables import METADATA as METADATA

_INSTANT: Any = DateTime(timezone=True)


def _instant() -> Any:
    return Field(sa_type=_INSTANT, sa_column_kwargs={"server_default": func.now()}, nullable=False)


class LlmConnectionRow(SQLModel, table=True):
    """``sealed_*`` hold secrets as ``SecretBox`` seals them; the headers are a JSON object within."""

    __tablename__ = "llm_connections"
    __table_args__ = (UniqueConstraint("project_id", "provider"),)

    id: str = Field(primary_key=True)
    project_id: str = Field(foreign_key="projects.id", ondelete="CASCADE")
    provider: str
    adapter: str
    sealed_secret_key: str
    display_secret_key: str
    base_url: str | None = None
    custom_models: list[str] = Field(sa_type=JSONB, nullable=False)
    with_default_models: bool = Field(default=True, sa_column_kwargs={"server_default": text("true")})
    sealed_extra_headers: str | None = None
    extra_header_keys: list[str] = Field(sa_type=JSONB, nullable=False)
    config: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    created_at: datetime = _instant()
    updated_at: datetime = _instant()
