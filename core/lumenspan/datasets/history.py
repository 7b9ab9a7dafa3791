"""Runs of a whole project by time, and what they did with which items: lists of experiments need them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, String, all_, and_, any_, func, literal, or_, select
from sqlalchemy.sql.expression import SQLColumnExpression
from sqlmodel import col

from lumenspan.clock import datetime_to_nanos, nanos_to_datetime
from lumenspan.datasets.domain import RunItem
from lumenspan.datasets.tables import DatasetItemRow, DatasetRunItemRow, DatasetRunRow
from lumenspan.errors import InvalidInput
from lumenspan.filters import Condition
from lumenspan.ids import ProjectId
from lumenspan.storage.postgres import Postgres


def _texts(values: Iterable[str]) -> Any:
    """One parameter, however many texts: a list of parameters has a limit."""
    return literal(list(values), ARRAY(String))


_Item, _Run = DatasetRunItemRow, DatasetRunRow
_TextColumn = SQLColumnExpression[str]
# The columns that conditions may name.
_COLUMNS: Mapping[str, _TextColumn] = {
    "runId": col(_Run.id),
    "runName": col(_Run.name),
    "datasetId": col(_Run.dataset_id),
    "itemId": col(_Item.item_id),
}
_Test = Callable[[_TextColumn, Any], ColumnElement[bool]]
_TESTS: Mapping[str, _Test] = {
    "=": lambda column, value: column == value,
    "contains": lambda column, value: func.strpos(column, value) > 0,
    "does not contain": lambda column, value: func.strpos(column, value) == 0,
    "starts with": lambda column, value: func.starts_with(column, value),
    "ends with": lambda column, value: func.right(column, len(value)) == value,
    "any of": lambda column, value: column == any_(_texts(value)),
    "none of": lambda column, value: column != all_(_texts(value)),
    # None of these columns is ever empty.
    "is null": lambda column, _: column.is_(None),
    "is not null": lambda column, _: column.is_not(None),
}


@dataclass(frozen=True, slots=True)
class RunSearch:
    """Run items of a range of time.

    Attributes:
        from_ns, to_ns: when they were made, the end exclusive; nanoseconds since the epoch.
        conditions: on ``runId``, ``runName``, ``datasetId`` and ``itemId``; string conditions.
        without: runs to leave out.
        after: the time in nanoseconds and id (of the run, or run item) behind which to go on.
    """

    from_ns: int
    to_ns: int | None
    conditions: tuple[Condition, ...]
    without: Sequence[str]
    limit: int
    after: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class RunActivity:
    """A run and what it did within a range; times in nanoseconds since the epoch."""

    id: str
    name: str
    description: str | None
    metadata: Any
    dataset_id: str
    first_ns: int
    last_ns: int
    item_count: int


@dataclass(frozen=True, slots=True)
class RunItemActivity:
    """A run item with its run and the content that the item had then; ``version_ns`` None if it is gone."""

    item: RunItem
    description: str | None
    metadata: Any
    dataset_id: str
    expected_output: Any = None
    item_metadata: Any = None
    version_ns: int | None = None


class RunHistory:
    """Reads runs over all datasets of a project."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def runs(self, project_id: ProjectId, search: RunSearch) -> list[RunActivity]:
        """Runs by their newest item within the range, newest first."""
        first, last = func.min(col(_Item.created_at)), func.max(col(_Item.created_at))
        query: Any = (
            select(_Run, first, last, func.count())
            .select_from(_Item)
            .join(_Run, col(_Run.id) == col(_Item.run_id))
            .where(*_within(project_id, search))
            .group_by(col(_Run.id))
            .order_by(last.desc(), _by_code(col(_Run.id)).desc())
            .limit(search.limit)
        )
        if search.after is not None:
            query = query.having(_before(last, col(_Run.id), search.after))
        async with self._postgres.session() as session:
            found = (await session.execute(query)).all()
        return [
            RunActivity(
                run.id,
                run.name,
                run.description,
                run.details,
                run.dataset_id,
                datetime_to_nanos(began),
                datetime_to_nanos(ended),
                count,
            )
            for run, began, ended, count in found
        ]

    async def items(self, project_id: ProjectId, search: RunSearch) -> list[RunItemActivity]:
        """Run items, newest first."""
        created, id_ = col(_Item.created_at), col(_Item.id)
        query: Any = (
            select(_Item, _Run)
            .join(_Run, col(_Run.id) == col(_Item.run_id))
            .where(*_within(project_id, search))
            .order_by(created.desc(), _by_code(id_).desc())
            .limit(search.limit)
        )
        if search.after is not None:
            query = query.where(_before(created, id_, search.after))
        async with self._postgres.session() as session:
            found = (await session.execute(query)).all()
            versions = await self._versions(session, project_id, {item.item_id for item, _ in found})
        return [_activity(item, run, versions.get(item.item_id, [])) for item, run in found]

    async def _versions(
        self, session: Any, project_id: ProjectId, item_ids: Iterable[str]
    ) -> dict[str, list[DatasetItemRow]]:
        """Every state of these items, oldest first."""
        row = DatasetItemRow
        query = (
            select(row)
            .where(
                col(row.project_id) == project_id,
                col(row.id).in_(list(item_ids)),
                col(row.is_deleted).is_(False),
            )
            .order_by(col(row.valid_from))
        )
        versions: dict[str, list[DatasetItemRow]] = {}
        for each in (await session.execute(query)).scalars():
            versions.setdefault(each.id, []).append(each)
        return versions


