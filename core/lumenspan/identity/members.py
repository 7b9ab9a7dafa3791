"""Who belongs where, as other nouns ask: may this person see a project, is she in its organization."""

from __future__ import annotations

from sqlalchemy import select
from sqlmodel import col

from lumenspan.identity import repository
from lumenspan.identity.tables import OrganizationMembershipRow, ProjectRow
from lumenspan.ids import ProjectId
from lumenspan.storage.postgres import Postgres


class Members:
    """Questions about people by id; the caller has checked that the project may be used."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def may_see(self, project_id: ProjectId, user_id: str) -> bool:
        """Whether there is such a person and she has a role in the project."""
        async with self._postgres.session() as session:
            return bool(await repository.projects_of_user(session, user_id, project_ids=[project_id]))

    async def is_colleague(self, project_id: ProjectId, user_id: str) -> bool:
        """Whether there is such a person and she is a member of the project's organization."""
        membership = OrganizationMembershipRow
        query = (
            select(membership)
            .join(ProjectRow, col(ProjectRow.organization_id) == col(membership.organization_id))
            .where(col(ProjectRow.id) == project_id, col(membership.user_id) == user_id)
        )
        async with self._postgres.session() as session:
            return (await session.execute(query)).first() is not None
