"""Datasets in PostgreSQL, each within one project. The caller owns the transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from lumenspan.datasets.domain import Dataset, Item, ItemStatus, Run, RunItem
from lumenspan.datasets.tables import DatasetItemRow, DatasetRow, DatasetRunItemRow, DatasetRunRow
from lumenspan.ids import ProjectId
from lumenspan.storage import statements


async def lock(session: AsyncSession, project_id: ProjectId) -> None:
    """One change of a project's datasets at a time: versions of an item follow each other."""
    await statements.one_at_a_time(session, project_id, 8)


async def find(session: AsyncSession, project_id: ProjectId, name: str) -> Dataset | None:
    """The dataset of that name."""
    where = (col(DatasetRow.project_id) == project_id, col(DatasetRow.name) == name)
    row = await statements.one(session, DatasetRow, *where)
    return None if row is None else _to_dataset(row)


async def by_id(session: AsyncSession, project_id: ProjectId, id_: str) -> Dataset | None:
    """The dataset of that id."""
    row = await session.get(DatasetRow, id_)
    return None if row is None or row.project_id != project_id else _to_dataset(row)


async def known_ids(session: AsyncSession, project_id: ProjectId, ids: Iterable[str]) -> set[str]:
    """Those of ``ids`` that are datasets of the project."""
    query = select(col(DatasetRow.id)).where(
        col(DatasetRow.project_id) == project_id, col(DatasetRow.id).in_(list(ids))
    )
    return set((await session.execute(query)).scalars())


async def save(session: AsyncSession, dataset: Dataset) -> None:
    """Add the dataset or overwrite the one of its id."""
    await session.merge(
        DatasetRow(
            id=dataset.id,
            project_id=dataset.project_id,
            name=dataset.name,
            description=dataset.description,
            details=dataset.metadata,
            input_schema=dataset.input_schema,
            expected_output_schema=dataset.expected_output_schema,
            created_at=dataset.created_at,
            updated_at=dataset.updated_at,
        )
    )


async def page(
    session: AsyncSession, project_id: ProjectId, offset: int, limit: int
) -> tuple[list[Dataset], int]:
    """Datasets, newest first, and how many there are."""
    where = (col(DatasetRow.project_id) == project_id,)
    order = (col(DatasetRow.created_at).desc(), col(DatasetRow.id))
    rows, total = await statements.page(session, DatasetRow, where, order, offset, limit)
    return [_to_dataset(row) for row in rows], total


async def item(session: AsyncSession, project_id: ProjectId, id_: str) -> Item | None:
    """An item as it is now, archived or not; None where there is none, or it was deleted."""
    found = await _items(session, project_id, [col(DatasetItemRow.id) == id_, _is_current()], 0, 1)
    return found[0] if found else None


async def items_by_id(session: AsyncSession, project_id: ProjectId, ids: Sequence[str]) -> list[Item]:
    """Those of the ids as they are now, archived or not, in no order."""
    return await _items(session, project_id, [col(DatasetItemRow.id).in_(ids), _is_current()], 0, len(ids))


async def newest_version(session: AsyncSession, project_id: ProjectId, id_: str) -> datetime | None:
    """When the newest state of an item began, also if that is its deletion."""
    query = select(func.max(col(DatasetItemRow.valid_from))).where(
        col(DatasetItemRow.project_id) == project_id, col(DatasetItemRow.id) == id_
    )
    return (await session.execute(query)).scalar_one()


async def items(
    session: AsyncSession,
    project_id: ProjectId,
    conditions: Sequence[ColumnElement[bool]],
    at: datetime | None,
    offset: int,
    limit: int,
) -> tuple[list[Item], int]:
    """Items that fulfil conditions on ``DatasetItemRow``, now or as they were, newest version first."""
    row = DatasetItemRow
    valid = _is_current()
    if at is not None:
        until = or_(col(row.valid_to).is_(None), col(row.valid_to) > at)
        valid = (col(row.valid_from) <= at) & until & col(row.is_deleted).is_(False)
    where = [*conditions, valid]
    total = await statements.count(session, row, col(row.project_id) == project_id, *where)
    return await _items(session, project_id, where, offset, limit), total


async def add_version(
    session: AsyncSession, project_id: ProjectId, item: Item, *, is_deleted: bool = False
) -> None:
    """Let the item be like this from its ``valid_from`` on."""
    row = DatasetItemRow
    earlier = (col(row.project_id) == project_id, col(row.id) == item.id, col(row.valid_to).is_(None))
    await session.execute(update(row).where(*earlier).values(valid_to=item.valid_from))
    session.add(
        DatasetItemRow(
            project_id=project_id,
            id=item.id,
            valid_from=item.valid_from,
            dataset_id=item.dataset_id,
            is_deleted=is_deleted,
            status=item.status,
            input=item.input,
            expected_output=item.expected_output,
            details=item.metadata,
            source_trace_id=item.source_trace_id,
            source_observation_id=item.source_observation_id,
            created_at=item.created_at,
        )
    )


