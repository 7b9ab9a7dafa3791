"""LANGFUSE_INIT_* on real PostgreSQL and Valkey."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from sqlalchemy import delete, func, select
from sqlmodel import col

from lumenspan.errors import InvalidInput, Unauthenticated
from lumenspan.identity.domain import KeyPrincipal, Role
from lumenspan.identity.service import IdentityService
from lumenspan.identity.tables import ApiKeyRow, OrganizationRow, ProjectRow
from lumenspan.ids import new_id
from lumenspan.settings import Settings
from lumenspan.storage.cache import connect_redis
from lumenspan.storage.postgres import Postgres
from tests.conftest import PASSWORD


@dataclass
class Initial:
    settings: Settings
    postgres: Postgres
    redis: Redis

    def service(self, **changes: object) -> IdentityService:
        return IdentityService(self.postgres, self.redis, self.settings.model_copy(update=changes))

    @property
    def authorization(self) -> str:
        assert self.settings.init_secret_key is not None
        pair = f"{self.settings.init_public_key}:{self.settings.init_secret_key.get_secret_value()}"
        return "Basic " + base64.b64encode(pair.encode()).decode()


@pytest.fixture
async def initial(settings: Settings) -> AsyncIterator[Initial]:
    suffix = new_id()
    wanted = settings.model_copy(
        update={
            "init_org_id": f"org-{suffix}",
            "init_org_name": "My Org",
            "init_project_id": f"project-{suffix}",
            "init_project_name": "My Project",
            "init_project_retention_days": 30,
            "init_public_key": f"lf_pk_{suffix}",
            "init_secret_key": SecretStr(f"lf_sk_{suffix}"),
            "init_user_email": f"{suffix}@Example.com",
            "init_user_name": "John Doe",
            "init_user_password": SecretStr(PASSWORD),
        }
    )
    postgres, redis = Postgres(settings.postgres_url, pool_size=4), connect_redis(settings)
    yield Initial(wanted, postgres, redis)
    await redis.aclose()
    await postgres.close()


async def test_everything_asked_for_is_made_and_works(initial: Initial) -> None:
    identity = initial.service()
    await identity.initialize()
    key = await identity.authenticate(initial.authorization)
    assert isinstance(key, KeyPrincipal)
    assert (key.project_id, key.organization_id) == (
        initial.settings.init_project_id,
        initial.settings.init_org_id,
    )
    project = await identity.require_project(key, key.project_id, Role.MEMBER)
    assert (project.name, project.retention_days) == ("My Project", 30)
    session = await identity.accounts.sign_in(initial.settings.init_user_email or "", PASSWORD)
    person = await identity.authenticate(f"Bearer {session.token}")
    assert session.user.name == "John Doe"
    assert await identity.role_in_project(person, key.project_id) is Role.OWNER


async def test_servers_that_start_at_once_make_each_thing_once(initial: Initial) -> None:
    services = [initial.service() for _ in range(4)]
    await asyncio.gather(*(service.initialize() for service in services))
    async with initial.postgres.session() as session:
        query = select(func.count()).where(col(ApiKeyRow.project_id) == initial.settings.init_project_id)
        assert (await session.execute(query)).scalar() == 1


async def test_what_exists_stays_as_it_is(initial: Initial) -> None:
    await initial.service().initialize()
    changed = initial.service(
        init_org_name="Other",
        init_project_name="Other",
        init_user_password=SecretStr("Another-horse-8"),
        init_secret_key=SecretStr("lf_sk_other"),
    )
    await changed.initialize()
    async with initial.postgres.session() as session:
        organization = await session.get_one(OrganizationRow, initial.settings.init_org_id)
        project = await session.get_one(ProjectRow, initial.settings.init_project_id)
    assert (organization.name, project.name) == ("My Org", "My Project")
    await changed.accounts.sign_in(initial.settings.init_user_email or "", PASSWORD)
    assert await changed.authenticate(initial.authorization)


async def test_a_key_that_was_tried_too_early_works_once_it_is_made(initial: Initial) -> None:
    identity = initial.service()
    with pytest.raises(Unauthenticated):
        await identity.authenticate(initial.authorization)
    await identity.initialize()
    assert await identity.authenticate(initial.authorization)


async def test_a_deleted_project_is_made_again_with_its_key(initial: Initial) -> None:
    await initial.service().initialize()
    async with initial.postgres.session() as session:
        await session.execute(
            delete(ProjectRow).where(col(ProjectRow.id) == initial.settings.init_project_id)
        )
    identity = initial.service()
    await identity.initialize()
    assert await identity.authenticate(initial.authorization)


async def test_names_have_defaults_and_organization_and_user_need_no_project(initial: Initial) -> None:
    identity = initial.service(init_org_name=None, init_user_name=None, init_project_id=None)
    await identity.initialize()
    session = await identity.accounts.sign_in(initial.settings.init_user_email or "", PASSWORD)
    person = await identity.authenticate(f"Bearer {session.token}")
    assert session.user.name
    assert [organization.name for organization in await identity.organizations(person)] == [
        "Provisioned Org"
    ]
    assert await identity.projects.within_reach(person) == []


async def test_nothing_is_made_when_nothing_is_asked_for(initial: Initial) -> None:
    identity = initial.service(init_org_id=None)
    await identity.initialize()
    async with initial.postgres.session() as session:
        assert await session.get(OrganizationRow, initial.settings.init_org_id) is None


async def test_a_wrong_address_names_the_variable(initial: Initial) -> None:
    with pytest.raises(InvalidInput, match="LANGFUSE_INIT_USER_EMAIL"):
        await initial.service(init_user_email="nobody").initialize()
