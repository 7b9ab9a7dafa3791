"""Comments of a project: written and read."""

from __future__ import annotations

from dataclasses import dataclass

from lumenspan.clock import utc_now
from lumenspan.comments import repository
from lumenspan.comments.domain import Comment, CommentFilter, CommentObject, check_content
from lumenspan.errors import InvalidInput, NotFound
from lumenspan.filters import Condition
from lumenspan.identity.members import Members
from lumenspan.ids import ProjectId, UserId, new_id
from lumenspan.observations.domain import ObservationParts
from lumenspan.observations.service import ObservationService
from lumenspan.prompts.service import PromptService
from lumenspan.sessions.service import SessionService
from lumenspan.storage.postgres import Postgres
from lumenspan.traces.service import TraceService

# The same whether there is such a person elsewhere or not.
_NO_AUTHOR = "authorUserId is not a member of the organization"


@dataclass(frozen=True, slots=True)
class Targets:
    """The services of what comments may be about."""

    traces: TraceService
    observations: ObservationService
    sessions: SessionService
    prompts: PromptService

    async def has(self, project_id: ProjectId, object_type: CommentObject, object_id: str) -> bool:
        """Whether the project has such an object."""
        match object_type:
            case CommentObject.TRACE:
                return await self.traces.get(project_id, object_id) is not None
            case CommentObject.PROMPT:
                return await self.prompts.has(project_id, object_id)
            case CommentObject.SESSION:
                try:
                    await self.sessions.get(project_id, object_id)
                except NotFound:
                    return False
                return True
            case CommentObject.OBSERVATION:
                by_id = [Condition("string", "id", "=", object_id)]
                parts = ObservationParts(False, metadata_chars=0)
                found = await self.observations.search(project_id, by_id, 1, None, parts)
                return bool(found.observations)


class CommentService:
    """Everything about comments; the caller has checked that the project may be used."""

    def __init__(self, postgres: Postgres, members: Members, targets: Targets) -> None:
        self._postgres = postgres
        self._members = members
        self._targets = targets

    async def create(
        self,
        project_id: ProjectId,
        object_type: CommentObject,
        object_id: str,
        content: str,
        author_user_id: str | None = None,
    ) -> Comment:
        """A new comment.

        Raises:
            InvalidInput: empty or too long, or the author is no member of the organization.
            NotFound: the project has no such object.
        """
        content, now = check_content(content), utc_now()
        if author_user_id is not None and not await self._members.is_colleague(project_id, author_user_id):
            raise InvalidInput(_NO_AUTHOR)
        if "\0" in object_id or not await self._targets.has(project_id, object_type, object_id):
            raise NotFound(f"{object_type.value.capitalize()} not found within authorized project")
        comment = Comment(
            id=new_id(),
            project_id=project_id,
            object_type=object_type,
            object_id=object_id,
            content=content,
            author_user_id=None if author_user_id is None else UserId(author_user_id),
            created_at=now,
            updated_at=now,
        )
        async with self._postgres.session() as session:
            await repository.add(session, comment)
        return comment

    async def get(self, project_id: ProjectId, comment_id: str) -> Comment:
        """NotFound where the project has no such comment."""
        async with self._postgres.session() as session:
            found = await repository.find(session, project_id, comment_id)
        if found is None:
            raise NotFound("Comment not found within authorized project")
        return found

    async def page(
        self, project_id: ProjectId, where: CommentFilter, page: int, limit: int
    ) -> tuple[list[Comment], int]:
        """Page ``page`` (from 1), newest first, and how many comments there are.

        Raises:
            InvalidInput: an object without its type.
        """
        if where.object_id is not None and where.object_type is None:
            raise InvalidInput("objectType is required when objectId is provided")
        async with self._postgres.session() as session:
            return await repository.page(session, project_id, where, (page - 1) * limit, limit)
