"""Identity on real PostgreSQL and Valkey."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from sqlalchemy import select
from sqlmodel import col

from lumenspan.clock import utc_now
from lumenspan.errors import AccessDenied, Conflict, InvalidInput, NotFound, RateLimited, Unauthenticated
from lumenspan.identity.accounts import MAX_FAILED_SIGN_INS
from lumenspan.identity.domain import KeyPrincipal, KeyWish, Role, UserPrincipal
from lumenspan.identity.service import IdentityService
from lumenspan.identity.tables import (
    ApiKeyRow,
    OrganizationMembershipRow,
    ProjectMembershipRow,
    SessionRow,
    UserRow,
)
from lumenspan.ids import ApiKeyId, OrganizationId, ProjectId, new_id
from lumenspan.settings import Settings
from lumenspan.storage.cache import connect_redis
from lumenspan.storage.postgres import Postgres
from tests.conftest import PASSWORD, ProjectAccess
from tests.support import eventually

UNKNOWN = "Confirm that you've configured the correct host"


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
    """A service of its own for each test: nothing is remembered from another one."""
    return IdentityService(postgres, redis, settings)


async def person(identity: IdentityService, email: str | None = None) -> UserPrincipal:
    session = await identity.accounts.sign_up(email or f"{new_id()}@example.com", PASSWORD, "Ada")
    principal = await identity.authenticate(f"Bearer {session.token}")
    assert isinstance(principal, UserPrincipal)
    return principal


async def owner(identity: IdentityService, access: ProjectAccess) -> UserPrincipal:
    session = await identity.accounts.sign_in(access.email, access.password)
    principal = await identity.authenticate(f"Bearer {session.token}")
    assert isinstance(principal, UserPrincipal)
    return principal


def basic(public_key: str, secret_key: str) -> str:
    return "Basic " + base64.b64encode(f"{public_key}:{secret_key}".encode()).decode()


async def is_accepted(identity: IdentityService, authorization: str) -> bool:
    try:
        await identity.authenticate(authorization)
    except Unauthenticated:
        return False
    return True


class TestKeys:
    async def test_a_key_pair_names_its_project(
        self, identity: IdentityService, project: ProjectAccess
    ) -> None:
        principal = await identity.authenticate(project.authorization)
        assert isinstance(principal, KeyPrincipal)
        assert principal.project_id == project.project_id
        assert principal.organization_id == project.organization_id
        assert not principal.is_public_key_only

    async def test_a_public_key_alone_is_marked_as_such(
        self, identity: IdentityService, project: ProjectAccess
    ) -> None:
        principal = await identity.authenticate(f"Bearer {project.public_key}")
        assert isinstance(principal, KeyPrincipal)
        assert principal.is_public_key_only
        assert await identity.role_in_project(principal, ProjectId(project.project_id)) is Role.NONE
        with pytest.raises(AccessDenied, match="insufficient permissions"):
            await identity.require_project(principal, ProjectId(project.project_id), Role.VIEWER)
        assert await identity.projects.within_reach(principal) == []
        assert await identity.organizations(principal) == []

    async def test_public_and_secret_key_must_belong_together(
        self, identity: IdentityService, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        with pytest.raises(Unauthenticated, match=UNKNOWN):
            await identity.authenticate(basic(other_project.public_key, project.secret_key))

    async def test_unknown_keys_are_refused_also_from_the_cache(self, identity: IdentityService) -> None:
        header = basic("pk-lf-nobody", f"sk-lf-{new_id()}")
        for _ in range(2):
            with pytest.raises(Unauthenticated, match=UNKNOWN):
                await identity.authenticate(header)

    async def test_no_secret_is_stored_in_the_clear(
        self, identity: IdentityService, postgres: Postgres, redis: Redis, project: ProjectAccess
    ) -> None:
        await identity.authenticate(project.authorization)
        async with postgres.session() as session:
            query = select(ApiKeyRow).where(col(ApiKeyRow.public_key) == project.public_key)
            row = (await session.execute(query)).scalar_one()
        assert project.secret_key not in repr(row)
        assert row.display_secret_key == f"sk-lf-...{project.secret_key[-4:]}"
        stored = [key async for key in redis.scan_iter("api-key:*")]
        values = [value or b"" for value in await redis.mget(stored)]
        assert any(project.project_id.encode() in value for value in values)
        assert not any(project.secret_key.encode() in entry for entry in [*stored, *values])

    async def test_an_expired_key_is_refused_also_while_it_is_cached(
        self, postgres: Postgres, redis: Redis, settings: Settings, project: ProjectAccess
    ) -> None:
        now = utc_now()
        service = IdentityService(postgres, redis, settings, now=lambda: now)
        principal = await owner(service, project)
        key, secret = await service.keys.create_for_project(
            principal, ProjectId(project.project_id), KeyWish(expires_at=now + timedelta(minutes=1))
        )
        header = basic(key.public_key, secret)
        assert await is_accepted(service, header)
        now += timedelta(minutes=1)
        assert not await is_accepted(service, header)

    async def test_the_last_use_is_noted(self, identity: IdentityService, project: ProjectAccess) -> None:
        await identity.authenticate(project.authorization)
        keys = await identity.keys.of_project(await owner(identity, project), ProjectId(project.project_id))
        assert [key.last_used_at is not None for key in keys] == [True]

    async def test_expiry_in_the_past_is_refused(
        self, identity: IdentityService, project: ProjectAccess
    ) -> None:
        with pytest.raises(InvalidInput):
            await identity.keys.create_for_project(
                await owner(identity, project),
                ProjectId(project.project_id),
                KeyWish(expires_at=utc_now()),
            )


class TestRevocation:
    async def test_it_takes_effect_within_a_second_in_every_process(
        self,
        postgres: Postgres,
        redis: Redis,
        settings: Settings,
        identity: IdentityService,
        project: ProjectAccess,
    ) -> None:
        other_process = IdentityService(postgres, redis, settings)
        headers = [project.authorization, f"Bearer {project.public_key}"]
        for header in headers:
            assert await is_accepted(other_process, header)
        principal = await owner(identity, project)
        project_id = ProjectId(project.project_id)
        (key,) = await identity.keys.of_project(principal, project_id)
        assert await identity.keys.revoke_of_project(principal, project_id, key.id)

        async def is_refused() -> bool:
            return not any([await is_accepted(other_process, header) for header in headers])

        assert not await is_accepted(identity, project.authorization)
        assert await eventually(is_refused)
        assert not await identity.keys.revoke_of_project(principal, project_id, key.id)

    async def test_a_reader_that_is_late_does_not_bring_the_key_back(
        self, redis: Redis, settings: Settings, identity: IdentityService, project: ProjectAccess
    ) -> None:
        from lumenspan.identity.key_cache import CachedKey, KeyCache

        principal = await owner(identity, project)
        (key,) = await identity.keys.of_project(principal, ProjectId(project.project_id))
        name = KeyCache.secret_name(identity._authenticator.secret_hash(project.secret_key))
        await identity.keys.revoke_of_project(principal, ProjectId(project.project_id), key.id)
        read_before = CachedKey(
            api_key_id=key.id,
            public_key=key.public_key,
            project_id=key.project_id,
            organization_id=project.organization_id,
        )
        await KeyCache(redis, settings).put(name, read_before)
        assert not await is_accepted(identity, project.authorization)

    async def test_a_key_of_another_project_cannot_be_revoked(
        self, identity: IdentityService, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        stranger = await owner(identity, other_project)
        (key,) = await identity.keys.of_project(
            await owner(identity, project), ProjectId(project.project_id)
        )
        with pytest.raises(NotFound):
            await identity.keys.revoke_of_project(stranger, ProjectId(project.project_id), key.id)
        assert not await identity.keys.revoke_of_project(
            stranger, ProjectId(other_project.project_id), key.id
        )
        assert await is_accepted(identity, project.authorization)

    async def test_a_key_may_not_manage_keys(
        self, identity: IdentityService, project: ProjectAccess
    ) -> None:
        principal = await identity.authenticate(project.authorization)
        project_id = ProjectId(project.project_id)
        with pytest.raises(AccessDenied):
            await identity.keys.create_for_project(principal, project_id, KeyWish())
        with pytest.raises(AccessDenied):
            await identity.keys.revoke_of_project(principal, project_id, ApiKeyId("any"))
        with pytest.raises(AccessDenied):
            await identity.create_organization(principal, "x")


class TestPeople:
    async def test_sign_up_sign_in_sign_out(self, identity: IdentityService) -> None:
        email = f"{new_id()}@Example.com"
        signed_up = await identity.accounts.sign_up(email, PASSWORD, "  Ada  ")
        assert signed_up.user.email == email.lower()
        assert signed_up.user.name == "Ada"
        signed_in = await identity.accounts.sign_in(email.upper(), PASSWORD)
        principal = await identity.authenticate(f"Bearer {signed_in.token}")
        await identity.accounts.sign_out(principal)
        with pytest.raises(Unauthenticated):
            await identity.authenticate(f"Bearer {signed_in.token}")
        assert await is_accepted(identity, f"Bearer {signed_up.token}")

    async def test_an_address_has_one_account(self, identity: IdentityService) -> None:
        email = f"{new_id()}@example.com"
        await identity.accounts.sign_up(email, PASSWORD)
        with pytest.raises(Conflict):
            await identity.accounts.sign_up(email.upper(), PASSWORD)

    async def test_sign_ups_at_once_make_one_account(self, identity: IdentityService) -> None:
        email = f"{new_id()}@example.com"
        results = await asyncio.gather(
            *(identity.accounts.sign_up(email, PASSWORD) for _ in range(4)), return_exceptions=True
        )
        assert sorted(type(result).__name__ for result in results) == ["Conflict"] * 3 + ["Session"]

    async def test_a_wrong_address_and_a_wrong_password_answer_alike(
        self, identity: IdentityService
    ) -> None:
        email = f"{new_id()}@example.com"
        await identity.accounts.sign_up(email, PASSWORD)
        messages = set()
        for address, password in ((email, "Wrong-horse-7"), (f"x{email}", PASSWORD), ("\x00", PASSWORD)):
            with pytest.raises(Unauthenticated) as caught:
                await identity.accounts.sign_in(address, password)
            messages.add(str(caught.value))
        assert messages == {"Wrong e-mail address or password"}

    async def test_guessing_is_limited_and_success_clears_the_count(
        self, identity: IdentityService
    ) -> None:
        email = f"{new_id()}@example.com"
        await identity.accounts.sign_up(email, PASSWORD)
        for _ in range(MAX_FAILED_SIGN_INS - 1):
            with pytest.raises(Unauthenticated):
                await identity.accounts.sign_in(email, "wrong")
        await identity.accounts.sign_in(email, PASSWORD)
        for _ in range(MAX_FAILED_SIGN_INS):
            with pytest.raises(Unauthenticated):
                await identity.accounts.sign_in(email, "wrong")
        with pytest.raises(RateLimited) as caught:
            await identity.accounts.sign_in(email, PASSWORD)
        assert 0 < caught.value.retry_after_s <= 300

    async def test_a_session_ends_at_its_time(
        self, postgres: Postgres, redis: Redis, settings: Settings
    ) -> None:
        now = utc_now()
        service = IdentityService(postgres, redis, settings, now=lambda: now)
        session = await service.accounts.sign_up(f"{new_id()}@example.com", PASSWORD)
        assert session.expires_at == now + timedelta(minutes=settings.session_max_age_min)
        assert await is_accepted(service, f"Bearer {session.token}")
        now = session.expires_at
        assert not await is_accepted(service, f"Bearer {session.token}")
        await service.accounts.sign_in(session.user.email, PASSWORD)
        async with postgres.session() as opened:
            query = select(SessionRow).where(col(SessionRow.user_id) == session.user.id)
            assert len((await opened.execute(query)).scalars().all()) == 1

    async def test_tokens_and_passwords_are_stored_hashed(
        self, identity: IdentityService, postgres: Postgres
    ) -> None:
        session = await identity.accounts.sign_up(f"{new_id()}@example.com", PASSWORD)
        async with postgres.session() as opened:
            user = await opened.get_one(UserRow, session.user.id)
            query = select(SessionRow).where(col(SessionRow.user_id) == user.id)
            row = (await opened.execute(query)).scalar_one()
        assert (user.password_hash or "").startswith("$argon2id$")
        assert session.token not in row.token_hash

    async def test_switches_close_sign_up_and_passwords(
        self, postgres: Postgres, redis: Redis, settings: Settings
    ) -> None:
        closed = settings.model_copy(update={"is_sign_up_disabled": True, "is_password_disabled": True})
        service = IdentityService(postgres, redis, closed)
        with pytest.raises(AccessDenied):
            await service.accounts.sign_up(f"{new_id()}@example.com", PASSWORD)
        with pytest.raises(AccessDenied):
            await service.accounts.sign_in("anybody@example.com", PASSWORD)

    async def test_new_accounts_join_the_default_project(
        self, postgres: Postgres, redis: Redis, settings: Settings, project: ProjectAccess
    ) -> None:
        joined = settings.model_copy(
            update={"default_project_id": project.project_id, "default_project_role": "MEMBER"}
        )
        service = IdentityService(postgres, redis, joined)
        principal = await person(service)
        assert await service.role_in_project(principal, ProjectId(project.project_id)) is Role.MEMBER
        assert await service.roles_by_organization(
            principal, [OrganizationId(project.organization_id)]
        ) == {project.organization_id: Role.NONE}


class TestRoles:
    async def test_the_project_role_overrides_the_organization_role(
        self, identity: IdentityService, postgres: Postgres, project: ProjectAccess
    ) -> None:
        principal = await person(identity)
        organization_id, project_id = OrganizationId(project.organization_id), ProjectId(project.project_id)
        assert await identity.role_in_project(principal, project_id) is Role.NONE
        async with postgres.session() as session:
            session.add(
                OrganizationMembershipRow(
                    organization_id=organization_id, user_id=principal.user.id, role="VIEWER"
                )
            )
        assert await identity.role_in_project(principal, project_id) is Role.VIEWER
        with pytest.raises(AccessDenied):
            await identity.require_project(principal, project_id, Role.MEMBER)
        with pytest.raises(AccessDenied):
            await identity.projects.create(principal, organization_id, "x")
        async with postgres.session() as session:
            session.add(
                ProjectMembershipRow(project_id=project_id, user_id=principal.user.id, role="ADMIN")
            )
        assert (await identity.require_project(principal, project_id, Role.ADMIN)).id == project_id
        assert await identity.roles_by_organization(principal, [organization_id]) == {
            organization_id: Role.VIEWER
        }

    async def test_no_role_in_the_organization_hides_its_projects(
        self, identity: IdentityService, postgres: Postgres, project: ProjectAccess
    ) -> None:
        principal = await person(identity)
        async with postgres.session() as session:
            session.add(
                OrganizationMembershipRow(
                    organization_id=project.organization_id, user_id=principal.user.id, role="NONE"
                )
            )
        assert await identity.projects.within_reach(principal) == []
        assert [found.id for found in await identity.organizations(principal)] == [project.organization_id]


class TestScope:
    """Every read with somebody else's project."""

    async def test_a_stranger_sees_nothing(
        self, identity: IdentityService, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        organization_id, project_id = OrganizationId(project.organization_id), ProjectId(project.project_id)
        strangers = [
            await owner(identity, other_project),
            await identity.authenticate(other_project.authorization),
        ]
        for stranger in strangers:
            assert await identity.role_in_project(stranger, project_id) is Role.NONE
            assert project_id not in [found.id for found in await identity.projects.within_reach(stranger)]
            assert await identity.organizations_by_id(stranger, [organization_id]) == {}
            assert await identity.projects.by_organization(stranger, [organization_id]) == {
                organization_id: []
            }
            for call in (
                identity.require_project(stranger, project_id, Role.VIEWER),
                identity.keys.of_project(stranger, project_id),
                identity.keys.create_for_project(stranger, project_id, KeyWish()),
                identity.keys.revoke_of_project(stranger, project_id, ApiKeyId("any")),
                identity.projects.create(stranger, organization_id, "x"),
            ):
                with pytest.raises(NotFound):
                    await call

    async def test_people_and_keys_see_what_is_theirs(
        self, identity: IdentityService, project: ProjectAccess
    ) -> None:
        organization_id, project_id = OrganizationId(project.organization_id), ProjectId(project.project_id)
        person_, key = await owner(identity, project), await identity.authenticate(project.authorization)
        for principal, role in ((person_, Role.OWNER), (key, Role.MEMBER)):
            assert await identity.role_in_project(principal, project_id) is role
            found = await identity.require_project(principal, project_id, Role.MEMBER)
            assert found.id == project_id
            assert (await identity.organization_of(principal, found)).id == organization_id
            grouped = await identity.projects.by_organization(principal, [organization_id])
            assert [item.id for item in grouped[organization_id]] == [project_id]
        assert await identity.roles_by_organization(key, [organization_id]) == {organization_id: Role.NONE}

    async def test_text_that_no_database_can_store_is_the_callers_fault(
        self, identity: IdentityService, project: ProjectAccess
    ) -> None:
        with pytest.raises(InvalidInput):
            await identity.require_project(await owner(identity, project), ProjectId("a\x00b"), Role.VIEWER)


class TestProjects:
    @pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\x00b", "a\nb"])
    async def test_names_are_checked(self, identity: IdentityService, name: str) -> None:
        with pytest.raises(InvalidInput):
            await identity.create_organization(await person(identity), name)

    async def test_retention_is_at_least_three_days_or_for_ever(
        self, identity: IdentityService, project: ProjectAccess
    ) -> None:
        principal = await owner(identity, project)
        organization_id = OrganizationId(project.organization_id)
        for days in (-1, 1, 2):
            with pytest.raises(InvalidInput):
                await identity.projects.create(principal, organization_id, "x", days)
        made = [
            await identity.projects.create(principal, organization_id, f"p{days}", days)
            for days in (None, 0, 3)
        ]
        assert [item.retention_days for item in made] == [None, None, 3]
