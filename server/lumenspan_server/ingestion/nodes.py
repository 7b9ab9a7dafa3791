"""GraphQL types of ingestion: its backlog, what could not be stored, and replays."""

# The library types its decorators for resolvers of plain classes only.
# mypy: disable-error-code="untyped-decorator"

from typing import Self

import strawberry

from lumenspan.clock import datetime_to_nanos
from lumenspan.cursors import encode_cursor, time_and_id
from lumenspan.errors import NotFound
from lumenspan.ids import ProjectId
from lumenspan.ingest.backlog import Backlog
from lumenspan.ingest.dead_letters import DeadLetter, Stage
from lumenspan.ingest.replays import Replay, ReplayState
from lumenspan_server.gql.context import Info
from lumenspan_server.gql.relay import PageInfo, checked_first
from lumenspan_server.gql.scalars import BigInt, Instant, instant_of

strawberry.enum(Stage, name="IngestStage", description="Where a part of a payload got stuck")
strawberry.enum(ReplayState, name="ReplayState")
MAX_PAGE = 200
_MAX_REPLAYS = 50


@strawberry.type(name="IngestBacklog", description="What was accepted and is not readable yet")
class BacklogNode:
    payloads: int
    oldest_age_seconds: float = strawberry.field(description="0 where everything is readable")

    @classmethod
    def of(cls, backlog: Backlog) -> Self:
        return cls(payloads=backlog.payloads, oldest_age_seconds=backlog.oldest_age_s)


@strawberry.type(name="DeadLetter", description="A part of a payload that could not be stored, and why")
class DeadLetterNode:
    id: strawberry.ID
    stage: Stage
    reason: str
    payload_key: str = strawberry.field(description="Key of the raw payload in the store")
    position: int = strawberry.field(description="Place within the payload; -1 for all of it")
    trace_id: strawberry.ID | None
    span_id: strawberry.ID | None
    attempts: int
    created_at: Instant
    failed_at: Instant = strawberry.field(description="When it was last tried")
    replay_requested_at: Instant | None = strawberry.field(description="null unless a replay waits")
    payload_bytes: int
    excerpt: str | None = strawberry.field(description="What was sent, as text; only of a single letter")

    @classmethod
    def of(cls, letter: DeadLetter) -> Self:
        requested = letter.replay_requested_at
        return cls(
            id=strawberry.ID(letter.id),
            stage=letter.stage,
            reason=letter.reason,
            payload_key=letter.blob_key,
            position=letter.position,
            trace_id=strawberry.ID(letter.trace_id) if letter.trace_id else None,
            span_id=strawberry.ID(letter.span_id) if letter.span_id else None,
            attempts=letter.attempts,
            created_at=instant_of(letter.created_at),
            failed_at=instant_of(letter.failed_at),
            replay_requested_at=None if requested is None else instant_of(requested),
            payload_bytes=letter.payload_bytes,
            excerpt=letter.excerpt,
        )


@strawberry.type
class DeadLetterEdge:
    cursor: str
    node: DeadLetterNode


@strawberry.type
class DeadLetterConnection:
    edges: list[DeadLetterEdge]
    page_info: PageInfo
    project_id: strawberry.Private[ProjectId]

    @strawberry.field
    async def total_count(self, info: Info) -> int:
        return await info.context.services.dead_letters.count(self.project_id)


@strawberry.type(name="Replay", description="Raw payloads of a span of time, processed again")
class ReplayNode:
    id: strawberry.ID
    from_timestamp: Instant
    to_timestamp: Instant
    state: ReplayState
    position: Instant = strawberry.field(description="When the last payload that is done was received")
    payloads: int = strawberry.field(description="How many are done")
    spans: BigInt
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, replay: Replay) -> Self:
        return cls(
            id=strawberry.ID(replay.id),
            from_timestamp=instant_of(replay.from_at),
            to_timestamp=instant_of(replay.to_at),
            state=replay.state,
            position=instant_of(replay.position_at),
            payloads=replay.payloads,
            spans=BigInt(replay.spans),
            created_at=instant_of(replay.created_at),
            updated_at=instant_of(replay.updated_at),
        )


async def load_backlog(info: Info, project_id: ProjectId) -> BacklogNode:
    """The project's."""
    return BacklogNode.of(await info.context.services.backlog.of_project(project_id))


async def load_dead_letters(
    info: Info, project_id: ProjectId, first: int, after: str | None, reason: str | None
) -> DeadLetterConnection:
    """A page, newest first."""
    position = time_and_id(after)
    page = await info.context.services.dead_letters.page(
        project_id, checked_first(first, MAX_PAGE), position, reason or ""
    )
    edges = [
        DeadLetterEdge(
            cursor=encode_cursor([datetime_to_nanos(letter.created_at), letter.id]),
            node=DeadLetterNode.of(letter),
        )
        for letter in page.letters
    ]
    cursors = [edge.cursor for edge in edges]
    info_ = PageInfo.of(cursors, has_next=page.has_more, has_previous=after is not None)
    return DeadLetterConnection(edges=edges, page_info=info_, project_id=project_id)


async def load_dead_letter(info: Info, project_id: ProjectId, id_: str) -> DeadLetterNode | None:
    """One with what was sent, None where there is none."""
    try:
        return DeadLetterNode.of(await info.context.services.dead_letters.get(project_id, id_))
    except NotFound:
        return None


async def load_replays(info: Info, project_id: ProjectId) -> list[ReplayNode]:
    """The newest of the project."""
    found = await info.context.services.replays.newest(project_id, _MAX_REPLAYS)
    return [ReplayNode.of(replay) for replay in found]
