"""Projects of an organization: which ones are within reach, how they are made, changed and deleted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from lumenspan.errors import Conflict, NotFound
from lumenspan.identity import jobs, repository
from lumenspan.identity.domain import Principal, Project, Role
from lumenspan.identity.keys import Keys
from lumenspan.identity.rules import checked_metadata, checked_name, checked_retention
from lumenspan.identity.scope import Scope
from lumenspan.identity.tables import ProjectRow
from lumenspan.ids import OrganizationId, ProjectId, new_id
from lumenspan.storage.postgres import Postgres
from lumenspan.storage.queue import JobQueue

_TAKEN = "A project with this name already exists in your organization"
_MISSING = "Project not found or you don't have access to it"


class Projects:
    """Names are unique within an organization."""

    def __init__(
        self, postgres: Postgres, scope: Scope, keys: Keys, queue: JobQueue, now: Callable[[], datetime]
    ) -> None:
        self._postgres = postgres
        self._scope = scope
        self._keys = keys
        self._queue = queue
        self._now = now

    async def within_reach(self, principal: Principal) -> list[Project]:
        """Projects that the principal may see, oldest first."""
        return [project for project, _ in await self._scope.projects(principal)]

    async def by_organization(
        self, principal: Principal, organization_ids: Sequence[OrganizationId]
    ) -> dict[OrganizationId, list[Project]]:
        """Every id asked for with the projects within reach, oldest first."""
        grouped: dict[OrganizationId, list[Project]] = {id_: [] for id_ in organization_ids}
        for project, _ in await self._scope.projects(principal, organization_ids=organization_ids):
            grouped[project.organization_id].append(project)
        return grouped

    async def create(
        self,
        principal: Principal,
        organization_id: OrganizationId,
        name: str,
        retention_days: int | None = None,
        metadata: Any = msgspec.UNSET,
    ) -> Project:
        """A new project; needs ADMIN in the organization. No retention (or 0) keeps data for ever.

        Raises:
            NotFound: the organization is foreign or absent.
            AccessDenied: the role is too low.
            InvalidInput: no name, a retention under three days, or metadata that is no object.
            Conflict: the organization has a project of that name.
        """
        await self._scope.require_organization(principal, organization_id, Role.ADMIN)
        row = ProjectRow(
            id=new_id(),
            organization_id=organization_id,
            name=checked_name(name, "project name"),
            retention_days=checked_retention(retention_days),
            extra={} if metadata is msgspec.UNSET else checked_metadata(metadata),
        )
        async with self._postgres.session() as session:
            await self._claim_name(session, organization_id, row.name)
            session.add(row)
        return repository.to_project(row)

    async def update(
        self,
        principal: Principal,
        project_id: ProjectId,
        name: str,
        retention_days: int | None = None,
        metadata: Any = msgspec.UNSET,
    ) -> Project:
        """The project with another name; needs ADMIN in it. What is not given stays: None, and UNSET.

        Raises:
            NotFound: foreign or absent.
            AccessDenied: the role is too low.
            InvalidInput: as for ``create``.
            Conflict: another project of the organization has that name.
        """
        found = await self._require(principal, project_id, Role.ADMIN)
        name = checked_name(name, "project name")
        retention = checked_retention(retention_days)
        noted = None if metadata is msgspec.UNSET else checked_metadata(metadata)
        async with self._postgres.session() as session:
            await self._claim_name(session, found.organization_id, name, but=project_id)
            row = await repository.lock_project(session, found.organization_id, project_id)
            if row is None:
                raise NotFound(_MISSING)
            row.name = name
            if retention_days is not None:
                row.retention_days = retention
            if noted is not None:
                row.extra = noted
            row.updated_at = self._now()
            await session.flush()
        return repository.to_project(row)

    async def delete(self, principal: Principal, project_id: ProjectId) -> None:
        """The project is gone for every caller; a worker removes its data. Needs OWNER in it.

        Raises:
            NotFound: foreign, absent or deleted before.
            AccessDenied: the role is too low.
            Unavailable: a store is down and nothing was deleted.
        """
        found = await self._require(principal, project_id, Role.OWNER)
        async with self._postgres.session() as session:
            row = await repository.lock_project(session, found.organization_id, project_id)
            if row is None:
                raise NotFound(_MISSING)
            row.deleted_at = row.updated_at = self._now()
            await self._keys.revoke_all(session, repository.keys_of_project(project_id))
            # Before the commit: the job waits for the lock on the row, and finds nothing to do should
            # the commit fail. The other way round, a process that ends in between would leave the data.
            await self._queue.enqueue(jobs.DELETE_PROJECT, (project_id, ""), queue=jobs.QUEUE)

    async def _require(self, principal: Principal, project_id: ProjectId, needed: Role) -> Project:
        try:
            return await self._scope.require_project(principal, project_id, needed)
        except NotFound:
            raise NotFound(_MISSING) from None

    @staticmethod
    async def _claim_name(
        session: AsyncSession, organization_id: OrganizationId, name: str, *, but: str | None = None
    ) -> None:
        if await repository.lock_organization(session, organization_id) is None:
            raise NotFound("Organization not found")
        if await repository.is_project_name_taken(session, organization_id, name, but=but):
            raise Conflict(_TAKEN)
