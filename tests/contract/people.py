"""Who the people of a test's projects are."""

from __future__ import annotations

from lumenspan.identity import repository
from tests.conftest import ProjectAccess
from tests.integration.server.conftest import RunningServer


async def user_id(server: RunningServer, access: ProjectAccess) -> str:
    """The id of the person who owns a project's organization."""
    async with server.services.postgres.session() as session:
        row = await repository.find_user_by_email(session, access.email)
    assert row is not None
    return row.id


def public_key_alone(access: ProjectAccess) -> dict[str, str]:
    """The header of a caller who knows the public key only."""
    return {"Authorization": f"Bearer {access.public_key}"}
