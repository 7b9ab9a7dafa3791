"""GraphQL mutations of ingestion: dead letters and replays."""

# The library types its decorators for resolvers of plain classes only.
# mypy: disable-error-code="untyped-decorator"

import strawberry

from lumenspan.clock import nanos_to_datetime
from lumenspan.identity.domain import Role
from lumenspan.ids import ProjectId
from lumenspan.ingest.replays import ReplayState
from lumenspan_server.gql.context import Info
from lumenspan_server.gql.scalars import Instant
from lumenspan_server.ingestion.nodes import ReplayNode

PERMISSIONS = {
    "replayDeadLetters": "MEMBER of the project",
    "discardDeadLetters": "MEMBER of the project",
    "startReplay": "MEMBER of the project",
    "pauseReplay": "MEMBER of the project",
    "cancelReplay": "MEMBER of the project",
}


@strawberry.input
class DeadLettersInput:
    project_id: strawberry.ID
    ids: list[strawberry.ID] = strawberry.field(description="At most 1000")


@strawberry.input(description="What was received from the one instant until before the other")
class StartReplayInput:
    project_id: strawberry.ID
    from_timestamp: Instant
    to_timestamp: Instant


@strawberry.input
class ReplayInput:
    project_id: strawberry.ID
    id: strawberry.ID


@strawberry.type
class IngestionMutation:
    """Each parses its input, calls one method of a service and converts the answer."""

    @strawberry.mutation(description="Process the payloads of these letters again; returns their number")
    async def replay_dead_letters(self, info: Info, input: DeadLettersInput) -> int:
        project_id = await _project(info, input.project_id)
        return await info.context.services.dead_letters.replay(project_id, input.ids)

    @strawberry.mutation(description="Forget letters; the payloads stay in the store. Returns their number")
    async def discard_dead_letters(self, info: Info, input: DeadLettersInput) -> int:
        project_id = await _project(info, input.project_id)
        return await info.context.services.dead_letters.discard(project_id, input.ids)

    @strawberry.mutation(
        description="Process raw payloads of a span of time again, or go on with a paused replay of it"
    )
    async def start_replay(self, info: Info, input: StartReplayInput) -> ReplayNode:
        project_id = await _project(info, input.project_id)
        span = nanos_to_datetime(input.from_timestamp), nanos_to_datetime(input.to_timestamp)
        return ReplayNode.of(await info.context.services.replays.start(project_id, *span))

    @strawberry.mutation(description="startReplay with the same times goes on")
    async def pause_replay(self, info: Info, input: ReplayInput) -> ReplayNode:
        return await _stop(info, input, ReplayState.PAUSED)

    @strawberry.mutation(description="What is done stays done")
    async def cancel_replay(self, info: Info, input: ReplayInput) -> ReplayNode:
        return await _stop(info, input, ReplayState.CANCELLED)


async def _stop(info: Info, input_: ReplayInput, state: ReplayState) -> ReplayNode:
    project_id = await _project(info, input_.project_id)
    return ReplayNode.of(await info.context.services.replays.stop(project_id, input_.id, state))


async def _project(info: Info, id_: strawberry.ID) -> ProjectId:
    principal = await info.context.principal()
    project = await info.context.services.identity.require_project(principal, ProjectId(id_), Role.MEMBER)
    return project.id
