"""REST routes of comments (contract, section 7)."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from lumenspan.comments.domain import CommentFilter, CommentObject
from lumenspan_server.access import require_project_key
from lumenspan_server.comments.rows import CommentAnswer, CommentId, CommentPage, to_comment
from lumenspan_server.operations import (
    PageQuery,
    StrictWire,
    answer,
    operation,
    page_meta,
    read_body,
    read_query,
)
from lumenspan_server.services import Services

_COMMENTS = "/api/public/comments"


class CreateComment(StrictWire):
    """A comment to write; it goes to the project of the key, whatever ``projectId`` says."""

    project_id: str
    object_type: CommentObject
    object_id: str
    content: str
    author_user_id: str | None = None


class CommentsQuery(PageQuery):
    """Which comments."""

    object_type: CommentObject | None = None
    object_id: str | None = None
    author_user_id: str | None = None


@post(
    _COMMENTS,
    summary="Comment on a trace, an observation, a session or a version of a prompt",
    **operation(body=CreateComment, answer=CommentId),
)
async def create_comment(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Its id; 404 where the project has no such object."""
    principal = await require_project_key(request)
    body = await read_body(request, CreateComment)
    services: Services = request.app.state.services
    made = await services.comments.create(
        principal.project_id, body.object_type, body.object_id, body.content, body.author_user_id
    )
    return answer(CommentId(id=made.id))


@get(
    _COMMENTS,
    summary="Comments of the project, newest first",
    **operation(query=CommentsQuery, answer=CommentPage),
)
async def list_comments(request: Request[Any, Any, Any]) -> Response[bytes]:
    """A page of comments."""
    principal = await require_project_key(request)
    query = read_query(request, CommentsQuery)
    services: Services = request.app.state.services
    where = CommentFilter(query.object_type, query.object_id, query.author_user_id)
    found, total = await services.comments.page(principal.project_id, where, query.page, query.limit)
    return answer(CommentPage(data=[to_comment(each) for each in found], meta=page_meta(query, total)))


@get(_COMMENTS + "/{comment_id:str}", summary="One comment", **operation(answer=CommentAnswer))
async def get_comment(request: Request[Any, Any, Any], comment_id: FromPath[str]) -> Response[bytes]:
    """The comment; 404 where there is none."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    return answer(to_comment(await services.comments.get(principal.project_id, comment_id)))


routes: list[ControllerRouterHandler] = [create_comment, list_comments, get_comment]
