"""Identity as the other parts call it: who is calling, what they may do, how keys and projects are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from redis.asyncio import Redis

from lumenspan.clock import utc_now
from lumenspan.errors import AccessDenied, InvalidInput, NotFound
from lumenspan.identity import headless, repository
from lumenspan.identity.accounts import Accounts
from lumenspan.identity.authentication import Authenticator
from lumenspan.identity.credentials import display_secret_key, hash_name, new_public_key, new_secret_key
from lumenspan.identity.domain import (
    ApiKey,
    KeyPrincipal,
    Organization,
    Principal,
    Project,
    Role,
    Session,
    UserPrincipal,
)
from lumenspan.identity.tables import ApiKeyRow, OrganizationRow, ProjectRow
from lumenspan.ids import ApiKeyId, OrganizationId, ProjectId, new_id
from lumenspan.settings import Settings
from lumenspan.storage.postgres import Postgres

MIN_RETENTION_DAYS = 3
_PUBLIC_KEY_ONLY = "Access denied - insufficient permissions for this endpoint"


class IdentityService:
    """Organizations, projects, people, keys and sessions; reads reach only what the principal may see."""

    def __init__(
        self, postgres: Postgres, redis: Redis, settings: Settings, *, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._postgres = postgres
        self._settings = settings
        self._now = now
        self._authenticator = Authenticator(postgres, redis, settings, now)
        self._accounts = Accounts(postgres, redis, settings, self._authenticator, now)

    # --- who is calling --------------------------------------------------------------------------------

    async def authenticate(self, authorization: str | None) -> Principal:
        """The principal behind an ``Authorization`` header.

        ``Basic`` public:secret key, ``Bearer`` session token, or ``Bearer`` public key (scores only).

        Raises:
            Unauthenticated: texts of the public API: no header, another scheme, unknown credentials.
            Unavailable: neither cache nor database can tell.
        """
        return await self._authenticator.authenticate(authorization)

    async def sign_up(self, email: str, password: str, name: str | None = None) -> Session:
        """A new account, signed in.

        Raises:
            InvalidInput: no e-mail address, or a password against the rules.
            Conflict: the address has an account.
            AccessDenied: sign-up or passwords are disabled.
        """
        return await self._accounts.sign_up(email, password, name)

    async def sign_in(self, email: str, password: str) -> Session:
        """A new session.

        Raises:
            Unauthenticated: wrong address or password; which of them is not told.
            RateLimited: too many failures for this address.
            AccessDenied: passwords are disabled.
        """
        return await self._accounts.sign_in(email, password)

    async def sign_out(self, principal: Principal) -> None:
        """End the principal's session; it is refused everywhere within a second."""
        await self._accounts.sign_out(principal)

    async def initialize(self) -> None:
        """Make what ``LANGFUSE_INIT_*`` asks for; idempotent, safe from several servers at once."""
        await headless.initialize(
            self._postgres, self._settings, self._authenticator, self._accounts.passwords
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
        async with self._postgres.session() as session:
            found = await repository.projects_of_user(session, principal.user.id, project_ids=project_ids)
        return roles | {project.id: role for project, role in found}

    async def role_in_project(self, principal: Principal, project_id: ProjectId) -> Role:
        """The effective role; NONE for a foreign or absent project, MEMBER for a key in its own."""
        return (await self.roles_by_project(principal, [project_id]))[project_id]

    async def roles_by_organization(
        self, principal: Principal, organization_ids: Sequence[OrganizationId]
    ) -> dict[OrganizationId, Role]:
        """Every id asked for with the role in the organization itself; NONE where foreign, and for keys."""
        roles = dict.fromkeys(organization_ids, Role.NONE)
        if isinstance(principal, UserPrincipal):
            async with self._postgres.session() as session:
                found = await repository.organizations_of_user(session, principal.user.id, organization_ids)
            roles |= {organization.id: role for organization, role in found}
        return roles

    async def require_project(self, principal: Principal, project_id: ProjectId, needed: Role) -> Project:
        """The project, when the principal has at least that role in it.

        Raises:
            NotFound: foreign or absent.
            AccessDenied: the role is too low.
        """
        if isinstance(principal, KeyPrincipal) and principal.is_public_key_only:
            if principal.project_id == project_id:
                raise AccessDenied(_PUBLIC_KEY_ONLY)
            raise NotFound("Project not found")
        found = await self._visible_projects(principal, project_ids=[project_id])
        if not found:
            raise NotFound("Project not found")
        project, role = found[0]
        if not role.covers(needed):
            raise AccessDenied(f"This needs the role {needed.value} in the project")
        return project

    # --- reading ---------------------------------------------------------------------------------------

    async def organizations(self, principal: Principal) -> list[Organization]:
        """Organizations within reach, oldest first; a key sees the one of its project."""
        return [organization for organization, _ in await self._visible_organizations(principal)]

    async def organizations_by_id(
        self, principal: Principal, organization_ids: Sequence[OrganizationId]
    ) -> dict[OrganizationId, Organization]:
        """Those of the ids that are within reach."""
        found = await self._visible_organizations(principal, organization_ids)
        return {organization.id: organization for organization, _ in found}

    async def organization_of(self, principal: Principal, project: Project) -> Organization:
        """The organization of a project within reach.

        Raises:
            NotFound: it is not within reach.
        """
        found = await self._visible_organizations(principal, [project.organization_id])
        if not found:
            raise NotFound("Organization not found")
        return found[0][0]

    async def projects(self, principal: Principal) -> list[Project]:
        """Projects within reach, oldest first."""
        return [project for project, _ in await self._visible_projects(principal)]

    async def project(self, principal: Principal, project_id: ProjectId) -> Project | None:
        """The project, or nothing when foreign or absent."""
        found = await self._visible_projects(principal, project_ids=[project_id])
        return found[0][0] if found else None

    async def projects_by_organization(
        self, principal: Principal, organization_ids: Sequence[OrganizationId]
    ) -> dict[OrganizationId, list[Project]]:
        """Every id asked for with the projects within reach, oldest first."""
        grouped: dict[OrganizationId, list[Project]] = {id_: [] for id_ in organization_ids}
        for project, _ in await self._visible_projects(principal, organization_ids=organization_ids):
            grouped[project.organization_id].append(project)
        return grouped

    async def api_keys(self, principal: Principal, project_id: ProjectId) -> list[ApiKey]:
        """The project's keys without their secrets, newest first; needs MEMBER."""
        await self.require_project(principal, project_id, Role.MEMBER)
        async with self._postgres.session() as session:
            return await repository.api_keys_of(session, project_id)

    async def api_keys_by_project(
        self, principal: Principal, project_ids: Sequence[ProjectId]
    ) -> dict[ProjectId, list[ApiKey]]:
        """``api_keys`` of several projects; those without the right to see them are left out."""
        roles = await self.roles_by_project(principal, project_ids)
        grouped: dict[ProjectId, list[ApiKey]] = {
            project_id: [] for project_id, role in roles.items() if role.covers(Role.MEMBER)
        }
        async with self._postgres.session() as session:
            for key in await repository.api_keys_of(session, *grouped):
                grouped[key.project_id].append(key)
        return grouped

    # --- writing ---------------------------------------------------------------------------------------

    async def create_organization(self, principal: Principal, name: str) -> Organization:
        """A new organization that the person owns."""
        if not isinstance(principal, UserPrincipal):
            raise AccessDenied("Only people create organizations")
        row = OrganizationRow(id=new_id(), name=_name(name))
        async with self._postgres.session() as session:
            session.add(row)
            await session.flush()
            await repository.add_memberships(session, principal.user.id, organization=(row.id, Role.OWNER))
        return repository.to_organization(row)

    async def create_project(
        self,
        principal: Principal,
        organization_id: OrganizationId,
        name: str,
        retention_days: int | None = None,
    ) -> Project:
        """A new project; needs ADMIN in the organization. No retention (or 0) keeps data for ever.

        Raises:
            NotFound: the organization is foreign or absent.
            AccessDenied: the role is too low.
            InvalidInput: no name, or a retention under three days.
        """
        await self._require_organization(principal, organization_id, Role.ADMIN)
        if retention_days and retention_days < MIN_RETENTION_DAYS:
            raise InvalidInput(f"Retention is 0 (for ever) or at least {MIN_RETENTION_DAYS} days")
        row = ProjectRow(
            id=new_id(),
            organization_id=organization_id,
            name=_name(name),
            retention_days=retention_days or None,
        )
        async with self._postgres.session() as session:
            session.add(row)
        return repository.to_project(row)

    async def create_api_key(
        self,
        principal: Principal,
        project_id: ProjectId,
        note: str | None = None,
        expires_at: datetime | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key and its secret, which is not to be had again; needs ADMIN.

        Raises:
            InvalidInput: ``expires_at`` is not in the future.
        """
        await self.require_project(principal, project_id, Role.ADMIN)
        if expires_at is not None and (expires_at.tzinfo is None or expires_at <= self._now()):
            raise InvalidInput("expiresAt must be in the future and carry an offset")
        secret_key = new_secret_key()
        row = ApiKeyRow(
            id=new_id(),
            project_id=project_id,
            public_key=new_public_key(),
            secret_hash=self._authenticator.secret_hash(secret_key),
            display_secret_key=display_secret_key(secret_key),
            note=note,
            expires_at=expires_at,
        )
        async with self._postgres.session() as session:
            session.add(row)
        return repository.to_api_key(row), secret_key

    async def revoke_api_key(self, principal: Principal, project_id: ProjectId, key_id: ApiKeyId) -> bool:
        """Whether there was such a key; it is refused everywhere within a second. Needs ADMIN.

        Raises:
            Unavailable: a store is down and nothing was revoked.
        """
        await self.require_project(principal, project_id, Role.ADMIN)
        cache = self._authenticator.cache
        async with self._postgres.session() as session:
            row = await repository.lock_api_key(session, project_id, key_id)
            if row is None:
                return False
            await session.delete(row)
            await session.flush()
            # Before the commit: should Redis be down, the key stays valid and the caller knows. The other
            # way round it would be gone here and come back with the cache.
            if self._settings.is_api_key_cache_enabled:
                public_name = cache.public_name(hash_name(row.public_key))
                await cache.refuse(cache.secret_name(row.secret_hash), public_name)
        return True

    # --- scope -----------------------------------------------------------------------------------------

    async def _visible_projects(
        self,
        principal: Principal,
        *,
        project_ids: Sequence[str] | None = None,
        organization_ids: Sequence[str] | None = None,
    ) -> list[tuple[Project, Role]]:
        async with self._postgres.session() as session:
            if isinstance(principal, UserPrincipal):
                return await repository.projects_of_user(
                    session, principal.user.id, project_ids=project_ids, organization_ids=organization_ids
                )
            if principal.is_public_key_only or (
                project_ids is not None and principal.project_id not in project_ids
            ):
                return []
            row = await session.get(ProjectRow, principal.project_id)
        if row is None or (organization_ids is not None and row.organization_id not in organization_ids):
            return []
        return [(repository.to_project(row), Role.MEMBER)]

    async def _visible_organizations(
        self, principal: Principal, organization_ids: Sequence[str] | None = None
    ) -> list[tuple[Organization, Role]]:
        async with self._postgres.session() as session:
            if isinstance(principal, UserPrincipal):
                return await repository.organizations_of_user(session, principal.user.id, organization_ids)
            own = principal.organization_id
            if principal.is_public_key_only or (
                organization_ids is not None and own not in organization_ids
            ):
                return []
            row = await session.get(OrganizationRow, own)
        return [(repository.to_organization(row), Role.NONE)] if row else []

    async def _require_organization(
        self, principal: Principal, organization_id: OrganizationId, needed: Role
    ) -> None:
        found = await self._visible_organizations(principal, [organization_id])
        if not found:
            raise NotFound("Organization not found")
        if not found[0][1].covers(needed):
            raise AccessDenied(f"This needs the role {needed.value} in the organization")


def _name(name: str) -> str:
    """The name without surrounding space.

    Raises:
        InvalidInput: empty, too long, or with control characters.
    """
    stripped = name.strip()
    if not stripped or len(stripped) > 200 or not stripped.isprintable():
        raise InvalidInput("A name has 1 to 200 printable characters")
    return stripped
