"""Comments in PostgreSQL, each within one project. The caller owns the transaction."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from lumenspan.comments.domain import Comment, CommentFilter, CommentObject
from lumenspan.comments.tables import CommentRow
from lumenspan.ids import ProjectId, UserId
from lumenspan.storage import statements


async def add(session: AsyncSession, comment: Comment) -> None:
    """Add a comment."""
    session.add(
        CommentRow(
            id=comment.id,
            project_id=comment.project_id,
            object_type=comment.object_type.value,
            object_id=comment.object_id,
            content=comment.content,
            author_user_id=comment.author_user_id,
            created_at=comment.created_at,
            updated_at=comment.updated_at,
        )
    )


async def find(session: AsyncSession, project_id: ProjectId, comment_id: str) -> Comment | None:
    """The comment of that id."""
    where = (col(CommentRow.project_id) == project_id, col(CommentRow.id) == comment_id)
    row = await statements.one(session, CommentRow, *where)
    return None if row is None else _to_comment(row)


async def page(
    session: AsyncSession, project_id: ProjectId, where: CommentFilter, offset: int, limit: int
) -> tuple[list[Comment], int]:
    """Comments, newest first, and how many there are."""
    conditions = [col(CommentRow.project_id) == project_id]
    if where.object_type is not None:
        conditions.append(col(CommentRow.object_type) == where.object_type.value)
    if where.object_id is not None:
        conditions.append(col(CommentRow.object_id) == where.object_id)
    if where.author_user_id is not None:
        conditions.append(col(CommentRow.author_user_id) == where.author_user_id)
    order = (col(CommentRow.created_at).desc(), col(CommentRow.id).desc())
    rows, total = await statements.page(session, CommentRow, conditions, order, offset, limit)
    return [_to_comment(row) for row in rows], total


def _to_comment(row: CommentRow) -> Comment:
    return Comment(
        id=row.id,
        project_id=ProjectId(row.project_id),
        object_type=CommentObject(row.object_type),
        object_id=row.object_id,
        content=row.content,
        author_user_id=None if row.author_user_id is None else UserId(row.author_user_id),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
