"""The files that contents refer to: where a browser reads them, and whether it shows them in the page."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from lumenspan.errors import NotFound
from lumenspan.ids import ProjectId
from lumenspan.media.domain import Download, MediaDisabled, MediaId
from lumenspan_server.pages.content import Content
from lumenspan_server.services import Services

_MAX_FILES = 40
# What browsers show; other images are offered as a link.
_IMAGES = frozenset({"png", "jpeg", "jpg", "webp", "gif", "bmp", "avif", "svg+xml"})


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A file that is there."""

    download: Download

    @property
    def url(self) -> str:
        return self.download.url

    @property
    def kind(self) -> str:
        """``image``, ``audio``, ``video``, or ``file`` for what is only linked."""
        family, _, subtype = self.download.content_type.partition("/")
        if family == "image":
            return "image" if subtype in _IMAGES else "file"
        return family if family in ("audio", "video") else "file"


async def files_of(
    services: Services, project_id: ProjectId, contents: Iterable[Content]
) -> dict[str, ShownFile]:
    """By id, the files that the contents refer to and the project has; at most a few dozen."""
    ids = list(dict.fromkeys(each.media_id for content in contents for each in content.files))[:_MAX_FILES]
    found = await asyncio.gather(*(_download(services, project_id, id_) for id_ in ids))
    return {id_: ShownFile(each) for id_, each in zip(ids, found, strict=True) if each is not None}


async def _download(services: Services, project_id: ProjectId, media_id: MediaId) -> Download | None:
    if "\0" in media_id or len(media_id) > 200:
        return None
    try:
        return await services.media.download(project_id, media_id)
    except (NotFound, MediaDisabled):
        return None
