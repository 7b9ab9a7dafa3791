"""Who has which role in an organization and in its projects."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from lumenspan.errors import AccessDenied, NotFound
from lumenspan.identity import member_repository as members
from lumenspan.identity import repository
from lumenspan.identity.domain import Member, Principal, Project, Role
from lumenspan.identity.scope import Scope
from lumenspan.identity.tables import UserRow
from lumenspan.ids import OrganizationId, ProjectId, UserId
from lumenspan.storage.postgres import Postgres

_LAST_OWNER = "The last owner of an organization cannot be removed"
_NO_USER = "User not found"
_NO_MEMBER = "User is not a member of the organization"
_NO_PROJECT = "Project not found or you don't have access to it"


async def require_other_owner(session: AsyncSession, organization_id: str, member: Member) -> None:
    """Return unless the person is the only owner; lock the organization before.

    Raises:
        AccessDenied: nobody else owns the organization.
    """
    if member.role is Role.OWNER and not await members.has_other_owner(
        session, organization_id, member.user.id
    ):
        raise AccessDenied(_LAST_OWNER)


class Memberships:
    """Reading needs VIEWER, changing ADMIN; nobody gives or takes a role above their own."""

    def __init__(self, postgres: Postgres, scope: Scope) -> None:
        self._postgres = postgres
        self._scope = scope

    async def of_organization(self, principal: Principal, organization_id: OrganizationId) -> list[Member]:
        """Members in the order in which they joined."""
        await self._scope.require_organization(principal, organization_id, Role.VIEWER)
        async with self._postgres.session() as session:
            return await members.of_organization(session, organization_id)

    async def set_in_organization(
        self, principal: Principal, organization_id: OrganizationId, user_id: UserId, role: Role
    ) -> Member:
        """Make a person with an account a member, or change the member's role.

        Raises:
            NotFound: nobody has that id, or the organization is foreign.
            AccessDenied: the role is too low, or the last owner would be none any more.
        """
        own = await self._own_role(principal, organization_id)
        _require_covered(own, role)
        async with self._postgres.session() as session:
            await repository.lock_organization(session, organization_id)
            row = await session.get(UserRow, user_id)
            if row is None:
                raise NotFound(_NO_USER)
            before = await members.of_organization(session, organization_id, user_id=user_id)
            if before:
                _require_covered(own, before[0].role)
                if role is not Role.OWNER:
                    await require_other_owner(session, organization_id, before[0])
            await members.set_role(session, organization_id, user_id, role)
            return Member(repository.to_user(row), role)

    async def remove_from_organization(
        self, principal: Principal, organization_id: OrganizationId, user_id: UserId
    ) -> None:
        """The person is no member any more, and has no role in the organization's projects.

        Raises:
            NotFound: no such member, or the organization is foreign.
            AccessDenied: the role is too low, or it is the last owner.
        """
        own = await self._own_role(principal, organization_id)
        async with self._postgres.session() as session:
            await repository.lock_organization(session, organization_id)
            before = await members.of_organization(session, organization_id, user_id=user_id)
            if not before:
                raise NotFound(_NO_MEMBER)
            _require_covered(own, before[0].role)
            await require_other_owner(session, organization_id, before[0])
            await members.remove(session, organization_id, user_id)
            await members.remove_project_roles(session, organization_id, user_id)

    async def of_project(self, principal: Principal, project_id: ProjectId) -> list[Member]:
        """People with a role of their own in the project, in the order in which they got it."""
        await self._require_project(principal, project_id, Role.VIEWER)
        async with self._postgres.session() as session:
            return await members.of_project(session, project_id)

    async def set_in_project(
        self, principal: Principal, project_id: ProjectId, user_id: UserId, role: Role
    ) -> Member:
        """Give a member of the organization a role in the project, in place of that in the organization.

        Raises:
            NotFound: the project is foreign or the person is no member of its organization.
            AccessDenied: the role is too low.
        """
        project = await self._require_project(
            principal, project_id, Role.OWNER if role is Role.OWNER else Role.ADMIN
        )
        async with self._postgres.session() as session:
            await repository.lock_organization(session, project.organization_id)
            if await repository.lock_project(session, project.organization_id, project_id) is None:
                raise NotFound(_NO_PROJECT)
            found = await members.of_organization(session, project.organization_id, user_id=user_id)
            if not found:
                raise NotFound(_NO_MEMBER)
            await members.set_project_role(session, project_id, user_id, role)
            return Member(found[0].user, role)

    async def remove_from_project(
        self, principal: Principal, project_id: ProjectId, user_id: UserId
    ) -> None:
        """The person has the role in the organization again.

        Raises:
            NotFound: the project is foreign, or the person has no role of their own in it.
            AccessDenied: the role is too low.
        """
        await self._require_project(principal, project_id, Role.ADMIN)
        async with self._postgres.session() as session:
            if not await members.remove_project_role(session, project_id, user_id):
                raise NotFound("User has no role of their own in the project")

    async def _own_role(self, principal: Principal, organization_id: OrganizationId) -> Role:
        found = await self._scope.organizations(principal, [organization_id])
        if not found:
            raise NotFound("Organization not found")
        if not found[0][1].covers(Role.ADMIN):
            raise AccessDenied("This needs the role ADMIN in the organization")
        return found[0][1]

    async def _require_project(self, principal: Principal, project_id: ProjectId, needed: Role) -> Project:
        try:
            return await self._scope.require_project(principal, project_id, needed)
        except NotFound:
            raise NotFound(_NO_PROJECT) from None


def _require_covered(own: Role, role: Role) -> None:
    if not own.covers(role):
        raise AccessDenied("Nobody gives or takes a role above their own")
