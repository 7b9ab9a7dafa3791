"""Dashboards and widgets of a project: made, changed, arranged and deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from lumenspan.clock import utc_now
from lumenspan.dashboards import repository
from lumenspan.dashboards.domain import (
    DEFAULT_SIZE,
    PRESETS,
    ChartConfig,
    Dashboard,
    DashboardChange,
    NewPlacement,
    Placement,
    PlacementChange,
    PlacementType,
    Widget,
    WidgetChange,
    WidgetContent,
)
from lumenspan.dashboards.rules import check_filters, check_name, check_placements, check_widget, invalid
from lumenspan.errors import Conflict, NotFound
from lumenspan.ids import ProjectId, new_id
from lumenspan.metrics.domain import ViewName
from lumenspan.storage.postgres import Postgres

_NO_DASHBOARD, _NO_WIDGET = "Dashboard not found", "Dashboard widget not found"
_NO_PLACEMENT, _NO_PRESET = "Dashboard placement not found", "Dashboard preset not found"
_T = TypeVar("_T")
_NOTHING = "Request body cannot be empty. At least one field must be provided."


class DashboardService:
    """Everything about dashboards; the caller has checked that the project may be used."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def create_widget(self, project_id: ProjectId, content: WidgetContent) -> Widget:
        """A new widget, placed nowhere yet.

        Raises:
            InvalidInput: it names what its view has not, or more than its chart can show.
        """
        now = utc_now()
        content = replace(content, name=check_name(content.name))
        _check_is_current(content.view)
        check_widget(content)
        widget = Widget(new_id(), project_id, content, now, now)
        async with self._postgres.session() as session:
            await repository.save_widget(session, widget)
        return widget

    async def widgets(self, project_id: ProjectId, page: int, limit: int) -> tuple[list[Widget], int]:
        """Page ``page`` (from 1), the last changed first, and how many there are."""
        async with self._postgres.session() as session:
            return await repository.widgets(session, project_id, (page - 1) * limit, limit)

    async def widget(self, project_id: ProjectId, id_: str) -> Widget:
        """NotFound where the project has no such widget."""
        async with self._postgres.session() as session:
            return _found(await repository.widget(session, project_id, id_), _NO_WIDGET)

    async def update_widget(self, project_id: ProjectId, id_: str, change: WidgetChange) -> Widget:
        """The changed widget, wherever it is placed.

        Raises:
            InvalidInput: nothing to change, or the outcome cannot be drawn.
            NotFound: there is none.
        """
        given = _given(change)
        if change.view is not None:
            _check_is_current(change.view)
        if change.name is not None:
            given["name"] = check_name(change.name)
        async with self._postgres.session() as session:
            known = _found(await repository.widget(session, project_id, id_, is_locked=True), _NO_WIDGET)
            if change.chart_type not in (None, known.content.chart_type) and change.chart_config is None:
                given["chart_config"] = ChartConfig()
            content = replace(known.content, **given)
            check_widget(content)
            changed = replace(known, content=content, updated_at=utc_now())
            await repository.save_widget(session, changed)
        return changed

    async def delete_widget(self, project_id: ProjectId, id_: str) -> None:
        """Delete a widget.

        Raises:
            NotFound: there is none.
            Conflict: it is placed on a dashboard.
        """
        async with self._postgres.session() as session:
            _found(await repository.widget(session, project_id, id_, is_locked=True), _NO_WIDGET)
            if await repository.is_placed(session, project_id, id_):
                raise Conflict("The widget is placed on a dashboard: remove its placements first")
            await repository.remove_widget(session, project_id, id_)

    async def create(self, project_id: ProjectId, given: DashboardChange) -> Dashboard:
        """A new dashboard; it needs a name.

        Raises:
            InvalidInput: a name, filter or placement cannot be one.
            NotFound: a placement shows what there is not.
        """
        now = utc_now()
        dashboard = Dashboard(
            id=new_id(),
            project_id=project_id,
            name=check_name(given.name or ""),
            description=given.description or "",
            placements=given.placements or (),
            filters=given.filters or (),
            created_at=now,
            updated_at=now,
        )
        check_filters(dashboard.filters)
        async with self._postgres.session() as session:
            await self._check_placements(session, project_id, dashboard.placements)
            await repository.save_dashboard(session, dashboard)
        return dashboard

    async def page(self, project_id: ProjectId, page: int, limit: int) -> tuple[list[Dashboard], int]:
        """Page ``page`` (from 1), the last changed first, and how many there are."""
        async with self._postgres.session() as session:
            return await repository.dashboards(session, project_id, (page - 1) * limit, limit)

    async def get(self, project_id: ProjectId, id_: str) -> Dashboard:
        """NotFound where the project has no such dashboard."""
        async with self._postgres.session() as session:
            return _found(await repository.dashboard(session, project_id, id_), _NO_DASHBOARD)

    async def update(self, project_id: ProjectId, id_: str, change: DashboardChange) -> Dashboard:
        """The changed dashboard; placements and filters are replaced as a whole.

        Raises:
            InvalidInput: nothing to change, or a part cannot be one.
            NotFound: there is none, or a placement shows what there is not.
        """
        given = _given(change)
        if change.name is not None:
            given["name"] = check_name(change.name)
        check_filters(change.filters or ())
        async with self._postgres.session() as session:
            known = await self._locked(session, project_id, id_)
            await self._check_placements(session, project_id, change.placements or ())
            return await self._save(session, replace(known, **given))

    async def delete(self, project_id: ProjectId, id_: str) -> None:
        """Delete a dashboard; its widgets stay. NotFound where there is none."""
        async with self._postgres.session() as session:
            if not await repository.remove_dashboard(session, project_id, id_):
                raise NotFound(_NO_DASHBOARD)

    async def place(self, project_id: ProjectId, dashboard_id: str, given: NewPlacement) -> Placement:
        """Add a tile.

        Raises:
            NotFound: there is no such dashboard, widget or preset.
            Conflict: a tile of that id is there.
        """
        async with self._postgres.session() as session:
            known = await self._locked(session, project_id, dashboard_id)
            if any(each.id == given.id for each in known.placements):
                raise Conflict(f"The dashboard has a placement with the id {given.id} already")
            placement = _placed(given, known.placements)
            placements = (*known.placements, placement)
            await self._check_placements(session, project_id, placements, only=(placement,))
            await self._save(session, replace(known, placements=placements))
        return placement

    async def move(
        self, project_id: ProjectId, dashboard_id: str, placement_id: str, change: PlacementChange
    ) -> Placement:
        """Move or resize a tile.

        Raises:
            InvalidInput: nothing to change.
            NotFound: there is no such dashboard or tile.
        """
        given = _given(change)
        async with self._postgres.session() as session:
            known = await self._locked(session, project_id, dashboard_id)
            moved = replace(_of_id(known, placement_id), **given)
            placements = tuple(moved if each.id == placement_id else each for each in known.placements)
            await self._save(session, replace(known, placements=placements))
        return moved

    async def remove_placement(self, project_id: ProjectId, dashboard_id: str, placement_id: str) -> None:
        """Take a tile away; its widget stays. NotFound where there is no such dashboard or tile."""
        async with self._postgres.session() as session:
            known = await self._locked(session, project_id, dashboard_id)
            gone = _of_id(known, placement_id)
            kept = tuple(each for each in known.placements if each is not gone)
            await self._save(session, replace(known, placements=kept))

    async def _locked(self, session: AsyncSession, project_id: ProjectId, id_: str) -> Dashboard:
        found = await repository.dashboard(session, project_id, id_, is_locked=True)
        return _found(found, _NO_DASHBOARD)

    async def _save(self, session: AsyncSession, dashboard: Dashboard) -> Dashboard:
        saved = replace(dashboard, updated_at=utc_now())
        await repository.save_dashboard(session, saved)
        return saved

    async def _check_placements(
        self,
        session: AsyncSession,
        project_id: ProjectId,
        placements: Sequence[Placement],
        only: Sequence[Placement] | None = None,
    ) -> None:
        """They fit together, and what they (or ``only`` some) show is there and stays until the commit."""
        check_placements(placements)
        new = placements if only is None else only
        for each in new:
            if each.type is PlacementType.PRESET and each.content_id not in PRESETS:
                raise NotFound(_NO_PRESET, details={"field": "presetId", "allowedValues": list(PRESETS)})
        ids = {each.content_id for each in new if each.type is PlacementType.WIDGET}
        if ids - await repository.hold_widgets(session, project_id, ids):
            raise NotFound(_NO_WIDGET)


def _check_is_current(view: ViewName) -> None:
    if view is ViewName.TRACES:
        raise invalid("The traces view is no longer for new widgets", "view")


def _given(change: WidgetChange | DashboardChange | PlacementChange) -> dict[str, Any]:
    """What is to be changed; InvalidInput where that is nothing."""
    names = type(change).__dataclass_fields__
    given = {name: value for name in names if (value := getattr(change, name)) is not None}
    if not given:
        raise invalid(_NOTHING, "body")
    return given


def _found(found: _T | None, message: str) -> _T:
    if found is None:
        raise NotFound(message)
    return found


def _of_id(dashboard: Dashboard, placement_id: str) -> Placement:
    found = next((each for each in dashboard.placements if each.id == placement_id), None)
    return _found(found, _NO_PLACEMENT)


def _placed(given: NewPlacement, others: Sequence[Placement]) -> Placement:
    below = max((each.y + each.height for each in others), default=0)
    return Placement(
        type=given.type,
        id=given.id or new_id(),
        content_id=given.content_id,
        x=0 if given.x is None else given.x,
        y=below if given.y is None else given.y,
        width=given.width or DEFAULT_SIZE,
        height=given.height or DEFAULT_SIZE,
    )
