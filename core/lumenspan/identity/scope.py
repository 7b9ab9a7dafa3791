"""What a principal reaches, and with which role."""

from __future__ import annotations

from collections.abc import Sequence

from lumenspan.errors import AccessDenied, NotFound
from lumenspan.identity import repository
from lumenspan.identity.domain import (
    KeyPrincipal,
    Organization,
    OrganizationKeyPrincipal,
    Principal,
    Project,
    Role,
    UserPrincipal,
)
from lumenspan.identity.tables import OrganizationRow
from lumenspan.ids import OrganizationId, ProjectId
from lumenspan.storage.postgres import Postgres

_PUBLIC_KEY_ONLY = "Access denied - insufficient permissions for this endpoint"


class Scope:
    """People reach what they are members of, project keys their project, keys of an organization all in it.

    A key of an organization has every right in it. That it reads no traces is a matter of the routes.
    """

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def projects(
        self,
        principal: Principal,
        *,
        project_ids: Sequence[str] | None = None,
        organization_ids: Sequence[str] | None = None,
    ) -> list[tuple[Project, Role]]:
        """Projects within reach with the effective role, oldest first; of those only the ones named."""
        async with self._postgres.session() as session:
            if isinstance(principal, UserPrincipal):
                return await repository.projects_of_user(
                    session, principal.user.id, project_ids=project_ids, organization_ids=organization_ids
                )
            if organization_ids is not None and principal.organization_id not in organization_ids:
                return []
            if isinstance(principal, OrganizationKeyPrincipal):
                own = [principal.organization_id]
                found = await repository.projects_of_organizations(session, own, project_ids)
                return [(project, Role.OWNER) for project in found]
            if principal.is_public_key_only or (
                project_ids is not None and principal.project_id not in project_ids
            ):
                return []
            row = await repository.find_project(session, principal.project_id)
        return [(repository.to_project(row), Role.MEMBER)] if row else []

    async def organizations(
        self, principal: Principal, organization_ids: Sequence[str] | None = None
    ) -> list[tuple[Organization, Role]]:
        """Organizations within reach with the role in them, oldest first; of those only the ones named."""
        async with self._postgres.session() as session:
            if isinstance(principal, UserPrincipal):
                return await repository.organizations_of_user(session, principal.user.id, organization_ids)
            own = principal.organization_id
            if organization_ids is not None and own not in organization_ids:
                return []
            if isinstance(principal, KeyPrincipal) and principal.is_public_key_only:
                return []
            row = await session.get(OrganizationRow, own)
        role = Role.OWNER if isinstance(principal, OrganizationKeyPrincipal) else Role.NONE
        return [(repository.to_organization(row), role)] if row else []

    async def require_project(self, principal: Principal, project_id: ProjectId, needed: Role) -> Project:
        """The project, when the principal has at least that role in it.

        Raises:
            NotFound: foreign, absent or being deleted.
            AccessDenied: the role is too low.
        """
        if isinstance(principal, KeyPrincipal) and principal.is_public_key_only:
            if principal.project_id == project_id:
                raise AccessDenied(_PUBLIC_KEY_ONLY)
            raise NotFound("Project not found")
        found = await self.projects(principal, project_ids=[project_id])
        if not found:
            raise NotFound("Project not found")
        project, role = found[0]
        if not role.covers(needed):
            raise AccessDenied(f"This needs the role {needed.value} in the project")
        return project

    async def require_organization(
        self, principal: Principal, organization_id: OrganizationId, needed: Role
    ) -> Organization:
        """The organization, when the principal has at least that role in it.

        Raises:
            NotFound: foreign or absent.
            AccessDenied: the role is too low.
        """
        found = await self.organizations(principal, [organization_id])
        if not found:
            raise NotFound("Organization not found")
        organization, role = found[0]
        if not role.covers(needed):
            raise AccessDenied(f"This needs the role {needed.value} in the organization")
        return organization
