"""API keys of projects and of organizations: how they are made, listed and revoked."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import ColumnElement
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from lumenspan.errors import Conflict, InvalidInput, NotFound, Unavailable
from lumenspan.identity import repository
from lumenspan.identity.authentication import Authenticator
from lumenspan.identity.credentials import display_secret_key, hash_name, new_public_key, new_secret_key
from lumenspan.identity.domain import ApiKey, KeyWish, Principal, Role
from lumenspan.identity.scope import Scope
from lumenspan.identity.tables import ApiKeyRow
from lumenspan.ids import ApiKeyId, OrganizationId, ProjectId, new_id
from lumenspan.storage.postgres import Postgres

_MAX_NOTE = 500
_TAKEN = "23505"
# A colon would end the public key in a Basic header.
_PUBLIC_KEY = re.compile(r"pk-lf-[\x21-\x39\x3b-\x7e]{1,194}\Z")
_SECRET_KEY = re.compile(r"sk-lf-[\x21-\x7e]{8,194}\Z")


class Keys:
    """A secret is known in the clear only when its key is made."""

    def __init__(
        self,
        postgres: Postgres,
        scope: Scope,
        authenticator: Authenticator,
        now: Callable[[], datetime],
        *,
        is_cached: bool,
    ) -> None:
        self._postgres = postgres
        self._scope = scope
        self._authenticator = authenticator
        self._now = now
        self._is_cached = is_cached

    async def of_project(
        self, principal: Principal, project_id: ProjectId, needed: Role = Role.MEMBER
    ) -> list[ApiKey]:
        """The project's keys without their secrets, newest first."""
        await self._scope.require_project(principal, project_id, needed)
        async with self._postgres.session() as session:
            return await repository.api_keys_of(session, project_id)

    async def of_organization(self, principal: Principal, organization_id: OrganizationId) -> list[ApiKey]:
        """The organization's own keys, oldest first; needs ADMIN in it."""
        await self._scope.require_organization(principal, organization_id, Role.ADMIN)
        async with self._postgres.session() as session:
            return await repository.api_keys_of_organization(session, organization_id)

    async def create_for_project(
        self, principal: Principal, project_id: ProjectId, wish: KeyWish
    ) -> tuple[ApiKey, str]:
        """A new key of a project and its secret; needs ADMIN in it. Errors as for ``add``."""
        await self._scope.require_project(principal, project_id, Role.ADMIN)
        return await self.add(wish, project_id=project_id)

    async def create_for_organization(
        self, principal: Principal, organization_id: OrganizationId, wish: KeyWish
    ) -> tuple[ApiKey, str]:
        """A new key of an organization and its secret; needs OWNER in it. Errors as for ``add``."""
        await self._scope.require_organization(principal, organization_id, Role.OWNER)
        return await self.add(wish, organization_id=organization_id)

    async def revoke_of_project(
        self, principal: Principal, project_id: ProjectId, key_id: ApiKeyId
    ) -> bool:
        """Whether there was such a key; it is refused everywhere within a second. Needs ADMIN.

        Raises:
            Unavailable: a store is down and nothing was revoked.
        """
        await self._scope.require_project(principal, project_id, Role.ADMIN)
        async with self._postgres.session() as session:
            return await self.revoke_all(session, repository.keys_of_project(project_id), key_id) > 0

    async def revoke_of_organization(
        self, principal: Principal, organization_id: OrganizationId, key_id: ApiKeyId
    ) -> bool:
        """The same for a key of an organization; needs OWNER in it."""
        await self._scope.require_organization(principal, organization_id, Role.OWNER)
        async with self._postgres.session() as session:
            scope = repository.keys_of_organization(organization_id)
            return await self.revoke_all(session, scope, key_id) > 0

    # --- for other parts of identity, which have checked who is calling -----------------------------------

    async def add(
        self,
        wish: KeyWish,
        *,
        project_id: ProjectId | None = None,
        organization_id: OrganizationId | None = None,
    ) -> tuple[ApiKey, str]:
        """The key and its secret, which is not to be had again.

        Raises:
            InvalidInput: the expiry is not in the future, the note is too long, or the pair is malformed.
            Conflict: one of the two keys is in use.
            NotFound: the project or organization is gone.
        """
        if wish.expires_at is not None and (
            wish.expires_at.tzinfo is None or wish.expires_at <= self._now()
        ):
            raise InvalidInput("expiresAt must be in the future and carry an offset")
        if wish.note is not None and len(wish.note) > _MAX_NOTE:
            raise InvalidInput(f"The name of a key has at most {_MAX_NOTE} characters")
        public_key, secret_key = _checked(wish.pair) or (new_public_key(), new_secret_key())
        secret_hash = self._authenticator.secret_hash(secret_key)
        row = ApiKeyRow(
            id=new_id(),
            project_id=project_id,
            organization_id=organization_id,
            public_key=public_key,
            secret_hash=secret_hash,
            display_secret_key=display_secret_key(secret_key),
            note=wish.note,
            expires_at=wish.expires_at,
        )
        try:
            async with self._postgres.session() as session:
                session.add(row)
        except IntegrityError as error:
            if getattr(error.orig, "sqlstate", "") == _TAKEN:
                raise Conflict("The public key or the secret key is already in use") from None
            # What the key was to be of has just gone.
            raise NotFound("Project or organization not found") from None
        if wish.pair is not None and self._is_cached:
            # Somebody may have tried the pair before it existed. Without Redis, what is kept of it lapses.
            with contextlib.suppress(Unavailable):
                await self._authenticator.cache.forget(*self._names(row))
        return repository.to_api_key(row), secret_key

    async def revoke_all(
        self, session: AsyncSession, scope: ColumnElement[bool], key_id: str | None = None
    ) -> int:
        """Revoke the keys of a scope, or the one of that id, within the caller's transaction; their number.

        Raises:
            Unavailable: a store is down; the transaction must not be committed.
        """
        rows = await repository.lock_api_keys(session, scope, key_id)
        for row in rows:
            await session.delete(row)
        await session.flush()
        # Before the commit: should Redis be down, the key stays valid and the caller knows. The other
        # way round it would be gone here and come back with the cache.
        if rows and self._is_cached:
            await self._authenticator.cache.refuse(*(name for row in rows for name in self._names(row)))
        return len(rows)

    def _names(self, row: ApiKeyRow) -> tuple[str, str]:
        cache = self._authenticator.cache
        return cache.secret_name(row.secret_hash), cache.public_name(hash_name(row.public_key))


def _checked(pair: tuple[str, str] | None) -> tuple[str, str] | None:
    if pair is None:
        return None
    if not _PUBLIC_KEY.match(pair[0]):
        raise InvalidInput("publicKey must begin with pk-lf- and hold no space or colon")
    if not _SECRET_KEY.match(pair[1]):
        raise InvalidInput("secretKey must begin with sk-lf- and hold no space")
    return pair
