"""Keys of organizations, names and owners where several callers come at once, on real engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from lumenspan.clock import utc_now
from lumenspan.errors import AccessDenied, Conflict, InvalidInput, NotFound, Unauthenticated
from lumenspan.identity.domain import KeyWish, OrganizationKeyPrincipal, Role
from lumenspan.identity.rules import checked_metadata
from lumenspan.identity.service import IdentityService
from lumenspan.ids import ApiKeyId, OrganizationId, ProjectId
from lumenspan.settings import Settings
from lumenspan.storage.cache import connect_redis
from lumenspan.storage.postgres import Postgres
from tests.conftest import ProjectAccess
from tests.factories.identity import basic, new_person, organization_key, owner_of
from tests.support import eventually


@pytest.fixture(scope="module")
async def postgres(settings: Settings) -> AsyncIterator[Postgres]:
    opened = Postgres(settings.postgres_url)
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
async def redis(settings: Settings) -> AsyncIterator[Redis]:
    opened = connect_redis(settings)
    yield opened
    await opened.aclose()


@pytest.fixture
def identity(postgres: Postgres, redis: Redis, settings: Settings) -> IdentityService:
    return IdentityService(postgres, redis, settings)


class TestKeys:
    async def test_a_pair_names_its_organization(
        self, identity: IdentityService, project: ProjectAccess
    ) -> None:
        key = await organization_key(identity, project)
        for _ in range(2):  # From the database, then from the cache.
            principal = await identity.authenticate(key.headers["Authorization"])
            assert principal == OrganizationKeyPrincipal(
                ApiKeyId(key.key_id), key.public_key, OrganizationId(project.organization_id)
            )
            with pytest.raises(Unauthenticated):
                await identity.authenticate(f"Bearer {key.public_key}")
            with pytest.raises(Unauthenticated):
                await identity.authenticate(basic(project.public_key, key.secret_key))

    async def test_an_expired_one_is_refused_also_while_it_is_cached(
        self, postgres: Postgres, redis: Redis, settings: Settings, project: ProjectAccess
    ) -> None:
        now = utc_now()
        identity = IdentityService(postgres, redis, settings, now=lambda: now)
        wish = KeyWish(expires_at=now + timedelta(minutes=1))
        owner = await owner_of(identity, project)
        key, secret = await identity.keys.create_for_organization(
            owner, OrganizationId(project.organization_id), wish
        )
        await identity.authenticate(basic(key.public_key, secret))
        now += timedelta(minutes=1)
        with pytest.raises(Unauthenticated):
            await identity.authenticate(basic(key.public_key, secret))

    async def test_revocation_reaches_every_process(
        self,
        identity: IdentityService,
        postgres: Postgres,
        redis: Redis,
        settings: Settings,
        project: ProjectAccess,
    ) -> None:
        other = IdentityService(postgres, redis, settings)
        key = await organization_key(identity, project)
        await other.authenticate(key.headers["Authorization"])
        owner, organization_id = await owner_of(identity, project), OrganizationId(project.organization_id)
        assert await identity.keys.revoke_of_organization(owner, organization_id, ApiKeyId(key.key_id))

        async def is_refused() -> bool:
            try:
                await other.authenticate(key.headers["Authorization"])
            except Unauthenticated:
                return True
            return False

        assert await eventually(is_refused)

    async def test_only_owners_make_them(
        self, identity: IdentityService, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        owner, organization_id = await owner_of(identity, project), OrganizationId(project.organization_id)
        admin = await new_person(identity)
        await identity.memberships.set_in_organization(owner, organization_id, admin.user.id, Role.ADMIN)
        with pytest.raises(AccessDenied):
            await identity.keys.create_for_organization(admin, organization_id, KeyWish())
        with pytest.raises(NotFound):
            await identity.keys.create_for_organization(
                await owner_of(identity, other_project), organization_id, KeyWish()
            )
        for header in (project.authorization,):
            principal = await identity.authenticate(header)
            with pytest.raises(AccessDenied):
                await identity.keys.create_for_organization(principal, organization_id, KeyWish())


class TestRoles:
    async def test_nobody_gives_or_takes_a_role_above_their_own(
        self, identity: IdentityService, project: ProjectAccess
    ) -> None:
        owner, organization_id = await owner_of(identity, project), OrganizationId(project.organization_id)
        admin, member = await new_person(identity), await new_person(identity)
        memberships = identity.memberships
        await memberships.set_in_organization(owner, organization_id, admin.user.id, Role.ADMIN)
        await memberships.set_in_organization(admin, organization_id, member.user.id, Role.MEMBER)
        for user_id, role in ((member.user.id, Role.OWNER), (owner.user.id, Role.ADMIN)):
            with pytest.raises(AccessDenied):
                await memberships.set_in_organization(admin, organization_id, user_id, role)
        with pytest.raises(AccessDenied):
            await memberships.remove_from_organization(admin, organization_id, owner.user.id)
        with pytest.raises(AccessDenied):
            await memberships.set_in_organization(member, organization_id, member.user.id, Role.ADMIN)
        with pytest.raises(AccessDenied):
            await memberships.set_in_project(
                admin, ProjectId(project.project_id), member.user.id, Role.OWNER
            )
        with pytest.raises(AccessDenied):
            await identity.projects.delete(admin, ProjectId(project.project_id))

    async def test_two_owners_who_remove_each_other_leave_one(
        self, identity: IdentityService, project: ProjectAccess
    ) -> None:
        first, organization_id = await owner_of(identity, project), OrganizationId(project.organization_id)
        second = await new_person(identity)
        await identity.memberships.set_in_organization(first, organization_id, second.user.id, Role.OWNER)
        key = await identity.authenticate(
            (await organization_key(identity, project)).headers["Authorization"]
        )
        outcomes = await asyncio.gather(
            *(
                identity.memberships.remove_from_organization(key, organization_id, each.user.id)
                for each in (first, second)
            ),
            return_exceptions=True,
        )
        assert sorted(type(each).__name__ for each in outcomes) == ["AccessDenied", "NoneType"]
        assert len(await identity.memberships.of_organization(key, organization_id)) == 1


async def test_a_name_that_is_taken_at_once_is_taken_once(
    identity: IdentityService, project: ProjectAccess
) -> None:
    owner, organization_id = await owner_of(identity, project), OrganizationId(project.organization_id)
    outcomes = await asyncio.gather(
        *(identity.projects.create(owner, organization_id, "Same") for _ in range(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Conflict) for each in outcomes) == 4


@pytest.mark.parametrize(
    "value",
    [None, [], "", "null", "[1]", "{", 5, {"a": float("inf")}, {"a": "\ud800"}, {"a": "x" * 100_001}],
)
def test_metadata_is_an_object_that_can_be_stored(value: Any) -> None:
    with pytest.raises(InvalidInput):
        checked_metadata(value)
