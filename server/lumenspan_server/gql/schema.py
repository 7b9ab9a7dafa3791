"""The GraphQL schema, put together from the types of each noun."""

# The library types its decorators for resolvers of plain classes only.
# mypy: disable-error-code="untyped-decorator"

from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.types import ExecutionContext

from lumenspan.errors import NotFound
from lumenspan.identity.domain import Role
from lumenspan.ids import OrganizationId, ProjectId
from lumenspan_server.gql.context import Info
from lumenspan_server.gql.extensions import extensions, log_errors
from lumenspan_server.gql.scalars import schema_config
from lumenspan_server.identity.mutations import IdentityMutation
from lumenspan_server.identity.nodes import OrganizationNode, ProjectNode, ServerInfo, ViewerNode
from lumenspan_server.ingestion.mutations import IngestionMutation
from lumenspan_server.metrics.nodes import MetricsQueries
from lumenspan_server.models.mutations import ModelMutation
from lumenspan_server.traces.mutations import TraceMutation
from lumenspan_server.traces.subscription import Subscription
from lumenspan_server.version import NAME, VERSION


@strawberry.type
class Query(MetricsQueries):
    @strawberry.field(description="null when not signed in; for a project key `user` is null")
    async def viewer(self, info: Info) -> ViewerNode | None:
        principal = await info.context.principal_or_none()
        return None if principal is None else ViewerNode(principal=principal)

    @strawberry.field
    def server_info(self, info: Info) -> ServerInfo:
        is_disabled = info.context.services.settings.is_sign_up_disabled
        return ServerInfo(name=NAME, version=VERSION, is_sign_up_disabled=is_disabled)

    @strawberry.field(description="Those of the caller")
    async def organizations(self, info: Info) -> list[OrganizationNode]:
        principal = await info.context.principal()
        found = await info.context.services.identity.organizations(principal)
        return [OrganizationNode.of(organization) for organization in found]

    @strawberry.field(description="null when foreign or absent")
    async def organization(self, info: Info, id: strawberry.ID) -> OrganizationNode | None:
        loaders = await info.context.identity_loaders()
        found = await loaders.organizations.load(OrganizationId(id))
        return None if found is None else OrganizationNode.of(found)

    @strawberry.field(description="null when foreign or absent")
    async def project(self, info: Info, id: strawberry.ID) -> ProjectNode | None:
        principal = await info.context.principal()
        try:
            found = await info.context.services.identity.require_project(
                principal, ProjectId(id), Role.VIEWER
            )
        except NotFound:
            return None
        return ProjectNode.of(found)


@strawberry.type
class Mutation(IdentityMutation, IngestionMutation, ModelMutation, TraceMutation):
    """Every mutation there is."""


class LumenspanSchema(strawberry.Schema):
    """Logs errors through our own logger instead of the library's."""

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """One log line for what operators must know."""
        log_errors(errors, execution_context.operation_name if execution_context else None)


def make_schema() -> LumenspanSchema:
    """The schema; one a process."""
    kinds: dict[str, Any] = {"query": Query, "mutation": Mutation, "subscription": Subscription}
    return LumenspanSchema(**kinds, config=schema_config(), extensions=extensions())
