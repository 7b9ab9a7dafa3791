"""GraphQL types of observations. Resolvers convert; texts come from a loader."""

# The library types its decorators for resolvers of plain classes only.
# mypy: disable-error-code="untyped-decorator"

from decimal import Decimal
from typing import Self

import orjson
import strawberry
from strawberry.scalars import JSON

from lumenspan.cursors import encode_cursor, number_and_id
from lumenspan.ids import ProjectId
from lumenspan.observations.domain import (
    Level,
    Observation,
    ObservationPage,
    ObservationTexts,
    ObservationType,
    Pricing,
)
from lumenspan.traces.domain import TraceKey
from lumenspan_server.gql.context import Info
from lumenspan_server.gql.loaders import ObservationAt, ObservationsOf, ProjectLoaders
from lumenspan_server.gql.relay import PageInfo, checked_first
from lumenspan_server.gql.scalars import BigInt, Instant
from lumenspan_server.media.nodes import MediaReferenceNode
from lumenspan_server.scores.nodes import ScoreNode

strawberry.enum(ObservationType, name="ObservationType")
MAX_PAGE = 1_000
_NANOS_PER_MS = 1e6


@strawberry.type
class UsageEntry:
    key: str
    value: BigInt


@strawberry.type(description="US dollars of one kind")
class CostEntry:
    key: str
    value: Decimal


def usage_entries(usage: dict[str, int]) -> list[UsageEntry]:
    """Entries in order of their keys."""
    return [UsageEntry(key=key, value=BigInt(value)) for key, value in sorted(usage.items())]


def to_ms(nanos: int | None) -> float | None:
    """Milliseconds for people; the exact times are in the timestamps."""
    return None if nanos is None else nanos / _NANOS_PER_MS


@strawberry.type(name="ObservationPricing", description="Where token counts and cost come from")
class PricingNode:
    model_id: strawberry.ID | None = strawberry.field(description="The definition that the model matched")
    tier_id: strawberry.ID | None
    tier_name: str | None
    price_source: str | None = strawberry.field(
        description="The price table and its version, or the revision of the project's own definition"
    )
    usage_source: str | None = strawberry.field(description="provided, tokenizer or estimated")
    cost_source: str | None = strawberry.field(description="provided or calculated")

    @classmethod
    def of(cls, pricing: Pricing) -> Self:
        return cls(
            model_id=strawberry.ID(pricing.model_id) if pricing.model_id else None,
            tier_id=strawberry.ID(pricing.tier_id) if pricing.tier_id else None,
            tier_name=pricing.tier_name or None,
            price_source=pricing.price_source or None,
            usage_source=pricing.usage_source or None,
            cost_source=pricing.cost_source or None,
        )


