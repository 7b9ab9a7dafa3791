"""Reads and writes of identity in PostgreSQL; rows in, domain out. The caller owns the transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import ColumnElement, Select, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from lumenspan.identity.domain import ApiKey, Organization, Project, Role, User
from lumenspan.identity.tables import (
    ApiKeyRow,
    OrganizationMembershipRow,
    OrganizationRow,
    ProjectMembershipRow,
    ProjectRow,
    SessionRow,
    UserRow,
)
from lumenspan.ids import ApiKeyId, OrganizationId, ProjectId, UserId
from lumenspan.storage import statements

_LAST_USED_STEP = timedelta(minutes=1)


def to_organization(row: OrganizationRow) -> Organization:
    return Organization(OrganizationId(row.id), row.name, dict(row.extra), row.created_at)


def to_project(row: ProjectRow) -> Project:
    return Project(
        ProjectId(row.id),
        OrganizationId(row.organization_id),
        row.name,
        row.retention_days,
        dict(row.extra),
        row.created_at,
        row.updated_at,
    )


def to_user(row: UserRow) -> User:
    return User(UserId(row.id), row.email, row.name, row.created_at, row.updated_at)


def to_api_key(row: ApiKeyRow) -> ApiKey:
    return ApiKey(
        ApiKeyId(row.id),
        ProjectId(row.project_id) if row.project_id else None,
        OrganizationId(row.organization_id) if row.organization_id else None,
        row.public_key,
        row.display_secret_key,
        row.note,
        row.created_at,
        row.expires_at,
        row.last_used_at,
    )


# --- keys and sessions ----------------------------------------------------------------------------


async def find_key(
    session: AsyncSession, *, secret_hash: str | None = None, public_key: str | None = None
) -> tuple[ApiKeyRow, str] | None:
    """The key of that secret's hash, or of that public key, and its organization's id."""
    organization_id = func.coalesce(col(ApiKeyRow.organization_id), col(ProjectRow.organization_id))
    query = (
        select(ApiKeyRow, organization_id)
        .outerjoin(ProjectRow, col(ProjectRow.id) == col(ApiKeyRow.project_id))
        .where(col(ProjectRow.deleted_at).is_(None))
    )
    if secret_hash is not None:
        query = query.where(col(ApiKeyRow.secret_hash) == secret_hash)
    else:
        query = query.where(col(ApiKeyRow.public_key) == public_key)
    found = (await session.execute(query)).one_or_none()
    return (found[0], found[1]) if found else None


async def mark_key_used(session: AsyncSession, api_key_id: str, now: datetime) -> None:
    """Note the use, once a minute at most."""
    await session.execute(
        update(ApiKeyRow)
        .where(
            col(ApiKeyRow.id) == api_key_id,
            or_(col(ApiKeyRow.last_used_at).is_(None), col(ApiKeyRow.last_used_at) < now - _LAST_USED_STEP),
        )
        .values(last_used_at=now)
    )


async def find_session_user(session: AsyncSession, token_hash: str) -> tuple[User, datetime] | None:
    """Who signed in, and when that ends (perhaps in the past)."""
    query = (
        select(UserRow, col(SessionRow.expires_at))
        .join(SessionRow, col(SessionRow.user_id) == col(UserRow.id))
        .where(col(SessionRow.token_hash) == token_hash)
    )
    found = (await session.execute(query)).one_or_none()
    return (to_user(found[0]), found[1]) if found else None


async def find_user_by_email(session: AsyncSession, email: str) -> UserRow | None:
    return await statements.one(session, UserRow, col(UserRow.email) == email)


async def delete_session(session: AsyncSession, token_hash: str) -> None:
    await session.execute(delete(SessionRow).where(col(SessionRow.token_hash) == token_hash))


async def delete_expired_sessions(session: AsyncSession, user_id: str, now: datetime) -> None:
    await session.execute(
        delete(SessionRow).where(col(SessionRow.user_id) == user_id, col(SessionRow.expires_at) <= now)
    )


async def api_keys_of(session: AsyncSession, project_id: str) -> list[ApiKey]:
    """The keys of the project, newest first."""
    query = (
        select(ApiKeyRow)
        .where(col(ApiKeyRow.project_id) == project_id)
        .order_by(col(ApiKeyRow.created_at).desc(), col(ApiKeyRow.id))
    )
    return [to_api_key(row) for row in (await session.execute(query)).scalars()]


async def api_keys_of_organization(session: AsyncSession, organization_id: str) -> list[ApiKey]:
    """The keys of the organization itself, oldest first."""
    query = (
        select(ApiKeyRow)
        .where(col(ApiKeyRow.organization_id) == organization_id)
        .order_by(col(ApiKeyRow.created_at), col(ApiKeyRow.id))
    )
    return [to_api_key(row) for row in (await session.execute(query)).scalars()]


def keys_of_project(project_id: str) -> ColumnElement[bool]:
    """Condition for ``lock_api_keys``."""
    return col(ApiKeyRow.project_id) == project_id


def keys_of_organization(organization_id: str) -> ColumnElement[bool]:
    """Condition for ``lock_api_keys``: the organization's own keys, not those of its projects."""
    return col(ApiKeyRow.organization_id) == organization_id


async def lock_api_keys(
    session: AsyncSession, scope: ColumnElement[bool], key_id: str | None = None
) -> list[ApiKeyRow]:
    """The keys of a project or organization, or the one of that id, locked until the transaction ends."""
    query = select(ApiKeyRow).where(scope).order_by(col(ApiKeyRow.id)).with_for_update()
    if key_id is not None:
        query = query.where(col(ApiKeyRow.id) == key_id)
    return list((await session.execute(query)).scalars())


