"""Dashboards and widgets in PostgreSQL, each within one project. The caller owns the transaction."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import Any, TypeVar

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from lumenspan.dashboards.domain import (
    ChartConfig,
    ChartType,
    Dashboard,
    Placement,
    PlacementType,
    SortOrder,
    Widget,
    WidgetContent,
)
from lumenspan.dashboards.tables import DashboardRow, WidgetRow
from lumenspan.ids import ProjectId
from lumenspan.metrics.domain import Aggregation, Metric, ViewName
from lumenspan.storage import statements

_Row = TypeVar("_Row", DashboardRow, WidgetRow)


async def widget(
    session: AsyncSession, project_id: ProjectId, id_: str, *, is_locked: bool = False
) -> Widget | None:
    """One widget; locked, nobody places, changes or deletes it until the end of the transaction."""
    row = await _one(session, WidgetRow, project_id, id_, is_locked=is_locked)
    return None if row is None else _to_widget(row)


async def widgets(
    session: AsyncSession, project_id: ProjectId, offset: int, limit: int
) -> tuple[list[Widget], int]:
    """Widgets, the last changed first, and how many there are."""
    rows, total = await _page(session, WidgetRow, project_id, offset, limit)
    return [_to_widget(row) for row in rows], total


async def hold_widgets(
    session: AsyncSession, project_id: ProjectId, ids: Collection[str]
) -> frozenset[str]:
    """Which of these there are; they stay until the end of the transaction."""
    query = (
        select(WidgetRow)
        .where(col(WidgetRow.project_id) == project_id, col(WidgetRow.id).in_(sorted(ids)))
        .order_by(col(WidgetRow.id))
        .with_for_update(read=True)
    )
    return frozenset(row.id for row in (await session.execute(query)).scalars())


async def save_widget(session: AsyncSession, widget: Widget) -> None:
    """Add the widget or overwrite the one of its id."""
    content = widget.content
    config = {name: value for name, value in asdict(content.chart_config).items() if value is not None}
    config.pop("for_type", None)
    await session.merge(
        WidgetRow(
            id=widget.id,
            project_id=widget.project_id,
            name=content.name,
            description=content.description,
            filters=list(content.filters),
            created_at=widget.created_at,
            updated_at=widget.updated_at,
            view=content.view,
            dimensions=list(content.dimensions),
            metrics=[[each.measure, each.aggregation] for each in content.metrics],
            chart_type=content.chart_type,
            chart_config=config,
        )
    )


async def remove_widget(session: AsyncSession, project_id: ProjectId, id_: str) -> None:
    """Remove a widget."""
    row = WidgetRow
    await session.execute(delete(row).where(col(row.project_id) == project_id, col(row.id) == id_))


async def is_placed(session: AsyncSession, project_id: ProjectId, widget_id: str) -> bool:
    """Whether a widget stands on any dashboard."""
    placed = [{"type": PlacementType.WIDGET.value, "content_id": widget_id}]
    query = (
        select(col(DashboardRow.id))
        .where(
            col(DashboardRow.project_id) == project_id,
            col(DashboardRow.placements).contains(placed),
        )
        .limit(1)
    )
    return (await session.execute(query)).first() is not None


async def dashboard(
    session: AsyncSession, project_id: ProjectId, id_: str, *, is_locked: bool = False
) -> Dashboard | None:
    """One dashboard; locked, nobody else changes it until the end of the transaction."""
    row = await _one(session, DashboardRow, project_id, id_, is_locked=is_locked)
    return None if row is None else _to_dashboard(row)


async def dashboards(
    session: AsyncSession, project_id: ProjectId, offset: int, limit: int
) -> tuple[list[Dashboard], int]:
    """Dashboards, the last changed first, and how many there are."""
    rows, total = await _page(session, DashboardRow, project_id, offset, limit)
    return [_to_dashboard(row) for row in rows], total


async def save_dashboard(session: AsyncSession, dashboard: Dashboard) -> None:
    """Add the dashboard or overwrite the one of its id."""
    await session.merge(
        DashboardRow(
            id=dashboard.id,
            project_id=dashboard.project_id,
            name=dashboard.name,
            description=dashboard.description,
            filters=list(dashboard.filters),
            created_at=dashboard.created_at,
            updated_at=dashboard.updated_at,
            placements=[asdict(each) for each in dashboard.placements],
        )
    )


async def remove_dashboard(session: AsyncSession, project_id: ProjectId, id_: str) -> bool:
    """Remove a dashboard; its widgets stay. Whether there was one."""
    row = DashboardRow
    where = (col(row.project_id) == project_id, col(row.id) == id_)
    query = delete(row).where(*where).returning(col(row.id))
    return (await session.execute(query)).first() is not None


async def _one(
    session: AsyncSession, row: type[_Row], project_id: ProjectId, id_: str, *, is_locked: bool
) -> _Row | None:
    where = (col(row.project_id) == project_id, col(row.id) == id_)
    return await statements.one(session, row, *where, is_locked=is_locked)


async def _page(
    session: AsyncSession, row: type[_Row], project_id: ProjectId, offset: int, limit: int
) -> tuple[list[_Row], int]:
    where = (col(row.project_id) == project_id,)
    order = (col(row.updated_at).desc(), col(row.id).desc())
    return await statements.page(session, row, where, order, offset, limit)


def _to_widget(row: WidgetRow) -> Widget:
    config: dict[str, Any] = dict(row.chart_config)
    if "sort_order" in config:
        config["sort_order"] = SortOrder(config["sort_order"])
    return Widget(
        id=row.id,
        project_id=ProjectId(row.project_id),
        content=WidgetContent(
            name=row.name,
            description=row.description,
            view=ViewName(row.view),
            dimensions=tuple(row.dimensions),
            metrics=tuple(Metric(measure, Aggregation(how)) for measure, how in row.metrics),
            filters=tuple(row.filters),
            chart_type=ChartType(row.chart_type),
            chart_config=ChartConfig(**config),
        ),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _to_dashboard(row: DashboardRow) -> Dashboard:
    return Dashboard(
        id=row.id,
        project_id=ProjectId(row.project_id),
        name=row.name,
        description=row.description,
        placements=tuple(
            Placement(**{**each, "type": PlacementType(each["type"])}) for each in row.placements
        ),
        filters=tuple(row.filters),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
