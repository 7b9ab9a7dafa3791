"""GraphQL types of identity: who is calling, organizations, projects, users and keys."""

# The library types its decorators for resolvers of plain classes only.
# mypy: disable-error-code="untyped-decorator"

from typing import Annotated, Self

import strawberry

from lumenspan.errors import NotFound
from lumenspan.identity.domain import (
    ApiKey,
    Organization,
    Principal,
    Project,
    Role,
    Session,
    User,
    UserPrincipal,
)
from lumenspan.ids import OrganizationId, ProjectId, TraceId
from lumenspan.media.domain import MediaId
from lumenspan_server.gql.context import Info
from lumenspan_server.gql.scalars import Instant, instant_of
from lumenspan_server.ingestion.nodes import (
    BacklogNode,
    DeadLetterConnection,
    DeadLetterNode,
    ReplayNode,
    load_backlog,
    load_dead_letter,
    load_dead_letters,
    load_replays,
)
from lumenspan_server.media.nodes import MediaNode, load_media
from lumenspan_server.metrics.nodes import MetricsQueryInput, MetricsResult, load_metrics
from lumenspan_server.models.nodes import ModelConnection, ModelNode, load_models
from lumenspan_server.traces.inputs import TraceFilterInput, TraceOrderInput
from lumenspan_server.traces.nodes import TraceConnection, TraceNode, load_trace, load_traces

strawberry.enum(Role, name="Role", description="Rights within an organization or project, most first")


@strawberry.type(name="User", description="A person with an account")
class UserNode:
    id: strawberry.ID
    email: str
    name: str | None

    @classmethod
    def of(cls, user: User) -> Self:
        return cls(id=strawberry.ID(user.id), email=user.email, name=user.name)


@strawberry.type(
    name="ApiKey",
    description="A key of a project or of an organization; its secret is shown once, when it is made",
)
class ApiKeyNode:
    id: strawberry.ID
    public_key: str
    display_secret_key: str
    note: str | None
    created_at: Instant
    expires_at: Instant | None
    last_used_at: Instant | None

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        return cls(
            id=strawberry.ID(key.id),
            public_key=key.public_key,
            display_secret_key=key.display_secret_key,
            note=key.note,
            created_at=instant_of(key.created_at),
            expires_at=instant_of(key.expires_at) if key.expires_at else None,
            last_used_at=instant_of(key.last_used_at) if key.last_used_at else None,
        )


@strawberry.type(
    name="Project", description="Where traces are kept; nothing in it is seen from another one"
)
class ProjectNode:
    id: strawberry.ID
    name: str
    retention_days: int | None
    created_at: Instant
    organization_id: strawberry.Private[str]

    @classmethod
    def of(cls, project: Project) -> Self:
        return cls(
            id=strawberry.ID(project.id),
            name=project.name,
            retention_days=project.retention_days,
            created_at=instant_of(project.created_at),
            organization_id=project.organization_id,
        )

    @strawberry.field
    async def role(self, info: Info) -> Role:
        loaders = await info.context.identity_loaders()
        return await loaders.roles_by_project.load(ProjectId(self.id))

    @strawberry.field
    async def organization(
        self, info: Info
    ) -> Annotated["OrganizationNode", strawberry.lazy("lumenspan_server.identity.nodes")]:
        loaders = await info.context.identity_loaders()
        found = await loaders.organizations.load(OrganizationId(self.organization_id))
        if found is None:
            raise NotFound("The organization is not within reach")
        return OrganizationNode.of(found)

    @strawberry.field(description="Keys of the project; needs the role MEMBER")
    async def api_keys(self, info: Info) -> list[ApiKeyNode]:
        principal = await info.context.principal()
        keys = await info.context.services.identity.keys.of_project(principal, ProjectId(self.id))
        return [ApiKeyNode.of(key) for key in keys]

    @strawberry.field(description="Traces, at most 200 a page")
    async def traces(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        filter: TraceFilterInput | None = None,
        order_by: TraceOrderInput | None = None,
    ) -> TraceConnection:
        return await load_traces(info, ProjectId(self.id), first, after, filter, order_by)

    @strawberry.field
    async def trace(self, info: Info, id: strawberry.ID) -> TraceNode | None:
        return await load_trace(info, ProjectId(self.id), TraceId(id))

    @strawberry.field(description="Distinct values for filter bars, at most 100, newest first")
    async def environments(self, info: Info) -> list[str]:
        return await info.context.services.traces.environments(ProjectId(self.id))

    @strawberry.field(description="Model definitions by name, own and built-in ones, at most 200 a page")
    async def models(
        self, info: Info, first: int = 50, after: str | None = None, search: str | None = None
    ) -> ModelConnection:
        return await load_models(info, ProjectId(self.id), first, after, search)

    @strawberry.field(description="null when absent")
    async def model(self, info: Info, id: strawberry.ID) -> ModelNode | None:
        try:
            return ModelNode.of(await info.context.services.models.get(ProjectId(self.id), id))
        except NotFound:
            return None

    @strawberry.field(
        description="Numbers of traces, observations or scores; metricsViews says what there is"
    )
    async def metrics(self, info: Info, query: MetricsQueryInput) -> MetricsResult:
        return await load_metrics(info, ProjectId(self.id), query)

    @strawberry.field(description="What was accepted and is not readable yet")
    async def backlog(self, info: Info) -> BacklogNode:
        return await load_backlog(info, ProjectId(self.id))

    @strawberry.field(description="What could not be stored, newest first, at most 200 a page")
    async def dead_letters(
        self, info: Info, first: int = 50, after: str | None = None, reason: str | None = None
    ) -> DeadLetterConnection:
        return await load_dead_letters(info, ProjectId(self.id), first, after, reason)

    @strawberry.field(description="null when absent")
    async def dead_letter(self, info: Info, id: strawberry.ID) -> DeadLetterNode | None:
        return await load_dead_letter(info, ProjectId(self.id), id)

    @strawberry.field(description="The newest fifty")
    async def replays(self, info: Info) -> list[ReplayNode]:
        return await load_replays(info, ProjectId(self.id))

    @strawberry.field(description="A file by the id in a reference string; null when absent")
    async def media(self, info: Info, id: strawberry.ID) -> MediaNode | None:
        return await load_media(info, ProjectId(self.id), MediaId(id))