# --- organizations and projects -------------------------------------------------------------------


async def lock_organization(session: AsyncSession, organization_id: str) -> OrganizationRow | None:
    """The organization, locked until the transaction ends: its names and members change one by one."""
    is_it = col(OrganizationRow.id) == organization_id
    return await statements.one(session, OrganizationRow, is_it, is_locked=True)


async def find_project(session: AsyncSession, project_id: str) -> ProjectRow | None:
    """The project, unless it is being deleted."""
    where = (col(ProjectRow.id) == project_id, col(ProjectRow.deleted_at).is_(None))
    return await statements.one(session, ProjectRow, *where)


async def lock_project(session: AsyncSession, organization_id: str, project_id: str) -> ProjectRow | None:
    """The project of that organization, locked until the transaction ends; None once it is deleted."""
    where = (
        col(ProjectRow.id) == project_id,
        col(ProjectRow.organization_id) == organization_id,
        col(ProjectRow.deleted_at).is_(None),
    )
    return await statements.one(session, ProjectRow, *where, is_locked=True)


async def projects_of_organizations(
    session: AsyncSession, organization_ids: Sequence[str], project_ids: Sequence[str] | None = None
) -> list[Project]:
    """Their projects, oldest first; of those only the ones named in ``project_ids`` where given."""
    query = (
        select(ProjectRow)
        .where(col(ProjectRow.organization_id).in_(organization_ids), col(ProjectRow.deleted_at).is_(None))
        .order_by(col(ProjectRow.created_at), col(ProjectRow.id))
    )
    if project_ids is not None:
        query = query.where(col(ProjectRow.id).in_(project_ids))
    return [to_project(row) for row in (await session.execute(query)).scalars()]


async def is_project_name_taken(
    session: AsyncSession, organization_id: str, name: str, *, but: str | None = None
) -> bool:
    """Whether another project of the organization has the name; lock the organization before."""
    query = (
        select(col(ProjectRow.id))
        .where(
            col(ProjectRow.organization_id) == organization_id,
            col(ProjectRow.name) == name,
            col(ProjectRow.id) != (but or ""),
            col(ProjectRow.deleted_at).is_(None),
        )
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none() is not None


# --- what a person may see ------------------------------------------------------------------------


def _memberships(user_id: str) -> Select[tuple[ProjectRow, str, str | None]]:
    """Projects with the person's role in the organization and, where set, in the project."""
    organization_role, project_role = OrganizationMembershipRow, ProjectMembershipRow
    # Null where the outer join finds none.
    own_role = cast("ColumnElement[str | None]", col(project_role.role))
    return (
        select(ProjectRow, col(organization_role.role), own_role)
        .join(
            organization_role,
            (col(organization_role.organization_id) == col(ProjectRow.organization_id))
            & (col(organization_role.user_id) == user_id),
        )
        .outerjoin(
            project_role,
            (col(project_role.project_id) == col(ProjectRow.id)) & (col(project_role.user_id) == user_id),
        )
        .where(col(ProjectRow.deleted_at).is_(None))
        .order_by(col(ProjectRow.created_at), col(ProjectRow.id))
    )


async def projects_of_user(
    session: AsyncSession,
    user_id: str,
    *,
    project_ids: Sequence[str] | None = None,
    organization_ids: Sequence[str] | None = None,
) -> list[tuple[Project, Role]]:
    """Projects that the person may see, with the effective role, oldest first."""
    query = _memberships(user_id)
    if project_ids is not None:
        query = query.where(col(ProjectRow.id).in_(project_ids))
    if organization_ids is not None:
        query = query.where(col(ProjectRow.organization_id).in_(organization_ids))
    found = [
        (to_project(row), Role(project_role or organization_role))
        for row, organization_role, project_role in (await session.execute(query)).all()
    ]
    return [(project, role) for project, role in found if role is not Role.NONE]


async def organizations_of_user(
    session: AsyncSession, user_id: str, organization_ids: Sequence[str] | None = None
) -> list[tuple[Organization, Role]]:
    """Organizations that the person is a member of (perhaps with no role of its own), oldest first."""
    membership = OrganizationMembershipRow
    query = (
        select(OrganizationRow, col(membership.role))
        .join(membership, col(membership.organization_id) == col(OrganizationRow.id))
        .where(col(membership.user_id) == user_id)
        .order_by(col(OrganizationRow.created_at), col(OrganizationRow.id))
    )
    if organization_ids is not None:
        query = query.where(col(OrganizationRow.id).in_(organization_ids))
    return [(to_organization(row), Role(role)) for row, role in (await session.execute(query)).all()]


async def add_memberships(
    session: AsyncSession,
    user_id: str,
    *,
    organization: tuple[str, Role] | None = None,
    project: tuple[str, Role] | None = None,
) -> None:
    """Make the person a member; one who already is keeps the role."""
    if organization is not None:
        values = {"organization_id": organization[0], "user_id": user_id, "role": organization[1].value}
        await session.execute(insert(OrganizationMembershipRow).values(values).on_conflict_do_nothing())
    if project is not None:
        values = {"project_id": project[0], "user_id": user_id, "role": project[1].value}
        await session.execute(insert(ProjectMembershipRow).values(values).on_conflict_do_nothing())
