"""Authentication while PostgreSQL, Redis or both are down."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from lumenspan.errors import Unauthenticated, Unavailable
from lumenspan.identity.domain import KeyPrincipal
from lumenspan.identity.service import IdentityService
from lumenspan.ids import ApiKeyId, ProjectId, new_id
from lumenspan.settings import Settings
from lumenspan.storage.cache import connect_redis
from lumenspan.storage.postgres import Postgres
from tests.conftest import ProjectAccess
from tests.support import free_port


@pytest.fixture
async def postgres(settings: Settings) -> AsyncIterator[Postgres]:
    opened = Postgres(f"{settings.postgres_url}?application_name=outage-{new_id()}", pool_size=3)
    yield opened
    await opened.close()


@pytest.fixture
async def no_postgres() -> AsyncIterator[Postgres]:
    opened = Postgres(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    yield opened
    await opened.close()


@pytest.fixture
async def redis(settings: Settings) -> AsyncIterator[Redis]:
    opened = connect_redis(settings)
    yield opened
    await opened.aclose()


@pytest.fixture
async def no_redis(settings: Settings) -> AsyncIterator[Redis]:
    address = SecretStr(f"redis://127.0.0.1:{free_port()}/0")
    opened = connect_redis(settings.model_copy(update={"redis_connection_string": address}))
    yield opened
    await opened.aclose()


async def test_a_cached_key_works_without_postgresql(
    postgres: Postgres, no_postgres: Postgres, redis: Redis, settings: Settings, project: ProjectAccess
) -> None:
    await IdentityService(postgres, redis, settings).authenticate(project.authorization)
    principal = await IdentityService(no_postgres, redis, settings).authenticate(project.authorization)
    assert isinstance(principal, KeyPrincipal)
    assert principal.project_id == project.project_id


async def test_a_key_that_is_not_cached_is_unavailable_without_postgresql(
    no_postgres: Postgres, redis: Redis, settings: Settings, project: ProjectAccess
) -> None:
    with pytest.raises(Unavailable) as caught:
        await IdentityService(no_postgres, redis, settings).authenticate(project.authorization)
    assert caught.value.engine == "postgresql"


async def test_postgresql_answers_without_redis(
    postgres: Postgres, no_redis: Redis, settings: Settings, project: ProjectAccess
) -> None:
    identity = IdentityService(postgres, no_redis, settings)
    assert isinstance(await identity.authenticate(project.authorization), KeyPrincipal)
    with pytest.raises(Unauthenticated):
        await identity.authenticate("Bearer pk-lf-nobody")
    session = await identity.accounts.sign_in(project.email, project.password)
    assert await identity.authenticate(f"Bearer {session.token}")


async def test_both_down_is_unavailable_and_never_refused(
    no_postgres: Postgres, no_redis: Redis, settings: Settings, project: ProjectAccess
) -> None:
    with pytest.raises(Unavailable):
        await IdentityService(no_postgres, no_redis, settings).authenticate(project.authorization)


async def test_nothing_is_revoked_that_redis_could_bring_back(
    postgres: Postgres, no_redis: Redis, redis: Redis, settings: Settings, project: ProjectAccess
) -> None:
    identity = IdentityService(postgres, no_redis, settings)
    session = await identity.accounts.sign_in(project.email, project.password)
    person = await identity.authenticate(f"Bearer {session.token}")
    project_id = ProjectId(project.project_id)
    (key,) = await identity.keys.of_project(person, project_id)
    with pytest.raises(Unavailable) as caught:
        await identity.keys.revoke_of_project(person, project_id, ApiKeyId(key.id))
    assert caught.value.engine == "redis"
    assert await identity.authenticate(project.authorization)
    assert await IdentityService(postgres, redis, settings).keys.revoke_of_project(
        person, project_id, key.id
    )


async def test_an_entry_that_cannot_be_read_counts_as_none(
    postgres: Postgres, redis: Redis, settings: Settings, project: ProjectAccess
) -> None:
    identity = IdentityService(postgres, redis, settings)
    await identity.authenticate(project.authorization)
    for name in [found async for found in redis.scan_iter("api-key:secret:*")]:
        if project.project_id.encode() in (await redis.get(name) or b""):
            await redis.set(name, b'{"from": "the future"}', keepttl=True)
    assert await IdentityService(postgres, redis, settings).authenticate(project.authorization)
