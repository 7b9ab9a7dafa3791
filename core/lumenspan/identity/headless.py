"""Headless initialization: what ``LANGFUSE_INIT_*`` asks for is made where it does not exist yet."""

from __future__ import annotations

import structlog
from sqlalchemy import or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from lumenspan.errors import InvalidInput
from lumenspan.identity import repository
from lumenspan.identity.authentication import Authenticator
from lumenspan.identity.credentials import Passwords, display_secret_key, hash_name, normalize_email
from lumenspan.identity.domain import Role
from lumenspan.identity.tables import ApiKeyRow, OrganizationRow, ProjectRow, UserRow
from lumenspan.ids import new_id
from lumenspan.settings import Settings
from lumenspan.storage.postgres import Postgres

_log = structlog.get_logger()

_LOCK = 7_205_118_302_441_553_921


async def initialize(
    postgres: Postgres, settings: Settings, authenticator: Authenticator, passwords: Passwords
) -> None:
    """Make organization, project, key and user; what exists stays. Safe from several servers at once.

    Raises:
        InvalidInput: the e-mail address is none.
        Unavailable: PostgreSQL is down.
    """
    if not settings.init_org_id:
        return
    async with postgres.session() as session:
        # Held until the transaction ends: another server waits here and then finds everything made.
        await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        await _organization(session, settings)
        await _project(session, settings)
        names = await _key(session, settings, authenticator)
        await _user(session, settings, passwords)
    if names and settings.is_api_key_cache_enabled:
        # Somebody may have tried the key before it existed.
        await authenticator.cache.forget(*names)


async def _organization(session: AsyncSession, settings: Settings) -> None:
    values = {"id": settings.init_org_id, "name": settings.init_org_name or "Provisioned Org"}
    await session.execute(insert(OrganizationRow).values(values).on_conflict_do_nothing())


async def _project(session: AsyncSession, settings: Settings) -> None:
    if not settings.init_project_id:
        return
    values = {
        "id": settings.init_project_id,
        "organization_id": settings.init_org_id,
        "name": settings.init_project_name or "Provisioned Project",
        # 0 is the documented way to say "for ever".
        "retention_days": settings.init_project_retention_days or None,
    }
    await session.execute(insert(ProjectRow).values(values).on_conflict_do_nothing())


async def _key(session: AsyncSession, settings: Settings, authenticator: Authenticator) -> list[str]:
    """The names that the key has in the cache, where it was made now."""
    if not (settings.init_project_id and settings.init_public_key and settings.init_secret_key):
        return []
    secret_key = settings.init_secret_key.get_secret_value()
    secret_hash = authenticator.secret_hash(secret_key)
    taken = (
        await session.execute(
            select(ApiKeyRow).where(
                or_(
                    col(ApiKeyRow.public_key) == settings.init_public_key,
                    col(ApiKeyRow.secret_hash) == secret_hash,
                )
            )
        )
    ).scalars()
    rows = list(taken)
    if rows:
        if any(
            row.public_key != settings.init_public_key or row.secret_hash != secret_hash for row in rows
        ):
            _log.warning("initial key differs from the stored one and was left as it is")
        return []
    session.add(
        ApiKeyRow(
            id=new_id(),
            project_id=settings.init_project_id,
            public_key=settings.init_public_key,
            secret_hash=secret_hash,
            display_secret_key=display_secret_key(secret_key),
            note="Provisioned API Key",
        )
    )
    await session.flush()
    cache = authenticator.cache
    return [cache.secret_name(secret_hash), cache.public_name(hash_name(settings.init_public_key))]


async def _user(session: AsyncSession, settings: Settings, passwords: Passwords) -> None:
    if not (settings.init_user_email and settings.init_user_password and settings.init_org_id):
        return
    try:
        email = normalize_email(settings.init_user_email)
    except InvalidInput:
        raise InvalidInput("LANGFUSE_INIT_USER_EMAIL is not an e-mail address") from None
    row = await repository.find_user_by_email(session, email)
    if row is None:
        row = UserRow(
            id=new_id(),
            email=email,
            name=settings.init_user_name or "Provisioned User",
            password_hash=await passwords.hash(settings.init_user_password.get_secret_value()),
        )
        session.add(row)
        await session.flush()
    await repository.add_memberships(session, row.id, organization=(settings.init_org_id, Role.OWNER))
