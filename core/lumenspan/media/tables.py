"""PostgreSQL tables of media: the files of a project and the places that refer to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, ForeignKeyConstraint, Index, func
from sqlmodel import Field, SQLModel

from lumenspan.clock import utc_now

_INSTANT: Any = DateTime(timezone=True)


def _made_at() -> Any:
    return Field(
        default_factory=utc_now,
        sa_type=_INSTANT,
        sa_column_kwargs={"server_default": func.now()},
        nullable=False,
    )


def _project_key() -> Any:
    return Field(foreign_key="projects.id", ondelete="CASCADE", primary_key=True)


def _of_media() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["project_id", "media_id"], ["media.project_id", "media.id"], ondelete="CASCADE"
    )


class MediaRow(SQLModel, table=True):
    """A file, once a project; it can be read when ``upload_http_status`` is 200 or 201.

    ``pending_content_type`` is set while a file that is there already is uploaded as another type.
    """

    __tablename__ = "media"

    project_id: str = _project_key()
    id: str = Field(primary_key=True)
    sha256: str
    content_type: str
    pending_content_type: str | None = None
    content_length: int = Field(sa_type=BigInteger)
    bucket: str
    object_key: str
    uploaded_at: datetime | None = Field(default=None, sa_type=_INSTANT, nullable=True)
    upload_http_status: int | None = None
    upload_http_error: str | None = None
    upload_time_ms: int | None = Field(default=None, sa_type=BigInteger)
    created_at: datetime = _made_at()
    updated_at: datetime = _made_at()

    @property
    def is_uploaded(self) -> bool:
        return self.upload_http_status in (200, 201)


class TraceMediaRow(SQLModel, table=True):
    """``observation_id`` is empty where the trace itself refers to the file."""

    __tablename__ = "trace_media"
    __table_args__ = (
        _of_media(),
        Index("ix_trace_media_project_id_media_id", "project_id", "media_id"),
    )

    project_id: str = Field(primary_key=True)
    trace_id: str = Field(primary_key=True)
    observation_id: str = Field(primary_key=True)
    field: str = Field(primary_key=True)
    media_id: str = Field(primary_key=True)
    created_at: datetime = _made_at()


class DatasetItemMediaRow(SQLModel, table=True):
    """The item need not exist yet."""

    __tablename__ = "dataset_item_media"
    __table_args__ = (
        _of_media(),
        Index("ix_dataset_item_media_project_id_media_id", "project_id", "media_id"),
    )

    project_id: str = Field(primary_key=True)
    dataset_id: str = Field(primary_key=True)
    dataset_item_id: str = Field(primary_key=True)
    field: str = Field(primary_key=True)
    media_id: str = Field(primary_key=True)
    created_at: datetime = _made_at()
