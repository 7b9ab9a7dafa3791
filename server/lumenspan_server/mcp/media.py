"""Tools of media."""

from typing import Annotated, Any

from msgspec import Meta

from lumenspan.clock import datetime_to_iso
from lumenspan.media.domain import MediaId
from lumenspan_server.mcp.tools import Arguments, Call, Tool, tool

TOOLS: list[Tool] = []


class GetMedia(Arguments):
    """Which file."""

    media_id: Annotated[str, Meta(min_length=1, description="Of a @@@langfuseMedia:…|id=…@@@ reference")]


@tool(
    TOOLS,
    "getMedia",
    "A file of a trace or dataset item, and an address where to read it",
    is_read_only=True,
)
async def get_media(call: Call, given: GetMedia) -> Any:
    found = await call.services.media.download(call.project_id, MediaId(given.media_id))
    return {
        "mediaId": found.media_id,
        "contentType": found.content_type,
        "contentLength": found.size_bytes,
        "uploadedAt": datetime_to_iso(found.uploaded_at),
        "url": found.url,
        "urlExpiry": datetime_to_iso(found.expires_at),
    }
