"""What the actors work with: the services of one worker process, on its event loop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self

from redis.asyncio import Redis

from lumenspan.identity.deletion import ProjectDeletion
from lumenspan.ingest.backlog import BacklogService
from lumenspan.ingest.registry import Registry
from lumenspan.ingest.replays import ReplayWork
from lumenspan.ingest.service import IngestService
from lumenspan.ingest.sweeper import Sweeper
from lumenspan.media.payloads import PayloadMedia
from lumenspan.media.service import MediaService
from lumenspan.models.definitions import Definitions
from lumenspan.models.pricer import Pricer
from lumenspan.models.tokens import TokenCounter
from lumenspan.settings import Settings
from lumenspan.storage.blobs import Blobs
from lumenspan.storage.cache import connect_redis
from lumenspan.storage.clickhouse import ClickHouse
from lumenspan.storage.postgres import Postgres
from lumenspan.storage.queue import JobQueue
from lumenspan.traces.deletion import TraceDeletion
from lumenspan_workers.patience import Patience


@dataclass
class Services:
    """Clients and services; one set a process. ``current`` is the set that actors use."""

    settings: Settings
    clickhouse: ClickHouse
    blobs: Blobs
    redis: Redis
    postgres: Postgres
    ingest: IngestService
    registry: Registry
    media: MediaService
    sweeper: Sweeper
    replays: ReplayWork
    backlog: BacklogService
    deletion: TraceDeletion
    project_deletion: ProjectDeletion
    patience: Patience = field(default_factory=Patience)

    current: ClassVar[Services | None] = None

    @classmethod
    async def connect(cls, settings: Settings) -> Self:
        """Make the set on the running loop; the engines are contacted on first use."""
        clickhouse, blobs, redis = ClickHouse(settings), Blobs(settings), connect_redis(settings)
        postgres = Postgres(settings.postgres_url, pool_size=4)
        registry = Registry(postgres)
        media = MediaService(postgres, settings)
        queue = JobQueue(redis, settings)
        ingest = IngestService(
            clickhouse,
            blobs,
            redis,
            registry,
            settings,
            PayloadMedia(media, settings),
            Pricer(Definitions(postgres, redis, settings), TokenCounter()),
        )
        return cls(
            settings=settings,
            clickhouse=clickhouse,
            blobs=blobs,
            redis=redis,
            postgres=postgres,
            ingest=ingest,
            registry=registry,
            media=media,
            sweeper=Sweeper(blobs, queue, redis, registry, settings),
            backlog=BacklogService(queue),
            deletion=TraceDeletion(clickhouse, media, queue),
            project_deletion=ProjectDeletion(postgres, clickhouse, blobs, media, redis, settings),
            replays=ReplayWork(postgres, blobs, queue, ingest, settings),
        )

    async def close(self) -> None:
        await self.ingest.close()
        await self.blobs.close()
        await self.media.close()
        await self.clickhouse.close()
        await self.redis.aclose()
        await self.postgres.close()


def services() -> Services:
    """The services of this process; RuntimeError before it has started."""
    if Services.current is None:
        raise RuntimeError("the worker has not started")
    return Services.current
