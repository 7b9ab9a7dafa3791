"""People as an identity provider keeps them in an organization (SCIM 2.0)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lumenspan.errors import Conflict, InvalidInput, NotFound
from lumenspan.identity import member_repository as members
from lumenspan.identity import repository
from lumenspan.identity.credentials import normalize_email
from lumenspan.identity.domain import Member, Principal, Role
from lumenspan.identity.memberships import require_other_owner
from lumenspan.identity.rules import MAX_NAME_LENGTH
from lumenspan.identity.scope import Scope
from lumenspan.identity.tables import UserRow
from lumenspan.ids import OrganizationId, UserId, new_id
from lumenspan.storage.postgres import Postgres


@dataclass(frozen=True, slots=True)
class Profile:
    """What an identity provider says of a person; None is left as it is."""

    name: str | None = None
    role: Role | None = None
    is_active: bool | None = None


class Provisioning:
    """All of it needs OWNER in the organization. Accounts have no password until their owner sets one."""

    def __init__(self, postgres: Postgres, scope: Scope, now: Callable[[], datetime]) -> None:
        self._postgres = postgres
        self._scope = scope
        self._now = now

    async def page(
        self,
        principal: Principal,
        organization_id: OrganizationId,
        *,
        email: str | None = None,
        offset: int = 0,
        limit: int = 100,
    ) -> tuple[list[Member], int]:
        """Members in the order in which they joined and their number; only the one of that address."""
        await self._require(principal, organization_id)
        async with self._postgres.session() as session:
            if email is None:
                total = await members.count(session, organization_id)
                found = await members.of_organization(session, organization_id, offset=offset, limit=limit)
                return found, total
            wanted = email.strip().lower()
            if "\x00" in wanted:
                return [], 0
            found = await members.of_organization(session, organization_id, email=wanted)
            return found[offset : offset + limit], len(found)

    async def get(
        self,
        principal: Principal,
        organization_id: OrganizationId,
        user_id: UserId,
        *,
        is_suspended_too: bool = False,
    ) -> Member:
        """The member; NotFound for anybody else, and while suspended unless asked for."""
        await self._require(principal, organization_id)
        async with self._postgres.session() as session:
            return await self._find(session, organization_id, user_id, is_suspended_too=is_suspended_too)

    async def create(
        self, principal: Principal, organization_id: OrganizationId, email: str, profile: Profile
    ) -> Member:
        """A member, with a new account where nobody has the address; role NONE where none is said.

        Raises:
            InvalidInput: it is no e-mail address, or the name is too long.
            Conflict: the person is a member already.
        """
        await self._require(principal, organization_id)
        email, name = normalize_email(email), _checked_name(profile.name)
        async with self._postgres.session() as session:
            await repository.lock_organization(session, organization_id)
            values = {"id": new_id(), "email": email, "name": name}
            await session.execute(insert(UserRow).values(values).on_conflict_do_nothing())
            row = await repository.find_user_by_email(session, email)
            if row is None:
                raise NotFound("User not found")
            if await members.of_organization(session, organization_id, user_id=row.id):
                raise Conflict("User with this userName already exists in the organization")
            role = profile.role or Role.NONE
            if profile.is_active is False:
                await members.suspend(session, organization_id, row.id, role)
            else:
                await members.set_role(session, organization_id, row.id, role)
            return Member(repository.to_user(row), role, is_suspended=profile.is_active is False)

    async def update(
        self, principal: Principal, organization_id: OrganizationId, user_id: UserId, profile: Profile
    ) -> Member:
        """The member as the profile says; one who is suspended comes back only with ``is_active``.

        The name stays where the person belongs to another organization too: it is theirs.

        Raises:
            NotFound: no such member.
            AccessDenied: the last owner would be none any more.
        """
        await self._require(principal, organization_id)
        name = _checked_name(profile.name)
        async with self._postgres.session() as session:
            await repository.lock_organization(session, organization_id)
            before = await self._find(
                session, organization_id, user_id, is_suspended_too=bool(profile.is_active)
            )
            role = profile.role or before.role
            if not before.is_suspended and (role is not Role.OWNER or profile.is_active is False):
                await require_other_owner(session, organization_id, before)
            if profile.is_active is False:
                await members.suspend(session, organization_id, user_id, role)
            else:
                await members.set_role(session, organization_id, user_id, role)
            row = await session.get(UserRow, user_id)
            if row is None:
                raise NotFound("User not found")
            if name and name != row.name:
                if not await members.belongs_elsewhere(session, organization_id, user_id):
                    row.name, row.updated_at = name, self._now()
                await session.flush()
            return Member(repository.to_user(row), role, is_suspended=profile.is_active is False)

    async def remove(self, principal: Principal, organization_id: OrganizationId, user_id: UserId) -> None:
        """The person is no member any more; the account stays.

        Raises:
            NotFound: no such member, suspended or not.
            AccessDenied: it is the last owner.
        """
        await self._require(principal, organization_id)
        async with self._postgres.session() as session:
            await repository.lock_organization(session, organization_id)
            before = await self._find(session, organization_id, user_id, is_suspended_too=True)
            if not before.is_suspended:
                await require_other_owner(session, organization_id, before)
            await members.remove(session, organization_id, user_id)
            await members.forget_suspended(session, organization_id, user_id)
            await members.remove_project_roles(session, organization_id, user_id)

    async def _require(self, principal: Principal, organization_id: OrganizationId) -> None:
        await self._scope.require_organization(principal, organization_id, Role.OWNER)

    @staticmethod
    async def _find(
        session: AsyncSession, organization_id: str, user_id: str, *, is_suspended_too: bool = False
    ) -> Member:
        found = await members.of_organization(session, organization_id, user_id=user_id)
        if found:
            return found[0]
        suspended = (
            await members.find_suspended(session, organization_id, user_id) if is_suspended_too else None
        )
        if suspended is None:
            raise NotFound("User not found")
        return suspended


def _checked_name(name: str | None) -> str | None:
    stripped = (name or "").strip()
    if len(stripped) > MAX_NAME_LENGTH:
        raise InvalidInput(f"A name has at most {MAX_NAME_LENGTH} characters")
    return stripped or None
