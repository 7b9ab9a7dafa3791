"""GraphQL types of traces. Resolvers convert; sums, texts and observations come from loaders."""

# The library types its decorators for resolvers of plain classes only.
# mypy: disable-error-code="untyped-decorator"

from decimal import Decimal
from typing import Self

import strawberry
from strawberry.scalars import JSON

from lumenspan.cursors import decode_cursor, encode_cursor
from lumenspan.errors import InvalidInput
from lumenspan.ids import ProjectId, TraceId
from lumenspan.observations.domain import Level
from lumenspan.traces.domain import Trace, TraceFilter, TraceOrder
from lumenspan_server.gql.context import Info
from lumenspan_server.gql.loaders import ProjectLoaders
from lumenspan_server.gql.relay import PageInfo, checked_first
from lumenspan_server.gql.scalars import Instant
from lumenspan_server.ingestion.explanations import ExplainedFieldNode, load_explanation
from lumenspan_server.media.nodes import MediaReferenceNode
from lumenspan_server.observations.nodes import (
    ObservationConnection,
    ObservationNode,
    UsageEntry,
    load_observation,
    load_observations,
    usage_entries,
)
from lumenspan_server.scores.nodes import ScoreNode
from lumenspan_server.traces.inputs import TraceFilterInput, TraceOrderInput

MAX_PAGE = 200
_NANOS_PER_MS = 1e6


@strawberry.type(name="Trace", description="What one run of an application did, from all its observations")
class TraceNode:
    domain: strawberry.Private[Trace]
    loaders: strawberry.Private[ProjectLoaders]
    id: strawberry.ID
    project_id: strawberry.ID
    name: str | None
    timestamp: Instant
    end_time: Instant | None
    latency_ms: float | None
    user_id: str | None
    session_id: str | None
    environment: str
    release: str | None
    version: str | None
    tags: list[str]
    is_public: bool
    level: Level = strawberry.field(description="The worst of its observations")

    @classmethod
    def of(cls, trace: Trace, loaders: ProjectLoaders) -> Self:
        return cls(
            domain=trace,
            loaders=loaders,
            id=strawberry.ID(trace.id),
            project_id=strawberry.ID(trace.project_id),
            name=trace.name or None,
            timestamp=Instant(trace.start_ns),
            end_time=Instant(trace.end_ns),
            latency_ms=trace.latency_ns / _NANOS_PER_MS,
            user_id=trace.user_id or None,
            session_id=trace.session_id or None,
            environment=trace.environment,
            release=trace.release or None,
            version=trace.version or None,
            tags=list(trace.tags),
            is_public=trace.is_public,
            level=trace.level,
        )

    @strawberry.field(description="First 200 characters")
    async def input_preview(self) -> str | None:
        return (await self.loaders.trace_previews.load(self.domain.key)).input

    @strawberry.field(description="First 200 characters")
    async def output_preview(self) -> str | None:
        return (await self.loaders.trace_previews.load(self.domain.key)).output

    @strawberry.field(description="Full text as stored: JSON or plain text")
    async def input(self) -> str | None:
        return (await self.loaders.trace_texts.load(self.domain.key)).input

    @strawberry.field(description="Full text as stored: JSON or plain text")
    async def output(self) -> str | None:
        return (await self.loaders.trace_texts.load(self.domain.key)).output

    @strawberry.field(description="An object of text values")
    async def metadata(self) -> JSON:
        return JSON(await self.loaders.trace_metadata.load(self.domain.key))

    @strawberry.field
    async def observation_count(self) -> int:
        return (await self.loaders.sums.load(self.domain.key)).observation_count

    @strawberry.field(description="US dollars; null where no cost is known")
    async def total_cost(self) -> Decimal | None:
        return (await self.loaders.sums.load(self.domain.key)).total_cost

    @strawberry.field
    async def usage(self) -> list[UsageEntry]:
        return usage_entries((await self.loaders.sums.load(self.domain.key)).usage)

    @strawberry.field(description="Of it and its observations, newest first, at most 1000")
    async def scores(self) -> list[ScoreNode]:
        return [ScoreNode.of(score) for score in await self.loaders.scores.load(self.domain.id)]

    @strawberry.field(description="Files that it and its observations refer to, at most 1000")
    async def media(self) -> list[MediaReferenceNode]:
        files = await self.loaders.files.load(self.domain.id)
        return [MediaReferenceNode.of(self.domain.project_id, file) for file in files]

    @strawberry.field(description="In order of start, at most 1000 a page")
    async def observations(self, first: int = 1000, after: str | None = None) -> ObservationConnection:
        return await load_observations(self.loaders, self.domain.key, first, after)

    @strawberry.field
    async def observation(self, info: Info, id: strawberry.ID) -> ObservationNode | None:
        return await load_observation(info, self.domain.project_id, self.domain.key, self.loaders, id)

    @strawberry.field(
        description="Which rule set each field of an observation; an error where its payload is gone"
    )
    async def explanation(
        self, info: Info, observation_id: strawberry.ID
    ) -> list[ExplainedFieldNode] | None:
        return await load_explanation(info, self.domain.project_id, self.domain.key, observation_id)


@strawberry.type
class TraceEdge:
    cursor: str
    node: TraceNode


@strawberry.type
class TraceConnection:
    edges: list[TraceEdge]
    page_info: PageInfo
    is_cut: bool = strawberry.field(description="true when a time limit cut the search short")


async def load_traces(
    info: Info,
    project_id: ProjectId,
    first: int,
    after: str | None,
    where: TraceFilterInput | None,
    order_by: TraceOrderInput | None,
) -> TraceConnection:
    """A page of the traces of a project."""
    order = order_by.to_domain() if order_by else TraceOrder()
    page = await info.context.services.traces.page(
        project_id,
        where.to_domain() if where else TraceFilter(),
        order,
        checked_first(first, MAX_PAGE),
        _position(after, order),
    )
    loaders = info.context.project_loaders(project_id)
    edges = [
        TraceEdge(
            cursor=encode_cursor([order.field.value, order.field.value_of(trace), trace.id]),
            node=TraceNode.of(trace, loaders),
        )
        for trace in page.traces
    ]
    cursors = [edge.cursor for edge in edges]
    return TraceConnection(
        edges=edges,
        page_info=PageInfo.of(cursors, has_next=page.has_more, has_previous=after is not None),
        is_cut=page.is_cut,
    )


async def load_trace(info: Info, project_id: ProjectId, trace_id: TraceId) -> TraceNode | None:
    """One trace, None where the project has none of that id."""
    found = await info.context.services.traces.get(project_id, trace_id)
    return None if found is None else TraceNode.of(found, info.context.project_loaders(project_id))


def _position(after: str | None, order: TraceOrder) -> tuple[int | str, str] | None:
    """Where a cursor points; the order's field is part of it, so a cursor of another order is refused."""
    if after is None:
        return None
    field, value, id_ = decode_cursor(after, [str, order.field.value_type, str])
    if field != order.field.value:
        raise InvalidInput("Invalid cursor: it is of another order")
    return value, str(id_)
