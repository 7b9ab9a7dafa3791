"""The subscription that tails the traces of a project."""

# The library types its decorators for resolvers of plain classes only.
# mypy: disable-error-code="untyped-decorator"

import time
from collections.abc import AsyncGenerator

import strawberry

from lumenspan.identity.domain import Role
from lumenspan.ids import ProjectId
from lumenspan.traces.domain import TraceFilter
from lumenspan_server.gql.context import Info
from lumenspan_server.traces.inputs import TraceFilterInput
from lumenspan_server.traces.nodes import TraceNode

# A revoked key or an ended session stops its tails this soon after.
_RECHECK_S = 5.0


@strawberry.type(description="Traces that were written, newest first, each complete as of now")
class TraceTailEvent:
    cursor: str = strawberry.field(description="Resume with the last one seen")
    traces: list[TraceNode]
    is_gap: bool = strawberry.field(description="true when the cursor was too old: reload the list")


@strawberry.type
class Subscription:
    @strawberry.subscription(
        description="Traces that were written after the cursor (none given: from now on), in batches; "
        "resume with the last cursor seen. The first event comes at once and may be empty."
    )
    async def trace_tail(
        self,
        info: Info,
        project_id: strawberry.ID,
        filter: TraceFilterInput | None = None,
        after: str | None = None,
    ) -> AsyncGenerator[TraceTailEvent, None]:
        context, project = info.context, ProjectId(project_id)
        where = filter.to_domain() if filter else TraceFilter()
        identity = context.services.identity
        await identity.require_project(await context.principal(), project, Role.VIEWER)
        checked_at = time.monotonic()
        events = context.services.tail.subscribe(project, where, after)
        try:
            async for event in events:
                if time.monotonic() - checked_at > _RECHECK_S:
                    await identity.require_project(await context.principal(), project, Role.VIEWER)
                    checked_at = time.monotonic()
                # Sums and texts change with every write, so each event has loaders of its own.
                loaders = context.new_project_loaders(project)
                yield TraceTailEvent(
                    cursor=event.cursor,
                    traces=[TraceNode.of(trace, loaders) for trace in event.traces],
                    is_gap=event.is_gap,
                )
        finally:
            await events.aclose()
