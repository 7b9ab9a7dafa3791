"""Annotation queues as the routes answer them (contract, section 7)."""

from lumenspan.annotation.domain import Assignment, ItemStatus, ObjectType, Queue, QueueItem
from lumenspan.clock import datetime_to_iso
from lumenspan_server.operations import Instant, PageMeta, Wire
from lumenspan_server.rows import instant_or_none


class QueueAnswer(Wire):
    """A queue."""

    id: str
    name: str
    description: str | None
    score_config_ids: tuple[str, ...]
    created_at: Instant
    updated_at: Instant


class QueuePage(Wire):
    """Queues, newest first."""

    data: list[QueueAnswer]
    meta: PageMeta


class ItemAnswer(Wire):
    """An item of a queue."""

    id: str
    queue_id: str
    object_id: str
    object_type: ObjectType
    status: ItemStatus
    created_at: Instant
    updated_at: Instant
    completed_at: Instant | None = None


class ItemPage(Wire):
    """Items of a queue, newest first."""

    data: list[ItemAnswer]
    meta: PageMeta


class Deleted(Wire):
    """What became of a deletion."""

    success: bool
    message: str


class AssignmentAnswer(Wire):
    """A person is to work on a queue."""

    user_id: str
    queue_id: str
    project_id: str


class Unassigned(Wire):
    """What became of it."""

    success: bool


def to_queue(queue: Queue) -> QueueAnswer:
    """A queue."""
    return QueueAnswer(
        id=queue.id,
        name=queue.name,
        description=queue.description,
        score_config_ids=queue.score_config_ids,
        created_at=datetime_to_iso(queue.created_at),
        updated_at=datetime_to_iso(queue.updated_at),
    )


def to_item(item: QueueItem) -> ItemAnswer:
    """An item."""
    return ItemAnswer(
        id=item.id,
        queue_id=item.queue_id,
        object_id=item.object_id,
        object_type=item.object_type,
        status=item.status,
        completed_at=instant_or_none(item.completed_at),
        created_at=datetime_to_iso(item.created_at),
        updated_at=datetime_to_iso(item.updated_at),
    )


def to_assignment(given: Assignment) -> AssignmentAnswer:
    """An assignment."""
    return AssignmentAnswer(user_id=given.user_id, queue_id=given.queue_id, project_id=given.project_id)
