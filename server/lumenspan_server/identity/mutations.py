"""GraphQL mutations of identity. Each says in ``PERMISSIONS`` what it needs; a test walks the schema."""

# The library types its decorators for resolvers of plain classes only.
# mypy: disable-error-code="untyped-decorator"

import strawberry

from lumenspan.clock import nanos_to_datetime
from lumenspan.identity.domain import KeyWish
from lumenspan.ids import ApiKeyId, OrganizationId, ProjectId
from lumenspan_server.gql.context import Info
from lumenspan_server.gql.scalars import Instant
from lumenspan_server.identity.nodes import (
    ApiKeyNode,
    CreateApiKeyPayload,
    OrganizationNode,
    ProjectNode,
    SignInPayload,
)

PERMISSIONS = {
    "signUp": "anyone",
    "signIn": "anyone",
    "signOut": "signed-in user",
    "createOrganization": "signed-in user",
    "createProject": "ADMIN of the organization",
    "deleteProject": "OWNER of the project",
    "createApiKey": "ADMIN of the project",
    "revokeApiKey": "ADMIN of the project",
    "createOrganizationApiKey": "OWNER of the organization",
    "revokeOrganizationApiKey": "OWNER of the organization",
}


@strawberry.input
class SignUpInput:
    email: str
    password: str
    name: str | None = None


@strawberry.input
class SignInInput:
    email: str
    password: str


@strawberry.input
class CreateOrganizationInput:
    name: str


@strawberry.input
class CreateProjectInput:
    organization_id: strawberry.ID
    name: str
    retention_days: int | None = None


@strawberry.input
class DeleteProjectInput:
    id: strawberry.ID


@strawberry.input
class CreateApiKeyInput:
    project_id: strawberry.ID
    note: str | None = None
    expires_at: Instant | None = None


@strawberry.input
class RevokeApiKeyInput:
    project_id: strawberry.ID
    id: strawberry.ID


@strawberry.input
class CreateOrganizationApiKeyInput:
    organization_id: strawberry.ID
    note: str | None = None
    expires_at: Instant | None = None


@strawberry.input
class RevokeOrganizationApiKeyInput:
    organization_id: strawberry.ID
    id: strawberry.ID


@strawberry.type
class IdentityMutation:
    """Each parses its input, calls one method of the service and converts the answer."""

    @strawberry.mutation
    async def sign_up(self, info: Info, input: SignUpInput) -> SignInPayload:
        accounts = info.context.services.identity.accounts
        return SignInPayload.of(await accounts.sign_up(input.email, input.password, input.name))

    @strawberry.mutation
    async def sign_in(self, info: Info, input: SignInInput) -> SignInPayload:
        accounts = info.context.services.identity.accounts
        return SignInPayload.of(await accounts.sign_in(input.email, input.password))

    @strawberry.mutation(description="End the session that this call is made with")
    async def sign_out(self, info: Info) -> bool:
        await info.context.services.identity.accounts.sign_out(await info.context.user())
        return True

    @strawberry.mutation
    async def create_organization(self, info: Info, input: CreateOrganizationInput) -> OrganizationNode:
        user = await info.context.user()
        return OrganizationNode.of(
            await info.context.services.identity.create_organization(user, input.name)
        )

    @strawberry.mutation
    async def create_project(self, info: Info, input: CreateProjectInput) -> ProjectNode:
        user = await info.context.user()
        project = await info.context.services.identity.projects.create(
            user, OrganizationId(input.organization_id), input.name, input.retention_days
        )
        return ProjectNode.of(project)

    @strawberry.mutation(description="The project is gone at once, its data soon after, for good")
    async def delete_project(self, info: Info, input: DeleteProjectInput) -> bool:
        user = await info.context.user()
        await info.context.services.identity.projects.delete(user, ProjectId(input.id))
        return True

    @strawberry.mutation
    async def create_api_key(self, info: Info, input: CreateApiKeyInput) -> CreateApiKeyPayload:
        user = await info.context.user()
        expires_at = None if input.expires_at is None else nanos_to_datetime(input.expires_at)
        key, secret = await info.context.services.identity.keys.create_for_project(
            user, ProjectId(input.project_id), KeyWish(input.note, expires_at)
        )
        return CreateApiKeyPayload(api_key=ApiKeyNode.of(key), secret_key=secret)

    @strawberry.mutation(description="false where there is no such key")
    async def revoke_api_key(self, info: Info, input: RevokeApiKeyInput) -> bool:
        user = await info.context.user()
        return await info.context.services.identity.keys.revoke_of_project(
            user, ProjectId(input.project_id), ApiKeyId(input.id)
        )

    @strawberry.mutation(description="A key that administers the organization over REST, and reads no data")
    async def create_organization_api_key(
        self, info: Info, input: CreateOrganizationApiKeyInput
    ) -> CreateApiKeyPayload:
        user = await info.context.user()
        expires_at = None if input.expires_at is None else nanos_to_datetime(input.expires_at)
        key, secret = await info.context.services.identity.keys.create_for_organization(
            user, OrganizationId(input.organization_id), KeyWish(input.note, expires_at)
        )
        return CreateApiKeyPayload(api_key=ApiKeyNode.of(key), secret_key=secret)

    @strawberry.mutation(description="false where there is no such key")
    async def revoke_organization_api_key(self, info: Info, input: RevokeOrganizationApiKeyInput) -> bool:
        user = await info.context.user()
        return await info.context.services.identity.keys.revoke_of_organization(
            user, OrganizationId(input.organization_id), ApiKeyId(input.id)
        )
