"""GraphQL types of media: files beside the payloads, and the addresses that serve them."""

# The library types its decorators for resolvers of plain classes only.
# mypy: disable-error-code="untyped-decorator"

from typing import Self

import strawberry

from lumenspan.errors import NotFound
from lumenspan.ids import ProjectId
from lumenspan.media.domain import Download, Field, MediaDisabled, MediaId, TraceFile
from lumenspan_server.gql.context import Info
from lumenspan_server.gql.scalars import BigInt, Instant, instant_of

strawberry.enum(Field, name="MediaField", description="The part that refers to the file")


@strawberry.type(name="MediaAddress", description="Where the file can be read until expiresAt")
class MediaAddressNode:
    url: str
    expires_at: Instant


@strawberry.type(name="Media", description="A file of the project")
class MediaNode:
    project_id: strawberry.Private[ProjectId]
    id: strawberry.ID
    content_type: str
    content_length: BigInt = strawberry.field(description="Bytes")
    uploaded_at: Instant

    @classmethod
    def of(cls, project_id: ProjectId, file: TraceFile | Download) -> Self:
        return cls(
            project_id=project_id,
            id=strawberry.ID(file.media_id),
            content_type=file.content_type,
            content_length=BigInt(file.size_bytes),
            uploaded_at=instant_of(file.uploaded_at),
        )

    @strawberry.field(description="Signed anew for each request; null when the file is gone")
    async def address(self, info: Info) -> MediaAddressNode | None:
        found = await _download(info, self.project_id, MediaId(self.id))
        if found is None:
            return None
        return MediaAddressNode(url=found.url, expires_at=instant_of(found.expires_at))


@strawberry.type(
    name="MediaReference", description="A file, and the part of the observation or trace with it"
)
class MediaReferenceNode:
    observation_id: strawberry.ID | None = strawberry.field(description="null where the trace refers to it")
    field: Field
    media: MediaNode

    @classmethod
    def of(cls, project_id: ProjectId, file: TraceFile) -> Self:
        return cls(
            observation_id=strawberry.ID(file.observation_id) if file.observation_id else None,
            field=file.field,
            media=MediaNode.of(project_id, file),
        )


async def load_media(info: Info, project_id: ProjectId, media_id: MediaId) -> MediaNode | None:
    """A file of the project, None where it has no such file (yet)."""
    found = await _download(info, project_id, media_id)
    return None if found is None else MediaNode.of(project_id, found)


async def _download(info: Info, project_id: ProjectId, media_id: MediaId) -> Download | None:
    try:
        return await info.context.services.media.download(project_id, media_id)
    except (NotFound, MediaDisabled):
        return None