@strawberry.type(name="Organization", description="Projects and the people who share them")
class OrganizationNode:
    id: strawberry.ID
    name: str
    created_at: Instant

    @classmethod
    def of(cls, organization: Organization) -> Self:
        return cls(
            id=strawberry.ID(organization.id),
            name=organization.name,
            created_at=instant_of(organization.created_at),
        )

    @strawberry.field
    async def role(self, info: Info) -> Role:
        loaders = await info.context.identity_loaders()
        return await loaders.roles_by_organization.load(OrganizationId(self.id))

    @strawberry.field(description="Those that the caller may see")
    async def projects(self, info: Info) -> list[ProjectNode]:
        loaders = await info.context.identity_loaders()
        found = await loaders.projects_by_organization.load(OrganizationId(self.id))
        return [ProjectNode.of(project) for project in found]

    @strawberry.field(description="Keys of the organization itself; needs the role ADMIN")
    async def api_keys(self, info: Info) -> list[ApiKeyNode]:
        principal = await info.context.principal()
        keys = await info.context.services.identity.keys.of_organization(principal, OrganizationId(self.id))
        return [ApiKeyNode.of(key) for key in keys]


@strawberry.type(
    name="Viewer", description="Who is calling: a person, or an application with a project key"
)
class ViewerNode:
    principal: strawberry.Private[Principal]

    @strawberry.field(description="null for a project key")
    def user(self) -> UserNode | None:
        return UserNode.of(self.principal.user) if isinstance(self.principal, UserPrincipal) else None

    @strawberry.field
    async def projects(self, info: Info) -> list[ProjectNode]:
        found = await info.context.services.identity.projects.within_reach(self.principal)
        return [ProjectNode.of(project) for project in found]

    @strawberry.field
    async def organizations(self, info: Info) -> list[OrganizationNode]:
        found = await info.context.services.identity.organizations(self.principal)
        return [OrganizationNode.of(organization) for organization in found]


@strawberry.type(description="A fresh sign-in; the token goes into `Authorization: Bearer <token>`")
class SignInPayload:
    token: str
    expires_at: Instant
    user: UserNode

    @classmethod
    def of(cls, session: Session) -> Self:
        return cls(
            token=session.token,
            expires_at=instant_of(session.expires_at),
            user=UserNode.of(session.user),
        )


@strawberry.type(description="A new key and its secret, which is never shown again")
class CreateApiKeyPayload:
    api_key: ApiKeyNode
    secret_key: str


@strawberry.type
class ServerInfo:
    name: str
    version: str
    is_sign_up_disabled: bool
