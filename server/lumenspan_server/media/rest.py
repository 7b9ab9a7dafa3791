"""REST routes of media: where to upload a file, how it went, and where to read it."""

from typing import Any

from litestar import Request, Response, get, patch, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from lumenspan.clock import datetime_to_iso
from lumenspan.media.domain import MediaId
from lumenspan_server.access import require_project_key
from lumenspan_server.media.wire import MediaRow, UploadOutcome, UploadTarget, UploadWish
from lumenspan_server.operations import Message, answer, operation, read_body


@post(
    "/api/public/media",
    summary="Ask where to upload a file",
    **operation(body=UploadWish, answer=UploadTarget, status=201, resource="media-upload"),
)
async def request_upload(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{mediaId, uploadUrl}``; no address when the project has the file."""
    principal = await require_project_key(request)
    wish = await read_body(request, UploadWish)
    media = request.app.state.services.media
    ticket = await media.request_upload(principal.project_id, wish.mark, wish.link)
    return answer(UploadTarget(media_id=ticket.media_id, upload_url=ticket.url), 201)


@patch(
    "/api/public/media/{media_id:str}",
    summary="Tell how the upload went",
    **operation(body=UploadOutcome, answer=Message, resource="media-upload"),
)
async def report_upload(request: Request[Any, Any, Any], media_id: FromPath[str]) -> Response[bytes]:
    """``{message: "OK"}``."""
    principal = await require_project_key(request)
    outcome = await read_body(request, UploadOutcome)
    media = request.app.state.services.media
    await media.report_upload(principal.project_id, MediaId(media_id), outcome.report)
    return answer(Message(message="OK"))


@get(
    "/api/public/media/{media_id:str}",
    summary="A file and where to read it",
    **operation(answer=MediaRow),
)
async def get_media(request: Request[Any, Any, Any], media_id: FromPath[str]) -> Response[bytes]:
    """The file with an address that expires."""
    principal = await require_project_key(request)
    found = await request.app.state.services.media.download(principal.project_id, MediaId(media_id))
    return answer(
        MediaRow(
            media_id=found.media_id,
            content_type=found.content_type,
            content_length=found.size_bytes,
            uploaded_at=datetime_to_iso(found.uploaded_at),
            url=found.url,
            url_expiry=datetime_to_iso(found.expires_at),
        )
    )


routes: list[ControllerRouterHandler] = [request_upload, report_upload, get_media]
