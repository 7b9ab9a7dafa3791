"""Reads and writes of members in PostgreSQL, each within one organization or project."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from lumenspan.identity import repository
from lumenspan.identity.domain import Member, Role
from lumenspan.identity.tables import (
    OrganizationMembershipRow,
    ProjectMembershipRow,
    ProjectRow,
    SuspendedMembershipRow,
    UserRow,
)
from lumenspan.storage import statements


async def of_organization(
    session: AsyncSession,
    organization_id: str,
    *,
    user_id: str | None = None,
    email: str | None = None,
    offset: int = 0,
    limit: int | None = None,
) -> list[Member]:
    """Members in the order in which they joined; only the one of that id or address where given."""
    membership = OrganizationMembershipRow
    query = (
        select(UserRow, col(membership.role))
        .join(membership, col(membership.user_id) == col(UserRow.id))
        .where(col(membership.organization_id) == organization_id)
        .order_by(col(membership.created_at), col(UserRow.id))
        .offset(offset)
        .limit(limit)
    )
    if user_id is not None:
        query = query.where(col(UserRow.id) == user_id)
    if email is not None:
        query = query.where(col(UserRow.email) == email)
    found = (await session.execute(query)).all()
    return [Member(repository.to_user(row), Role(role)) for row, role in found]


async def count(session: AsyncSession, organization_id: str) -> int:
    """How many members the organization has."""
    row = OrganizationMembershipRow
    return await statements.count(session, row, col(row.organization_id) == organization_id)


async def has_other_owner(session: AsyncSession, organization_id: str, user_id: str) -> bool:
    """Whether somebody else owns the organization; lock it before."""
    query = (
        select(col(OrganizationMembershipRow.user_id))
        .where(
            col(OrganizationMembershipRow.organization_id) == organization_id,
            col(OrganizationMembershipRow.role) == Role.OWNER.value,
            col(OrganizationMembershipRow.user_id) != user_id,
        )
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none() is not None


async def set_role(session: AsyncSession, organization_id: str, user_id: str, role: Role) -> None:
    """Make the person a member with that role, suspended or not before."""
    values = {"organization_id": organization_id, "user_id": user_id, "role": role.value}
    await session.execute(
        insert(OrganizationMembershipRow)
        .values(values)
        .on_conflict_do_update(index_elements=["organization_id", "user_id"], set_={"role": role.value})
    )
    await forget_suspended(session, organization_id, user_id)


async def remove(session: AsyncSession, organization_id: str, user_id: str) -> None:
    """The person is no member; roles in projects stay, without effect."""
    await session.execute(
        delete(OrganizationMembershipRow).where(
            col(OrganizationMembershipRow.organization_id) == organization_id,
            col(OrganizationMembershipRow.user_id) == user_id,
        )
    )


async def remove_project_roles(session: AsyncSession, organization_id: str, user_id: str) -> None:
    """The person has no role of their own in any project of the organization."""
    projects = select(col(ProjectRow.id)).where(col(ProjectRow.organization_id) == organization_id)
    await session.execute(
        delete(ProjectMembershipRow).where(
            col(ProjectMembershipRow.user_id) == user_id, col(ProjectMembershipRow.project_id).in_(projects)
        )
    )


# --- suspended ------------------------------------------------------------------------------------


async def find_suspended(session: AsyncSession, organization_id: str, user_id: str) -> Member | None:
    """A person who was suspended, with the role to come back to."""
    query = (
        select(UserRow, col(SuspendedMembershipRow.role))
        .join(SuspendedMembershipRow, col(SuspendedMembershipRow.user_id) == col(UserRow.id))
        .where(
            col(SuspendedMembershipRow.organization_id) == organization_id,
            col(SuspendedMembershipRow.user_id) == user_id,
        )
    )
    found = (await session.execute(query)).one_or_none()
    return Member(repository.to_user(found[0]), Role(found[1]), is_suspended=True) if found else None


async def suspend(session: AsyncSession, organization_id: str, user_id: str, role: Role) -> None:
    """Take the membership away and remember its role."""
    await remove(session, organization_id, user_id)
    values = {"organization_id": organization_id, "user_id": user_id, "role": role.value}
    await session.execute(
        insert(SuspendedMembershipRow)
        .values(values)
        .on_conflict_do_update(index_elements=["organization_id", "user_id"], set_={"role": role.value})
    )


async def forget_suspended(session: AsyncSession, organization_id: str, user_id: str) -> None:
    await session.execute(
        delete(SuspendedMembershipRow).where(
            col(SuspendedMembershipRow.organization_id) == organization_id,
            col(SuspendedMembershipRow.user_id) == user_id,
        )
    )


async def belongs_elsewhere(session: AsyncSession, organization_id: str, user_id: str) -> bool:
    """Whether the person is a member of another organization, suspended there or not."""
    for table in (OrganizationMembershipRow, SuspendedMembershipRow):
        query = (
            select(col(table.user_id))
            .where(col(table.user_id) == user_id, col(table.organization_id) != organization_id)
            .limit(1)
        )
        if (await session.execute(query)).scalar_one_or_none() is not None:
            return True
    return False


# --- projects -------------------------------------------------------------------------------------


async def of_project(session: AsyncSession, project_id: str) -> list[Member]:
    """People with a role of their own in the project, in the order in which they got it."""
    membership = ProjectMembershipRow
    query = (
        select(UserRow, col(membership.role))
        .join(membership, col(membership.user_id) == col(UserRow.id))
        .where(col(membership.project_id) == project_id)
        .order_by(col(membership.created_at), col(UserRow.id))
    )
    found = (await session.execute(query)).all()
    return [Member(repository.to_user(row), Role(role)) for row, role in found]


async def set_project_role(session: AsyncSession, project_id: str, user_id: str, role: Role) -> None:
    values = {"project_id": project_id, "user_id": user_id, "role": role.value}
    await session.execute(
        insert(ProjectMembershipRow)
        .values(values)
        .on_conflict_do_update(index_elements=["project_id", "user_id"], set_={"role": role.value})
    )


async def remove_project_role(session: AsyncSession, project_id: str, user_id: str) -> bool:
    """Whether there was one."""
    gone = (
        delete(ProjectMembershipRow)
        .where(
            col(ProjectMembershipRow.project_id) == project_id,
            col(ProjectMembershipRow.user_id) == user_id,
        )
        .returning(col(ProjectMembershipRow.user_id))
    )
    return (await session.execute(gone)).scalar_one_or_none() is not None
