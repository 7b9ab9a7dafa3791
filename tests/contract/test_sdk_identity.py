"""The generated client of the Python SDK on projects, organizations and SCIM: it reads every answer."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from langfuse.api.client import AsyncLangfuseAPI
from langfuse.api.organizations import MembershipRole
from langfuse.api.scim import ScimEmail, ScimName

from lumenspan.identity.service import IdentityService
from tests.conftest import ProjectAccess
from tests.factories.identity import organization_key
from tests.integration.server.conftest import RunningServer


@pytest.fixture
async def api(
    server: RunningServer, identity_clients: IdentityService, project: ProjectAccess
) -> AsyncIterator[AsyncLangfuseAPI]:
    key = await organization_key(identity_clients, project)
    async with httpx.AsyncClient(timeout=30) as client:
        yield AsyncLangfuseAPI(
            base_url=server.base_url,
            username=key.public_key,
            password=key.secret_key,
            httpx_client=client,
        )


async def test_projects_and_keys(api: AsyncLangfuseAPI, project: ProjectAccess) -> None:
    made = await api.projects.create(name="From the SDK", retention=0, metadata={"a": 1})
    assert (made.name, made.metadata, made.retention_days) == ("From the SDK", {"a": 1}, None)
    changed = await api.projects.update(made.id, name="Renamed", retention=30)
    assert (changed.name, changed.metadata, changed.retention_days) == ("Renamed", {"a": 1}, 30)
    at = datetime(2999, 1, 1, tzinfo=UTC)
    key = await api.projects.create_api_key(made.id, name="ci", expires_at=at)
    assert (key.name, key.note, key.expires_at) == ("ci", "ci", at)
    (listed,) = (await api.projects.get_api_keys(made.id)).api_keys
    assert (listed.id, listed.last_used_at) == (key.id, None)
    assert (await api.projects.delete_api_key(made.id, key.id)).success
    projects = (await api.organizations.get_organization_projects()).projects
    assert [each.id for each in projects] == [project.project_id, made.id]
    assert len((await api.organizations.get_organization_api_keys()).api_keys) == 1
    assert (await api.projects.delete(made.id)).success


async def test_members(api: AsyncLangfuseAPI, project: ProjectAccess) -> None:
    name = f"{uuid.uuid4().hex}@example.com"
    user = await api.scim.create_user(
        user_name=name,
        name=ScimName(formatted="Ada"),
        emails=[ScimEmail(primary=True, value=name, type="work")],
    )
    # Without a role so far, which the client has no word for.
    assert [
        each.email for each in (await api.organizations.get_organization_memberships()).memberships
    ] == [project.email]
    role = MembershipRole.VIEWER
    made = await api.organizations.update_organization_membership(user_id=user.id, role=role)
    assert (made.role, made.email, made.name) == (MembershipRole.VIEWER, name, "Ada")
    await api.organizations.update_project_membership(project.project_id, user_id=user.id, role=role)
    found = await api.organizations.get_project_memberships(project.project_id)
    assert [each.user_id for each in found.memberships] == [user.id]
    removed = await api.organizations.delete_project_membership(project.project_id, user_id=user.id)
    assert removed.user_id == user.id
    removed = await api.organizations.delete_organization_membership(user_id=user.id)
    assert removed.user_id == user.id


async def test_scim(api: AsyncLangfuseAPI, project: ProjectAccess) -> None:
    assert (await api.scim.get_service_provider_config()).patch.supported
    assert (await api.scim.get_resource_types()).total_results == 1
    assert (await api.scim.get_schemas()).resources[0].name == "User"
    name = f"{uuid.uuid4().hex}@example.com"
    made = await api.scim.create_user(user_name=name, name=ScimName(formatted="Ada"))
    assert (await api.scim.get_user(made.id)).user_name == name
    listed = await api.scim.list_users(filter=f'userName eq "{name}"', start_index=1, count=10)
    assert [each.id for each in listed.resources] == [made.id]
    assert (await api.scim.list_users()).total_results == 2
    await api.scim.delete_user(made.id)
    assert (await api.scim.list_users()).total_results == 1
