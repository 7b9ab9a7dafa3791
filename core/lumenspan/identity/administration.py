"""The whole instance: its organizations and their keys, in the hands of whoever holds ``ADMIN_API_KEY``."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select
from sqlmodel import col

from lumenspan.errors import InvalidInput, LumenspanError, NotFound, Unauthenticated
from lumenspan.identity import repository
from lumenspan.identity.domain import ApiKey, KeyPrincipal, KeyWish, Organization, Project
from lumenspan.identity.keys import Keys
from lumenspan.identity.rules import checked_metadata, checked_name
from lumenspan.identity.tables import OrganizationRow, ProjectRow
from lumenspan.ids import ApiKeyId, OrganizationId, ProjectId, new_id
from lumenspan.settings import Settings
from lumenspan.storage.postgres import Postgres

_MISSING = "Organization not found"
_KEY_NAME = "ADMIN_API_KEY"


class AdminKeyNotSet(LumenspanError):
    """A call of a project's route with an administrator's key, where the operator has set none."""

    code = "ADMIN_KEY_NOT_SET"

    def __init__(self) -> None:
        super().__init__("Admin API key authentication is not configured on this instance")


class Administration:
    """Callers have shown the administrator's key to ``require`` first."""

    def __init__(
        self, postgres: Postgres, keys: Keys, settings: Settings, now: Callable[[], datetime]
    ) -> None:
        self._postgres = postgres
        self._keys = keys
        self._key = settings.admin_api_key
        self._now = now

    # --- who is calling --------------------------------------------------------------------------------

    def require(self, authorization: str | None) -> None:
        """Return when the header is ``Bearer`` and the administrator's key.

        Raises:
            Unauthenticated: it is not, or the operator has set no such key.
        """
        scheme, _, value = (authorization or "").strip().partition(" ")
        if self._key is None or scheme.lower() != "bearer" or not self._is_key(value.strip()):
            raise Unauthenticated("Unauthorized: the key of the instance's administrator is needed")

    async def project_key(
        self, authorization: str | None, repeated: str, project_id: str | None
    ) -> KeyPrincipal:
        """A principal of any project, for calls with the key both as ``Bearer`` and in a header of its own.

        Raises:
            AdminKeyNotSet: the operator has set no such key.
            Unauthenticated: one of the two is another.
            InvalidInput: no project is named.
            NotFound: nor is there one of that id.
        """
        if self._key is None:
            raise AdminKeyNotSet
        self.require(authorization)
        if not self._is_key(repeated):
            raise Unauthenticated("Unauthorized: the two keys of the administrator differ")
        if not project_id:
            raise InvalidInput("The header x-langfuse-project-id is missing")
        async with self._postgres.session() as session:
            row = await repository.find_project(session, project_id)
        if row is None:
            raise NotFound("Project not found")
        return KeyPrincipal(
            ApiKeyId(_KEY_NAME), _KEY_NAME, ProjectId(row.id), OrganizationId(row.organization_id)
        )

    def _is_key(self, value: str) -> bool:
        expected = self._key.get_secret_value() if self._key else ""
        return bool(expected) and hmac.compare_digest(expected.encode(), value.encode("utf-8", "replace"))

    # --- organizations ---------------------------------------------------------------------------------

    async def organizations(self) -> list[tuple[Organization, list[Project]]]:
        """All organizations with their projects, oldest first."""
        async with self._postgres.session() as session:
            query = select(OrganizationRow).order_by(
                col(OrganizationRow.created_at), col(OrganizationRow.id)
            )
            found = [repository.to_organization(row) for row in (await session.execute(query)).scalars()]
            return await self._with_projects(session, found)

    async def organization(self, organization_id: OrganizationId) -> tuple[Organization, list[Project]]:
        """One organization with its projects; NotFound."""
        async with self._postgres.session() as session:
            row = await session.get(OrganizationRow, organization_id)
            if row is None:
                raise NotFound(_MISSING)
            (found,) = await self._with_projects(session, [repository.to_organization(row)])
            return found

    async def create_organization(self, name: str, metadata: Any = msgspec.UNSET) -> Organization:
        """A new organization without members.

        Raises:
            InvalidInput: no name, or metadata that is no object.
        """
        row = OrganizationRow(
            id=new_id(),
            name=checked_name(name, "organization name"),
            extra={} if metadata is msgspec.UNSET else checked_metadata(metadata),
        )
        async with self._postgres.session() as session:
            session.add(row)
        return repository.to_organization(row)

    async def update_organization(
        self, organization_id: OrganizationId, name: str, metadata: Any = msgspec.UNSET
    ) -> Organization:
        """The organization with another name; metadata stays where UNSET.

        Raises:
            InvalidInput: as for ``create_organization``.
            NotFound: there is no such organization.
        """
        name = checked_name(name, "organization name")
        noted = None if metadata is msgspec.UNSET else checked_metadata(metadata)
        async with self._postgres.session() as session:
            row = await repository.lock_organization(session, organization_id)
            if row is None:
                raise NotFound(_MISSING)
            row.name, row.updated_at = name, self._now()
            if noted is not None:
                row.extra = noted
            await session.flush()
        return repository.to_organization(row)

    async def delete_organization(self, organization_id: OrganizationId) -> None:
        """The organization, its members and its keys are gone.

        Raises:
            NotFound: there is no such organization.
            InvalidInput: it has projects, if only such as are being deleted.
            Unavailable: a store is down and nothing was deleted.
        """
        async with self._postgres.session() as session:
            row = await repository.lock_organization(session, organization_id)
            if row is None:
                raise NotFound(_MISSING)
            query = select(col(ProjectRow.deleted_at)).where(
                col(ProjectRow.organization_id) == organization_id
            )
            projects = list((await session.execute(query)).scalars())
            if any(deleted_at is None for deleted_at in projects):
                raise InvalidInput("Cannot delete an organization that has projects; delete them first")
            if projects:
                raise InvalidInput(
                    "Projects of the organization are still being deleted; try again shortly"
                )
            await self._keys.revoke_all(session, repository.keys_of_organization(organization_id))
            await session.delete(row)

    # --- their keys ------------------------------------------------------------------------------------

    async def keys(self, organization_id: OrganizationId) -> list[ApiKey]:
        """The organization's own keys, oldest first; NotFound."""
        async with self._postgres.session() as session:
            if await session.get(OrganizationRow, organization_id) is None:
                raise NotFound(_MISSING)
            return await repository.api_keys_of_organization(session, organization_id)

    async def create_key(self, organization_id: OrganizationId, wish: KeyWish) -> tuple[ApiKey, str]:
        """A new key of the organization and its secret; errors as for ``Keys.add``, and NotFound."""
        await self.organization(organization_id)
        return await self._keys.add(wish, organization_id=organization_id)

    async def delete_key(self, organization_id: OrganizationId, key_id: ApiKeyId) -> None:
        """The key is refused everywhere within a second.

        Raises:
            NotFound: there is no such organization or key.
        """
        await self.organization(organization_id)
        async with self._postgres.session() as session:
            scope = repository.keys_of_organization(organization_id)
            if not await self._keys.revoke_all(session, scope, key_id):
                raise NotFound("API key not found")

    @staticmethod
    async def _with_projects(
        session: Any, organizations: list[Organization]
    ) -> list[tuple[Organization, list[Project]]]:
        ids = [organization.id for organization in organizations]
        grouped: dict[OrganizationId, list[Project]] = {id_: [] for id_ in ids}
        for project in await repository.projects_of_organizations(session, ids):
            grouped[project.organization_id].append(project)
        return [(organization, grouped[organization.id]) for organization in organizations]
