"""Tools of comments."""

from typing import Annotated, Any

from msgspec import Meta

from lumenspan.comments.domain import CommentFilter, CommentObject
from lumenspan_server.comments.rows import to_comment
from lumenspan_server.mcp.tools import Arguments, BadArguments, Call, Paged, Tool, page_of, tool

TOOLS: list[Tool] = []

_Id = Annotated[str, Meta(min_length=1)]


class CreateComment(Arguments):
    """What to say of what."""

    object_type: CommentObject
    object_id: Annotated[str, Meta(min_length=1, description="Of a prompt, the id of a version")]
    content: Annotated[str, Meta(min_length=1, max_length=5_000, description="Markdown")]
    author_user_id: Annotated[str, Meta(description="A member of the organization")] | None = None


class GetComment(Arguments):
    """Which comment."""

    comment_id: _Id


class ListComments(Paged):
    """Which comments."""

    object_type: CommentObject | None = None
    object_id: Annotated[str, Meta(description="Needs objectType")] | None = None
    author_user_id: str | None = None


@tool(TOOLS, "createComment", "Comment on a trace, an observation, a session or a version of a prompt")
async def create_comment(call: Call, given: CreateComment) -> Any:
    made = await call.services.comments.create(
        call.project_id, given.object_type, given.object_id, given.content, given.author_user_id
    )
    return {"id": made.id}


@tool(TOOLS, "getComment", "One comment", is_read_only=True)
async def get_comment(call: Call, given: GetComment) -> Any:
    return to_comment(await call.services.comments.get(call.project_id, given.comment_id))


@tool(TOOLS, "listComments", "Comments of the project, newest first", is_read_only=True)
async def list_comments(call: Call, given: ListComments) -> Any:
    if given.object_id is not None and given.object_type is None:
        raise BadArguments("objectType is required when objectId is provided")
    where = CommentFilter(given.object_type, given.object_id, given.author_user_id)
    found, total = await call.services.comments.page(call.project_id, where, given.page, given.limit)
    return page_of([to_comment(each) for each in found], given, total)
