"""What was accepted and is not readable yet: how much, and since when."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

import structlog

from lumenspan import telemetry
from lumenspan.clock import now_nanos
from lumenspan.errors import LumenspanError
from lumenspan.ids import ProjectId
from lumenspan.ingest import jobs
from lumenspan.ingest.keys import key_segment
from lumenspan.settings import Settings
from lumenspan.storage.queue import JobQueue, Open

_log = structlog.get_logger(__name__)
_NANOS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Backlog:
    """Payloads that are not processed.

    Attributes:
        oldest_age_s: age of the oldest; 0 where everything is readable.
    """

    payloads: int
    oldest_age_s: float


class BacklogService:
    """How fresh what people see is. Every method raises Unavailable while Redis is down."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue

    async def of_project(self, project_id: ProjectId) -> Backlog:
        """That of one project."""
        return _backlog([await self._queue.open_since(jobs.QUEUE, key_segment(project_id))])

    async def by_project(self) -> dict[str, Backlog]:
        """By project with a backlog; of an id that is no part of a key, its replacement there."""
        found = await self._queue.open_shares(jobs.QUEUE)
        return {name: _backlog([each]) for name, each in found.items()}

    async def total(self) -> Backlog:
        """That of all projects together."""
        return _backlog(list((await self._queue.open_shares(jobs.QUEUE)).values()))


def _backlog(parts: list[Open]) -> Backlog:
    times = [each.oldest_ms for each in parts if each.oldest_ms is not None]
    age_s = max(0.0, now_nanos() // _NANOS_PER_MS - min(times)) / 1000 if times else 0.0
    return Backlog(sum(each.count for each in parts), age_s)


async def metrics_text(backlog: BacklogService) -> bytes:
    """The process's numbers and the backlog of now; without the latter while Redis is down."""
    try:
        found = await backlog.by_project()
    except LumenspanError as error:
        _log.warning("backlog_unknown", error=error.message)
    else:
        telemetry.set_backlog({name: (each.payloads, each.oldest_age_s) for name, each in found.items()})
    return telemetry.exposition()


def is_admitted(settings: Settings, authorization: str) -> bool:
    """Whether the header has the token of the settings, where they ask for one."""
    token = settings.metrics_token
    if token is None:
        return True
    given = authorization.removeprefix("Bearer ").encode()
    return hmac.compare_digest(given, token.get_secret_value().encode())
