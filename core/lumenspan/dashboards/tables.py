"""PostgreSQL tables of dashboards and widgets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Index, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

# Declared first, so that the foreign keys below find their table.
from lumenspan.identity.tables import METADATA as METADATA

_INSTANT: Any = DateTime(timezone=True)


def _instant() -> Any:
    return Field(sa_type=_INSTANT, sa_column_kwargs={"server_default": func.now()}, nullable=False)


def _json() -> Any:
    return Field(sa_type=JSONB, nullable=False)


def _project() -> Any:
    return Field(foreign_key="projects.id", ondelete="CASCADE")


class DashboardRow(SQLModel, table=True):
    """A dashboard with its placements: ``[{type, id, contentId, x, y, width, height}]``."""

    __tablename__ = "dashboards"
    __table_args__ = (Index("ix_dashboards_project_id_updated_at", "project_id", "updated_at"),)

    id: str = Field(primary_key=True)
    project_id: str = _project()
    name: str
    description: str
    filters: Any = _json()
    created_at: datetime = _instant()
    updated_at: datetime = _instant()
    placements: Any = _json()


class WidgetRow(SQLModel, table=True):
    """A chart, placed or not."""

    __tablename__ = "dashboard_widgets"
    __table_args__ = (Index("ix_dashboard_widgets_project_id_updated_at", "project_id", "updated_at"),)

    id: str = Field(primary_key=True)
    project_id: str = _project()
    name: str
    description: str
    filters: Any = _json()
    created_at: datetime = _instant()
    updated_at: datetime = _instant()
    view: str
    dimensions: Any = _json()
    metrics: Any = _json()
    chart_type: str
    chart_config: Any = _json()
