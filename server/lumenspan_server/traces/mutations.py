"""GraphQL mutations of traces."""

# The library types its decorators for resolvers of plain classes only.
# mypy: disable-error-code="untyped-decorator"

import strawberry

from lumenspan.identity.domain import Role
from lumenspan.ids import ProjectId
from lumenspan_server.gql.context import Info

PERMISSIONS = {"deleteTraces": "MEMBER of the project"}


@strawberry.input
class DeleteTracesInput:
    project_id: strawberry.ID
    ids: list[strawberry.ID] = strawberry.field(description="At most 1000; unknown ones are no error")


@strawberry.type
class TraceMutation:
    @strawberry.mutation(
        description="They are hidden at once, with all that belongs to them, and gone soon after"
    )
    async def delete_traces(self, info: Info, input: DeleteTracesInput) -> bool:
        principal = await info.context.principal()
        services = info.context.services
        project = await services.identity.require_project(
            principal, ProjectId(input.project_id), Role.MEMBER
        )
        await services.deletion.delete(project.id, input.ids)
        return True