async def run(session: AsyncSession, project_id: ProjectId, dataset_id: str, name: str) -> Run | None:
    """The run of that name."""
    found = await _runs(session, project_id, dataset_id, [col(DatasetRunRow.name) == name], 0, 1)
    return found[0] if found else None


async def run_by_id(session: AsyncSession, project_id: ProjectId, run_id: str) -> Run | None:
    """The run of that id."""
    row = await session.get(DatasetRunRow, run_id)
    if row is None or row.project_id != project_id:
        return None
    return await run(session, project_id, row.dataset_id, row.name)


async def runs(
    session: AsyncSession, project_id: ProjectId, dataset_id: str, offset: int, limit: int
) -> tuple[list[Run], int]:
    """Runs of a dataset, newest first, and how many there are."""
    of_dataset = (col(DatasetRunRow.project_id) == project_id, col(DatasetRunRow.dataset_id) == dataset_id)
    total = await statements.count(session, DatasetRunRow, *of_dataset)
    return await _runs(session, project_id, dataset_id, [], offset, limit), total


async def add_run(session: AsyncSession, run: Run) -> None:
    """Add a run."""
    session.add(
        DatasetRunRow(
            id=run.id,
            project_id=run.project_id,
            dataset_id=run.dataset_id,
            name=run.name,
            description=run.description,
            details=run.metadata,
            created_at=run.created_at,
            updated_at=run.updated_at,
        )
    )
    await session.flush()


async def remove_run(session: AsyncSession, run_id: str) -> None:
    """Remove a run with its items."""
    await session.execute(delete(DatasetRunRow).where(col(DatasetRunRow.id) == run_id))


async def add_run_item(session: AsyncSession, project_id: ProjectId, item: RunItem) -> None:
    """Add what a run did with an item."""
    session.add(
        DatasetRunItemRow(
            id=item.id,
            project_id=project_id,
            run_id=item.run_id,
            item_id=item.item_id,
            trace_id=item.trace_id,
            observation_id=item.observation_id,
            created_at=item.created_at,
            updated_at=item.updated_at,
        )
    )


async def run_items(
    session: AsyncSession, project_id: ProjectId, run: Run, offset: int, limit: int
) -> tuple[list[RunItem], int]:
    """What a run did, newest first, and how much that is."""
    row = DatasetRunItemRow
    of_run = (col(row.project_id) == project_id, col(row.run_id) == run.id)
    order = (col(row.created_at).desc(), col(row.id))
    found, total = await statements.page(session, row, of_run, order, offset, limit)
    return [
        RunItem(
            each.id,
            each.run_id,
            run.name,
            each.item_id,
            each.trace_id,
            each.observation_id,
            each.created_at,
            each.updated_at,
        )
        for each in found
    ], total


def _is_current() -> ColumnElement[bool]:
    return col(DatasetItemRow.valid_to).is_(None) & col(DatasetItemRow.is_deleted).is_(False)


async def _items(
    session: AsyncSession,
    project_id: ProjectId,
    conditions: Sequence[ColumnElement[bool]],
    offset: int,
    limit: int,
) -> list[Item]:
    row = DatasetItemRow
    query = (
        select(row, col(DatasetRow.name))
        .join(DatasetRow, col(DatasetRow.id) == col(row.dataset_id))
        .where(col(row.project_id) == project_id, *conditions)
        .order_by(col(row.valid_from).desc(), col(row.id))
        .offset(offset)
        .limit(limit)
    )
    return [
        Item(
            id=each.id,
            dataset_id=each.dataset_id,
            dataset_name=name,
            status=ItemStatus(each.status),
            input=each.input,
            expected_output=each.expected_output,
            metadata=each.details,
            source_trace_id=each.source_trace_id,
            source_observation_id=each.source_observation_id,
            created_at=each.created_at,
            valid_from=each.valid_from,
        )
        for each, name in (await session.execute(query)).all()
    ]


async def _runs(
    session: AsyncSession,
    project_id: ProjectId,
    dataset_id: str,
    conditions: Sequence[ColumnElement[bool]],
    offset: int,
    limit: int,
) -> list[Run]:
    row = DatasetRunRow
    query: Any = (
        select(row, col(DatasetRow.name))
        .join(DatasetRow, col(DatasetRow.id) == col(row.dataset_id))
        .where(col(row.project_id) == project_id, col(row.dataset_id) == dataset_id, *conditions)
        .order_by(col(row.created_at).desc(), col(row.id))
        .offset(offset)
        .limit(limit)
    )
    return [
        Run(
            id=each.id,
            project_id=ProjectId(each.project_id),
            dataset_id=each.dataset_id,
            dataset_name=name,
            name=each.name,
            description=each.description,
            metadata=each.details,
            created_at=each.created_at,
            updated_at=each.updated_at,
        )
        for each, name in (await session.execute(query)).all()
    ]


def _to_dataset(row: DatasetRow) -> Dataset:
    return Dataset(
        id=row.id,
        project_id=ProjectId(row.project_id),
        name=row.name,
        description=row.description,
        metadata=row.details,
        input_schema=row.input_schema,
        expected_output_schema=row.expected_output_schema,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
