"""Sign-up, sign-in and sign-out with e-mail and password."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from redis.asyncio import Redis
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from lumenspan.errors import AccessDenied, Conflict, InvalidInput, RateLimited, Unauthenticated, Unavailable
from lumenspan.identity import repository
from lumenspan.identity.authentication import Authenticator
from lumenspan.identity.credentials import (
    Passwords,
    check_password_rules,
    hash_name,
    new_session_token,
    normalize_email,
)
from lumenspan.identity.domain import Principal, Role, Session, User, UserPrincipal
from lumenspan.identity.tables import OrganizationRow, ProjectRow, SessionRow, UserRow
from lumenspan.ids import new_id
from lumenspan.settings import Settings
from lumenspan.storage.cache import key, redis_errors
from lumenspan.storage.postgres import Postgres

_log = structlog.get_logger()

MAX_FAILED_SIGN_INS = 10
FAILED_SIGN_INS_WINDOW_S = 300


class Accounts:
    """People: how they get an account and a session."""

    def __init__(
        self,
        postgres: Postgres,
        redis: Redis,
        settings: Settings,
        authenticator: Authenticator,
        now: Callable[[], datetime],
    ) -> None:
        self._postgres = postgres
        self._redis = redis
        self._settings = settings
        self._authenticator = authenticator
        self._now = now
        self.passwords = Passwords()

    async def sign_up(self, email: str, password: str, name: str | None = None) -> Session:
        """A new account, member of the default organization and project, signed in.

        Raises:
            InvalidInput: no e-mail address, or a password against the rules.
            Conflict: the address has an account.
            AccessDenied: sign-up or passwords are disabled.
        """
        if self._settings.is_sign_up_disabled:
            raise AccessDenied("Sign-up is disabled")
        self._require_passwords()
        email = normalize_email(email)
        check_password_rules(password)
        name = (name or "").strip() or None
        if name is not None and len(name) > 200:
            raise InvalidInput("A name has at most 200 characters")
        row = UserRow(
            id=new_id(), email=email, name=name, password_hash=await self.passwords.hash(password)
        )
        try:
            async with self._postgres.session() as session:
                session.add(row)
                await session.flush()
                await self._join_defaults(session, row.id)
                return await self._open_session(session, row)
        except IntegrityError:
            raise Conflict("There is an account with this e-mail address") from None

    async def sign_in(self, email: str, password: str) -> Session:
        """A new session.

        Raises:
            Unauthenticated: wrong address or password; which of them is not told.
            RateLimited: too many failures for this address.
            AccessDenied: passwords are disabled.
        """
        self._require_passwords()
        email = email.strip().lower()
        await self._count_attempt(email)
        async with self._postgres.session() as session:
            row = await repository.find_user_by_email(session, email) if "\x00" not in email else None
        if not await self.passwords.verify(row.password_hash if row else None, password) or row is None:
            raise Unauthenticated("Wrong e-mail address or password")
        await self._clear_attempts(email)
        async with self._postgres.session() as session:
            await repository.delete_expired_sessions(session, row.id, self._now())
            return await self._open_session(session, row)

    async def sign_out(self, principal: Principal) -> None:
        """End the session, everywhere within a second; again is no error. A key has none to end."""
        if not isinstance(principal, UserPrincipal):
            raise AccessDenied("Only people sign out; revoke the key instead")
        async with self._postgres.session() as session:
            await repository.delete_session(session, principal.token_hash)
        self._authenticator.forget_session(principal.token_hash)

    def _require_passwords(self) -> None:
        if self._settings.is_password_disabled:
            raise AccessDenied("Sign-in with e-mail and password is disabled")

    async def _open_session(self, session: AsyncSession, row: UserRow) -> Session:
        token = new_session_token()
        expires_at = self._now() + timedelta(minutes=self._settings.session_max_age_min)
        session.add(
            SessionRow(
                token_hash=self._authenticator.session_hash(token), user_id=row.id, expires_at=expires_at
            )
        )
        await session.flush()
        user: User = repository.to_user(row)
        return Session(token, expires_at, user)

    async def _join_defaults(self, session: AsyncSession, user_id: str) -> None:
        settings = self._settings
        if settings.default_org_id:
            if await session.get(OrganizationRow, settings.default_org_id) is None:
                _log.warning("default organization not found", organization_id=settings.default_org_id)
            else:
                wanted = (settings.default_org_id, Role(settings.default_org_role))
                await repository.add_memberships(session, user_id, organization=wanted)
        if settings.default_project_id:
            project = await session.get(ProjectRow, settings.default_project_id)
            if project is None:
                _log.warning("default project not found", project_id=settings.default_project_id)
                return
            # A role in a project needs a membership in its organization, if only one without rights.
            await repository.add_memberships(
                session,
                user_id,
                organization=(project.organization_id, Role.NONE),
                project=(project.id, Role(settings.default_project_role)),
            )

    def _attempts_key(self, email: str) -> str:
        return key(self._settings, "sign-in-failures", hash_name(email))

    async def _count_attempt(self, email: str) -> None:
        """Count before the password is checked, so that many guesses at once are counted too."""
        name = self._attempts_key(email)
        try:
            with redis_errors():
                pipeline = self._redis.pipeline(transaction=True)
                pipeline.set(name, 0, ex=FAILED_SIGN_INS_WINDOW_S, nx=True)
                pipeline.incr(name)
                pipeline.ttl(name)
                _, attempts, ttl_s = await pipeline.execute()
        except Unavailable:
            return
        if attempts > MAX_FAILED_SIGN_INS:
            raise RateLimited("Too many failed sign-ins; try again later", max(1, int(ttl_s)))

    async def _clear_attempts(self, email: str) -> None:
        try:
            with redis_errors():
                await self._redis.delete(self._attempts_key(email))
        except Unavailable:
            _log.warning("failed sign-ins not cleared", reason="redis is not reachable")
