"""Annotation queues in PostgreSQL, each within one project. The caller owns the transaction."""

from __future__ import annotations

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from lumenspan.annotation.domain import Assignment, ItemStatus, ObjectType, Queue, QueueItem
from lumenspan.annotation.tables import (
    AnnotationQueueAssignmentRow,
    AnnotationQueueItemRow,
    AnnotationQueueRow,
)
from lumenspan.ids import ProjectId, ScoreConfigId
from lumenspan.storage import statements


async def add(session: AsyncSession, queue: Queue) -> bool:
    """Add a queue; whether its name was free."""
    values = {
        "id": queue.id,
        "project_id": queue.project_id,
        "name": queue.name,
        "description": queue.description,
        "score_config_ids": list(queue.score_config_ids),
        "created_at": queue.created_at,
        "updated_at": queue.updated_at,
    }
    statement = (
        insert(AnnotationQueueRow)
        .values(values)
        .on_conflict_do_nothing(index_elements=["project_id", "name"])
        .returning(col(AnnotationQueueRow.id))
    )
    return (await session.execute(statement)).first() is not None


async def find(session: AsyncSession, project_id: ProjectId, queue_id: str) -> Queue | None:
    """The queue of that id."""
    row = AnnotationQueueRow
    where = (col(row.project_id) == project_id, col(row.id) == queue_id)
    found = await statements.one(session, row, *where)
    return None if found is None else _to_queue(found)


async def page(
    session: AsyncSession, project_id: ProjectId, offset: int, limit: int
) -> tuple[list[Queue], int]:
    """Queues, newest first, and how many there are."""
    row = AnnotationQueueRow
    where = (col(row.project_id) == project_id,)
    order = (col(row.created_at).desc(), col(row.id).desc())
    found, total = await statements.page(session, row, where, order, offset, limit)
    return [_to_queue(each) for each in found], total


async def save_item(session: AsyncSession, item: QueueItem) -> None:
    """Add the item or overwrite the one of its id."""
    await session.merge(
        AnnotationQueueItemRow(
            id=item.id,
            project_id=item.project_id,
            queue_id=item.queue_id,
            object_id=item.object_id,
            object_type=item.object_type.value,
            status=item.status.value,
            completed_at=item.completed_at,
            created_at=item.created_at,
            updated_at=item.updated_at,
        )
    )


async def find_item(
    session: AsyncSession, project_id: ProjectId, queue_id: str, item_id: str, *, is_locked: bool = False
) -> QueueItem | None:
    """An item of a queue; ``is_locked`` holds it until the end of the transaction."""
    row = AnnotationQueueItemRow
    where = (*_of_queue(project_id, queue_id), col(row.id) == item_id)
    found = await statements.one(session, row, *where, is_locked=is_locked)
    return None if found is None else _to_item(found)


async def items(
    session: AsyncSession,
    project_id: ProjectId,
    queue_id: str,
    status: ItemStatus | None,
    offset: int,
    limit: int,
) -> tuple[list[QueueItem], int]:
    """Items of a queue, newest first, and how many there are."""
    row = AnnotationQueueItemRow
    where = _of_queue(project_id, queue_id)
    if status is not None:
        where.append(col(row.status) == status.value)
    order = (col(row.created_at).desc(), col(row.id).desc())
    found, total = await statements.page(session, row, where, order, offset, limit)
    return [_to_item(each) for each in found], total


async def remove_item(session: AsyncSession, project_id: ProjectId, queue_id: str, item_id: str) -> bool:
    """Remove an item; whether there was one."""
    statement = (
        delete(AnnotationQueueItemRow)
        .where(*_of_queue(project_id, queue_id), col(AnnotationQueueItemRow.id) == item_id)
        .returning(col(AnnotationQueueItemRow.id))
    )
    return (await session.execute(statement)).first() is not None


async def assign(session: AsyncSession, given: Assignment) -> None:
    """Note that a person is to work on a queue; again is no error."""
    values = {"queue_id": given.queue_id, "user_id": given.user_id, "project_id": given.project_id}
    await session.execute(insert(AnnotationQueueAssignmentRow).values(values).on_conflict_do_nothing())


async def unassign(session: AsyncSession, given: Assignment) -> None:
    """Take it back; where there is none, nothing happens."""
    row = AnnotationQueueAssignmentRow
    await session.execute(
        delete(row).where(
            col(row.project_id) == given.project_id,
            col(row.queue_id) == given.queue_id,
            col(row.user_id) == given.user_id,
        )
    )


async def assigned(session: AsyncSession, project_id: ProjectId, queue_id: str) -> list[str]:
    """Ids of the people who are to work on a queue, in the order of their assignment."""
    row = AnnotationQueueAssignmentRow
    query = (
        select(col(row.user_id))
        .where(col(row.project_id) == project_id, col(row.queue_id) == queue_id)
        .order_by(col(row.created_at), col(row.user_id))
    )
    return list((await session.execute(query)).scalars())


def _of_queue(project_id: ProjectId, queue_id: str) -> list[ColumnElement[bool]]:
    row = AnnotationQueueItemRow
    return [col(row.project_id) == project_id, col(row.queue_id) == queue_id]


def _to_queue(row: AnnotationQueueRow) -> Queue:
    return Queue(
        id=row.id,
        project_id=ProjectId(row.project_id),
        name=row.name,
        description=row.description,
        score_config_ids=tuple(ScoreConfigId(each) for each in row.score_config_ids),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _to_item(row: AnnotationQueueItemRow) -> QueueItem:
    return QueueItem(
        id=row.id,
        project_id=ProjectId(row.project_id),
        queue_id=row.queue_id,
        object_id=row.object_id,
        object_type=ObjectType(row.object_type),
        status=ItemStatus(row.status),
        completed_at=row.completed_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
