"""PostgreSQL tables of datasets, every state of their items, runs and what these did."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Index, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

# Declared first, so that the foreign keys below find their table.
from lumenspan.identity.tables import METADATA as METADATA

_INSTANT: Any = DateTime(timezone=True)
_JSON: Any = JSONB(none_as_null=True)


def _instant() -> Any:
    return Field(sa_type=_INSTANT, sa_column_kwargs={"server_default": func.now()}, nullable=False)


def _json() -> Any:
    return Field(default=None, sa_type=_JSON, nullable=True)


def _project() -> Any:
    return Field(foreign_key="projects.id", ondelete="CASCADE")


class DatasetRow(SQLModel, table=True):
    """A dataset."""

    __tablename__ = "datasets"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    id: str = Field(primary_key=True)
    project_id: str = _project()
    name: str
    description: str | None = None
    details: Any = _json()
    input_schema: Any = _json()
    expected_output_schema: Any = _json()
    created_at: datetime = _instant()
    updated_at: datetime = _instant()


class DatasetItemRow(SQLModel, table=True):
    """What an item was in [``valid_from``, ``valid_to``); ``valid_to`` is NULL for what it is now."""

    __tablename__ = "dataset_items"
    __table_args__ = (
        Index("ix_dataset_items_dataset_id_valid_from", "dataset_id", "valid_from"),
        Index(
            "uq_dataset_items_project_id_id",
            "project_id",
            "id",
            unique=True,
            postgresql_where=text("valid_to IS NULL"),
        ),
    )

    project_id: str = Field(foreign_key="projects.id", ondelete="CASCADE", primary_key=True)
    id: str = Field(primary_key=True)
    valid_from: datetime = Field(sa_type=_INSTANT, primary_key=True)
    valid_to: datetime | None = Field(default=None, sa_type=_INSTANT, nullable=True)
    dataset_id: str = Field(foreign_key="datasets.id", ondelete="CASCADE")
    is_deleted: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    status: str
    input: Any = _json()
    expected_output: Any = _json()
    details: Any = _json()
    source_trace_id: str | None = None
    source_observation_id: str | None = None
    created_at: datetime = _instant()


class DatasetRunRow(SQLModel, table=True):
    """A run; its id follows from project, dataset and name."""

    __tablename__ = "dataset_runs"
    __table_args__ = (UniqueConstraint("dataset_id", "name"),)

    id: str = Field(primary_key=True)
    project_id: str = _project()
    dataset_id: str = Field(foreign_key="datasets.id", ondelete="CASCADE")
    name: str
    description: str | None = None
    details: Any = _json()
    created_at: datetime = _instant()
    updated_at: datetime = _instant()


class DatasetRunItemRow(SQLModel, table=True):
    """What a run did with an item; traces and items may be gone."""

    __tablename__ = "dataset_run_items"
    __table_args__ = (
        Index("ix_dataset_run_items_run_id_created_at", "run_id", "created_at"),
        Index("ix_dataset_run_items_project_id_created_at", "project_id", "created_at"),
    )

    id: str = Field(primary_key=True)
    project_id: str = _project()
    run_id: str = Field(foreign_key="dataset_runs.id", ondelete="CASCADE")
    item_id: str
    trace_id: str
    observation_id: str | None = None
    created_at: datetime = _instant()
    updated_at: datetime = _instant()
