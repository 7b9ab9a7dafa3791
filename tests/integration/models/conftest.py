"""Clients and a model service on the engines of the tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis

from lumenspan.ids import ProjectId
from lumenspan.models.service import ModelService
from lumenspan.settings import Settings
from lumenspan.storage.cache import connect_redis
from lumenspan.storage.clickhouse import ClickHouse
from lumenspan.storage.postgres import Postgres
from tests.conftest import ProjectAccess


@dataclass
class Clients:
    settings: Settings
    postgres: Postgres
    redis: Redis
    clickhouse: ClickHouse

    def models(self) -> ModelService:
        """A service with a memory of its own, as another process has."""
        return ModelService(self.postgres, self.redis, self.settings)


@pytest.fixture(scope="module")
async def clients(settings: Settings) -> AsyncIterator[Clients]:
    made = Clients(settings, Postgres(settings.postgres_url), connect_redis(settings), ClickHouse(settings))
    yield made
    await made.clickhouse.close()
    await made.redis.aclose()
    await made.postgres.close()


@pytest.fixture
def own(project: ProjectAccess) -> ProjectId:
    return ProjectId(project.project_id)


@pytest.fixture
def other(other_project: ProjectAccess) -> ProjectId:
    return ProjectId(other_project.project_id)
