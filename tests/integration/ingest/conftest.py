"""Clients on the running engines, one set for the session."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from redis.asyncio import Redis

from lumenspan.ingest.accept import IngestGate
from lumenspan.ingest.registry import Registry
from lumenspan.ingest.service import IngestService
from lumenspan.ingest.sweeper import Sweeper
from lumenspan.settings import Settings
from lumenspan.storage.blobs import Blobs
from lumenspan.storage.cache import connect_redis
from lumenspan.storage.clickhouse import ClickHouse
from lumenspan.storage.postgres import Postgres
from lumenspan.storage.queue import JobQueue


@dataclass
class Clients:
    """What the pipeline is made of; ``settings`` has queues of its own, which no worker consumes."""

    settings: Settings
    clickhouse: ClickHouse
    blobs: Blobs
    redis: Redis
    postgres: Postgres
    registry: Registry
    gates: list[IngestGate] = field(default_factory=list)

    @property
    def queue(self) -> JobQueue:
        return JobQueue(self.redis, self.settings)

    def gate(self, **changes: object) -> IngestGate:
        """A gate that is closed before the clients are: nothing is on the way to them then."""
        made = IngestGate(self.blobs, self.queue, self.settings.model_copy(update=changes))
        self.gates.append(made)
        return made

    @property
    def service(self) -> IngestService:
        return IngestService(self.clickhouse, self.blobs, self.redis, self.registry, self.settings)

    def sweeper(self) -> Sweeper:
        return Sweeper(self.blobs, self.queue, self.redis, self.registry, self.settings)


@contextlib.asynccontextmanager
async def open_clients(settings: Settings) -> AsyncIterator[Clients]:
    postgres = Postgres(settings.postgres_url, pool_size=2)
    clients = Clients(
        settings,
        ClickHouse(settings),
        Blobs(settings),
        connect_redis(settings),
        postgres,
        Registry(postgres),
    )
    try:
        yield clients
    finally:
        for gate in clients.gates:
            await gate.close()
        await clients.blobs.close()
        await clients.clickhouse.close()
        await clients.redis.aclose()
        await clients.postgres.close()


@pytest.fixture
async def clients(settings: Settings, request: pytest.FixtureRequest) -> AsyncIterator[Clients]:
    name = request.node.name.replace("/", "_")
    apart = settings.model_copy(update={"redis_key_prefix": f"{name}:", "s3_prefix": f"{name}/"})
    async with open_clients(apart) as made:
        yield made