@strawberry.type(name="Observation", description="One span of a trace")
class ObservationNode:
    domain: strawberry.Private[Observation]
    trace: strawberry.Private[TraceKey]
    loaders: strawberry.Private[ProjectLoaders]
    id: strawberry.ID
    trace_id: strawberry.ID
    parent_observation_id: strawberry.ID | None
    type: ObservationType
    name: str | None
    start_time: Instant
    end_time: Instant | None
    completion_start_time: Instant | None
    latency_ms: float | None
    time_to_first_token_ms: float | None
    level: Level
    status_message: str | None
    environment: str
    version: str | None
    release: str | None
    user_id: str | None
    session_id: str | None
    model: str | None
    input_preview: str | None = strawberry.field(description="First 200 characters")
    output_preview: str | None = strawberry.field(description="First 200 characters")
    prompt_name: str | None
    prompt_version: int | None
    total_cost: Decimal | None = strawberry.field(description="US dollars")
    pricing: PricingNode

    @classmethod
    def of(cls, domain: Observation, trace: TraceKey, loaders: ProjectLoaders) -> Self:
        known_type = domain.type if domain.type in ObservationType.__members__ else ObservationType.SPAN
        end, completion = domain.end_ns, domain.completion_start_ns
        return cls(
            domain=domain,
            trace=trace,
            loaders=loaders,
            id=strawberry.ID(domain.id),
            trace_id=strawberry.ID(domain.trace_id),
            parent_observation_id=strawberry.ID(domain.parent_id) if domain.parent_id else None,
            type=ObservationType(known_type),
            name=domain.name or None,
            start_time=Instant(domain.start_ns),
            end_time=None if end is None else Instant(end),
            completion_start_time=None if completion is None else Instant(completion),
            latency_ms=to_ms(domain.latency_ns),
            time_to_first_token_ms=to_ms(domain.time_to_first_token_ns),
            level=domain.level,
            status_message=domain.status_message or None,
            environment=domain.environment,
            version=domain.version or None,
            release=domain.release or None,
            user_id=domain.user_id or None,
            session_id=domain.session_id or None,
            model=domain.model or None,
            input_preview=domain.input_preview or None,
            output_preview=domain.output_preview or None,
            prompt_name=domain.prompt_name or None,
            prompt_version=domain.prompt_version,
            total_cost=domain.total_cost,
            pricing=PricingNode.of(domain.pricing),
        )

    @strawberry.field(description="Full text as stored: JSON or plain text")
    async def input(self) -> str | None:
        return (await self._texts()).input

    @strawberry.field(description="Full text as stored: JSON or plain text")
    async def output(self) -> str | None:
        return (await self._texts()).output

    @strawberry.field
    def model_parameters(self) -> JSON:
        try:
            return JSON(orjson.loads(self.domain.model_parameters or "{}"))
        except orjson.JSONDecodeError:
            return JSON({"value": self.domain.model_parameters})

    @strawberry.field(description="An object of text values")
    def metadata(self) -> JSON:
        return JSON(self.domain.metadata)

    @strawberry.field
    def usage(self) -> list[UsageEntry]:
        return usage_entries(self.domain.usage)

    @strawberry.field
    def cost(self) -> list[CostEntry]:
        return [CostEntry(key=key, value=value) for key, value in sorted(self.domain.cost.items())]

    @strawberry.field(description="Newest first")
    async def scores(self) -> list[ScoreNode]:
        found = await self.loaders.scores.load(self.trace.id)
        return [ScoreNode.of(score) for score in found if score.observation_id == self.domain.id]

    @strawberry.field(description="Files that it refers to")
    async def media(self) -> list[MediaReferenceNode]:
        files = await self.loaders.files.load(self.trace.id)
        project_id = self.loaders.project_id
        return [
            MediaReferenceNode.of(project_id, file)
            for file in files
            if file.observation_id == self.domain.id
        ]

    async def _texts(self) -> ObservationTexts:
        return await self.loaders.observation_texts.load(ObservationAt(self.trace, self.domain.id))


@strawberry.type
class ObservationEdge:
    cursor: str
    node: ObservationNode


@strawberry.type
class ObservationConnection:
    edges: list[ObservationEdge]
    page_info: PageInfo

    @classmethod
    def of(
        cls, page: ObservationPage, trace: TraceKey, loaders: ProjectLoaders, *, has_previous: bool
    ) -> Self:
        edges = [
            ObservationEdge(
                cursor=encode_cursor([observation.start_ns, observation.id]),
                node=ObservationNode.of(observation, trace, loaders),
            )
            for observation in page.observations
        ]
        cursors = [edge.cursor for edge in edges]
        return cls(
            edges=edges, page_info=PageInfo.of(cursors, has_next=page.has_more, has_previous=has_previous)
        )


async def load_observations(
    loaders: ProjectLoaders, trace: TraceKey, first: int, after: str | None
) -> ObservationConnection:
    """A page of the observations of a trace, in order of start."""
    position = number_and_id(after)
    page = await loaders.observations.load(ObservationsOf(trace, checked_first(first, MAX_PAGE), position))
    return ObservationConnection.of(page, trace, loaders, has_previous=after is not None)


async def load_observation(
    info: Info, project_id: ProjectId, trace: TraceKey, loaders: ProjectLoaders, observation_id: str
) -> ObservationNode | None:
    """One observation of a trace, None where there is none."""
    found = await info.context.services.observations.get(project_id, trace, observation_id)
    return None if found is None else ObservationNode.of(found, trace, loaders)