def _activity(
    item: DatasetRunItemRow, run: DatasetRunRow, versions: list[DatasetItemRow]
) -> RunItemActivity:
    # An item that was made later than its run item says: its first state.
    used = next((each for each in reversed(versions) if each.valid_from <= item.created_at), None)
    used = used or (versions[0] if versions else None)
    made = RunItem(
        item.id,
        item.run_id,
        run.name,
        item.item_id,
        item.trace_id,
        item.observation_id,
        item.created_at,
        item.updated_at,
    )
    found = RunItemActivity(made, run.description, run.details, run.dataset_id)
    if used is None:
        return found
    return RunItemActivity(
        made,
        run.description,
        run.details,
        run.dataset_id,
        used.expected_output,
        used.details,
        datetime_to_nanos(used.valid_from),
    )


def _within(project_id: ProjectId, search: RunSearch) -> list[ColumnElement[bool]]:
    created = col(_Item.created_at)
    found = [
        col(_Item.project_id) == project_id,
        col(_Run.project_id) == project_id,
        created >= _ceiling(search.from_ns),
    ]
    if search.to_ns is not None:
        found.append(created < _ceiling(search.to_ns))
    if search.without:
        found.append(col(_Run.id) != all_(_texts(search.without)))
    return found + [_condition(each) for each in search.conditions]


def _condition(condition: Condition) -> ColumnElement[bool]:
    column = _COLUMNS.get(condition.column)
    if column is None or condition.operator not in _TESTS:
        raise InvalidInput(f"Invalid filter column {condition.column}")
    return _TESTS[condition.operator](column, condition.value)


def _before(
    time: SQLColumnExpression[Any], id_: _TextColumn, after: tuple[int, str]
) -> ColumnElement[bool]:
    """Times have microseconds here, positions may have nanoseconds."""
    nanos, last_id = after
    earlier: ColumnElement[bool] = time < _ceiling(nanos)
    if nanos % 1_000:
        return earlier
    return or_(earlier, and_(time == nanos_to_datetime(nanos), _by_code(id_) < last_id))


def _ceiling(nanos: int) -> datetime:
    return nanos_to_datetime(nanos) + timedelta(microseconds=1 if nanos % 1_000 else 0)


def _by_code(text: _TextColumn) -> ColumnElement[str]:
    """Compared by code points, as everywhere else, and not by the rules of a language."""
    return text.collate("C")
