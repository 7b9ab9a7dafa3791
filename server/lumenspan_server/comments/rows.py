"""Comments as the routes answer them (contract, section 7)."""

from lumenspan.clock import datetime_to_iso
from lumenspan.comments.domain import Comment, CommentObject
from lumenspan_server.operations import Instant, PageMeta, Wire


class CommentAnswer(Wire):
    """A comment."""

    id: str
    project_id: str
    created_at: Instant
    updated_at: Instant
    object_type: CommentObject
    object_id: str
    content: str
    author_user_id: str | None = None


class CommentPage(Wire):
    """Comments, newest first."""

    data: list[CommentAnswer]
    meta: PageMeta


class CommentId(Wire):
    """The id of what was made."""

    id: str


def to_comment(comment: Comment) -> CommentAnswer:
    """A comment."""
    return CommentAnswer(
        id=comment.id,
        project_id=comment.project_id,
        created_at=datetime_to_iso(comment.created_at),
        updated_at=datetime_to_iso(comment.updated_at),
        object_type=comment.object_type,
        object_id=comment.object_id,
        content=comment.content,
        author_user_id=comment.author_user_id,
    )
