"""Identity as the other parts call it: who is calling, what they may do, how keys and projects are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from redis.asyncio import Redis

from lumenspan.clock import utc_now
from lumenspan.errors import AccessDenied, NotFound
from lumenspan.identity import headless, repository
from lumenspan.identity.accounts import Accounts
from lumenspan.identity.administration import Administration
from lumenspan.identity.authentication import Authenticator
from lumenspan.identity.domain import (
    KeyPrincipal,
    Organization,
    Principal,
    Project,
    Role,
    UserPrincipal,
)
from lumenspan.identity.keys import Keys
from lumenspan.identity.memberships import Memberships
from lumenspan.identity.projects import Projects
from lumenspan.identity.provisioning import Provisioning
from lumenspan.identity.rules import checked_name
from lumenspan.identity.scope import Scope
from lumenspan.identity.tables import OrganizationRow
from lumenspan.ids import OrganizationId, ProjectId, new_id
from lumenspan.settings import Settings
from lumenspan.storage.postgres import Postgres
from lumenspan.storage.queue import JobQueue


class IdentityService:
    """Organizations, projects, people, keys and sessions; reads reach only what the principal may see.

    Attributes:
        accounts: people, how they get an account and a session.
        keys: API keys of projects and of organizations.
        projects: which ones are within reach, and how they are made, changed and deleted.
        memberships: who has which role.
        provisioning: people as an identity provider keeps them.
        administration: the whole instance, for the holder of its administrator's key.
    """

    def __init__(
        self, postgres: Postgres, redis: Redis, settings: Settings, *, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._postgres = postgres
        self._settings = settings
        self._scope = Scope(postgres)
        self._authenticator = Authenticator(postgres, redis, settings, now)
        self.accounts = Accounts(postgres, redis, settings, self._authenticator, now)
        self.keys = Keys(
            postgres, self._scope, self._authenticator, now, is_cached=settings.is_api_key_cache_enabled
        )
        self.projects = Projects(postgres, self._scope, self.keys, JobQueue(redis, settings), now)
        self.memberships = Memberships(postgres, self._scope)
        self.provisioning = Provisioning(postgres, self._scope, now)
        self.administration = Administration(postgres, self.keys, settings, now)

    # --- who is calling --------------------------------------------------------------------------------

    async def authenticate(self, authorization: str | None) -> Principal:
        """The principal behind an ``Authorization`` header.

        ``Basic`` public:secret key, ``Bearer`` session token, or ``Bearer`` public key (scores only).

        Raises:
            Unauthenticated: texts of the public API: no header, another scheme, unknown credentials.
            Unavailable: neither cache nor database can tell.
        """
        return await self._authenticator.authenticate(authorization)

    async def initialize(self) -> None:
        """Make what ``LANGFUSE_INIT_*`` asks for; idempotent, safe from several servers at once."""
        await headless.initialize(
            self._postgres, self._settings, self._authenticator, self.accounts.passwords
        )

    # --- what they may do ------------------------------------------------------------------------------

    async def roles_by_project(
        self, principal: Principal, project_ids: Sequence[ProjectId]
    ) -> dict[ProjectId, Role]:
        """Every id asked for with the effective role; NONE where foreign or absent."""
        roles = dict.fromkeys(project_ids, Role.NONE)
        if isinstance(principal, KeyPrincipal):
            if principal.project_id in roles and not principal.is_public_key_only:
                roles[principal.project_id] = Role.MEMBER
            return roles
        found = await self._scope.projects(principal, project_ids=project_ids)
        return roles | {project.id: role for project, role in found}

    async def role_in_project(self, principal: Principal, project_id: ProjectId) -> Role:
        """The effective role; NONE for a foreign or absent project, MEMBER for a key in its own."""
        return (await self.roles_by_project(principal, [project_id]))[project_id]

    async def roles_by_organization(
        self, principal: Principal, organization_ids: Sequence[OrganizationId]
    ) -> dict[OrganizationId, Role]:
        """Every id asked for with the role in the organization; NONE where foreign or for project keys."""
        roles = dict.fromkeys(organization_ids, Role.NONE)
        if not isinstance(principal, KeyPrincipal):
            found = await self._scope.organizations(principal, organization_ids)
            roles |= {organization.id: role for organization, role in found}
        return roles

    async def require_project(self, principal: Principal, project_id: ProjectId, needed: Role) -> Project:
        """The project, when the principal has at least that role in it.

        Raises:
            NotFound: foreign, absent or being deleted.
            AccessDenied: the role is too low.
        """
        return await self._scope.require_project(principal, project_id, needed)

    # --- reading ---------------------------------------------------------------------------------------

    async def organizations(self, principal: Principal) -> list[Organization]:
        """Organizations within reach, oldest first; a key sees the one of its project."""
        return [organization for organization, _ in await self._scope.organizations(principal)]

    async def organizations_by_id(
        self, principal: Principal, organization_ids: Sequence[OrganizationId]
    ) -> dict[OrganizationId, Organization]:
        """Those of the ids that are within reach."""
        found = await self._scope.organizations(principal, organization_ids)
        return {organization.id: organization for organization, _ in found}

    async def organization_of(self, principal: Principal, project: Project) -> Organization:
        """The organization of a project within reach.

        Raises:
            NotFound: it is not within reach.
        """
        found = await self._scope.organizations(principal, [project.organization_id])
        if not found:
            raise NotFound("Organization not found")
        return found[0][0]

    # --- writing ---------------------------------------------------------------------------------------

    async def create_organization(self, principal: Principal, name: str) -> Organization:
        """A new organization that the person owns."""
        if not isinstance(principal, UserPrincipal):
            raise AccessDenied("Only people create organizations")
        row = OrganizationRow(id=new_id(), name=checked_name(name))
        async with self._postgres.session() as session:
            session.add(row)
            await session.flush()
            await repository.add_memberships(session, principal.user.id, organization=(row.id, Role.OWNER))
        return repository.to_organization(row)
