"""Annotation queues of a project: made, filled, worked through, and assigned to people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from lumenspan.annotation import repository
from lumenspan.annotation.domain import (
    MAX_CONFIGS,
    Assignment,
    ItemStatus,
    ObjectType,
    Queue,
    QueueItem,
    check_description,
    check_name,
    check_object_id,
)
from lumenspan.clock import utc_now
from lumenspan.errors import InvalidInput, NotFound
from lumenspan.identity.members import Members
from lumenspan.ids import ProjectId, ScoreConfigId, new_id
from lumenspan.scores.configs import ScoreConfigService
from lumenspan.storage.postgres import Postgres

_NO_QUEUE, _NO_ITEM = "Annotation queue not found", "Annotation queue item not found"
_NO_USER = "User not found or not authorized for this project"


class AnnotationService:
    """Everything about annotation queues; the caller has checked that the project may be used."""

    def __init__(self, postgres: Postgres, configs: ScoreConfigService, members: Members) -> None:
        self._postgres = postgres
        self._configs = configs
        self._members = members

    async def create(
        self, project_id: ProjectId, name: str, description: str | None, config_ids: Sequence[str]
    ) -> Queue:
        """A new queue.

        Raises:
            InvalidInput: the name is taken or cannot be one, or a score config is not the project's.
        """
        now = utc_now()
        queue = Queue(
            id=new_id(),
            project_id=project_id,
            name=check_name(name),
            description=check_description(description),
            score_config_ids=await self._checked_configs(project_id, config_ids),
            created_at=now,
            updated_at=now,
        )
        async with self._postgres.session() as session:
            if not await repository.add(session, queue):
                raise InvalidInput("A queue with this name already exists.")
        return queue

    async def get(self, project_id: ProjectId, queue_id: str) -> Queue:
        """NotFound where the project has no such queue."""
        async with self._postgres.session() as session:
            return await self._queue(session, project_id, queue_id)

    async def page(self, project_id: ProjectId, page: int, limit: int) -> tuple[list[Queue], int]:
        """Page ``page`` (from 1), newest first, and how many queues there are."""
        async with self._postgres.session() as session:
            return await repository.page(session, project_id, (page - 1) * limit, limit)

    async def add_item(
        self,
        project_id: ProjectId,
        queue_id: str,
        object_type: ObjectType,
        object_id: str,
        status: ItemStatus = ItemStatus.PENDING,
    ) -> QueueItem:
        """A new item at the end of the queue. The object may be yet to come; it is not looked for.

        Raises:
            NotFound: there is no such queue.
        """
        now = utc_now()
        item = QueueItem(
            id=new_id(),
            project_id=project_id,
            queue_id=queue_id,
            object_id=check_object_id(object_id),
            object_type=object_type,
            status=status,
            completed_at=now if status is ItemStatus.COMPLETED else None,
            created_at=now,
            updated_at=now,
        )
        async with self._postgres.session() as session:
            await self._queue(session, project_id, queue_id)
            await repository.save_item(session, item)
        return item

    async def items(
        self, project_id: ProjectId, queue_id: str, status: ItemStatus | None, page: int, limit: int
    ) -> tuple[list[QueueItem], int]:
        """Page ``page`` (from 1) of a queue, newest first, and how many items there are.

        Raises:
            NotFound: there is no such queue.
        """
        async with self._postgres.session() as session:
            await self._queue(session, project_id, queue_id)
            offset = (page - 1) * limit
            return await repository.items(session, project_id, queue_id, status, offset, limit)

    async def item(self, project_id: ProjectId, queue_id: str, item_id: str) -> QueueItem:
        """NotFound where there is no such queue or item."""
        async with self._postgres.session() as session:
            await self._queue(session, project_id, queue_id)
            found = await repository.find_item(session, project_id, queue_id, item_id)
        if found is None:
            raise NotFound(_NO_ITEM)
        return found

    async def set_status(
        self, project_id: ProjectId, queue_id: str, item_id: str, status: ItemStatus | None
    ) -> QueueItem:
        """The item with that status; None, or the one that it has, changes nothing.

        Completing notes the time; an item that is pending again keeps it.

        Raises:
            NotFound: there is no such queue or item.
        """
        async with self._postgres.session() as session:
            await self._queue(session, project_id, queue_id)
            found = await repository.find_item(session, project_id, queue_id, item_id, is_locked=True)
            if found is None:
                raise NotFound(_NO_ITEM)
            if status is None or status is found.status:
                return found
            now = utc_now()
            completed_at = now if status is ItemStatus.COMPLETED else found.completed_at
            changed = replace(found, status=status, completed_at=completed_at, updated_at=now)
            await repository.save_item(session, changed)
        return changed

    async def delete_item(self, project_id: ProjectId, queue_id: str, item_id: str) -> None:
        """Remove an item; what it is about and its scores stay. NotFound without such a queue or item."""
        async with self._postgres.session() as session:
            await self._queue(session, project_id, queue_id)
            if not await repository.remove_item(session, project_id, queue_id, item_id):
                raise NotFound(_NO_ITEM)

    async def assign(self, project_id: ProjectId, queue_id: str, user_id: str) -> Assignment:
        """Let a person work on a queue; again changes nothing.

        Raises:
            NotFound: there is no such queue, or nobody of that id who may see the project.
        """
        given = Assignment(project_id, queue_id, user_id)
        await self.get(project_id, queue_id)
        if not await self._members.may_see(project_id, user_id):
            raise NotFound(_NO_USER)
        async with self._postgres.session() as session:
            await repository.assign(session, given)
        return given

    async def unassign(self, project_id: ProjectId, queue_id: str, user_id: str) -> None:
        """Take an assignment back; an unknown person is no error. NotFound without such a queue."""
        async with self._postgres.session() as session:
            await self._queue(session, project_id, queue_id)
            await repository.unassign(session, Assignment(project_id, queue_id, user_id))

    async def assigned(self, project_id: ProjectId, queue_id: str) -> list[str]:
        """Ids of the people assigned to a queue, first assigned first. NotFound without such a queue."""
        async with self._postgres.session() as session:
            await self._queue(session, project_id, queue_id)
            return await repository.assigned(session, project_id, queue_id)

    async def _queue(self, session: AsyncSession, project_id: ProjectId, queue_id: str) -> Queue:
        found = await repository.find(session, project_id, queue_id)
        if found is None:
            raise NotFound(_NO_QUEUE)
        return found

    async def _checked_configs(
        self, project_id: ProjectId, ids: Sequence[str]
    ) -> tuple[ScoreConfigId, ...]:
        """The ids in their order, each once."""
        wanted = tuple(ScoreConfigId(id_) for id_ in dict.fromkeys(ids))
        if not 1 <= len(wanted) <= MAX_CONFIGS:
            raise InvalidInput(f"A queue has 1 to {MAX_CONFIGS} score configs")
        known = await self._configs.by_ids(project_id, wanted)
        if any(id_ not in known for id_ in wanted):
            raise InvalidInput("At least one of the score config IDs cannot be found for the given project")
        return wanted
