"""Back-pressure: calls are refused while too much waits for a worker, before anything fills up."""

from __future__ import annotations

from typing import Protocol

import structlog

from lumenspan.clock import now_nanos
from lumenspan.errors import RateLimited, Unavailable
from lumenspan.ids import ProjectId
from lumenspan.ingest import jobs
from lumenspan.ingest.keys import key_segment
from lumenspan.storage.queue import Depth

_log = structlog.get_logger(__name__)
_RETRY_AFTER_S = 5
# How long what was last seen of a full queue is believed.
_BELIEVED_NS = 500_000_000


class _Queue(Protocol):
    async def depth(self, queue: str, share: str) -> Depth: ...


class Pressure:
    """What this process knows of the backlog; only a queue that was full is looked at again.

    Args:
        limit: payloads of all projects that may wait.
        project_limit: those of one project: it is refused before it stands in the way of others.
    """

    def __init__(self, queue: _Queue, limit: int, project_limit: int) -> None:
        self._queue = queue
        self._limit = limit
        self._project_limit = project_limit
        self._total = 0
        # Only projects that are at their limit.
        self._full: dict[ProjectId, int] = {}
        self._seen_ns = 0

    def note(self, project_id: ProjectId, depth: Depth) -> None:
        """What an enqueued job has found."""
        self._total = depth.messages
        self._seen_ns = now_nanos()
        if depth.of_share > self._project_limit:
            if project_id not in self._full:
                _log.warning("project_backlog_full", project_id=project_id, payloads=depth.of_share)
            self._full[project_id] = depth.of_share
        else:
            self._full.pop(project_id, None)

    async def check(self, project_id: ProjectId) -> None:
        """Return when another payload may come.

        Raises:
            RateLimited: too much of this project waits.
            Unavailable: too much of all projects waits, or the queue is down.
        """
        if self._total <= self._limit and project_id not in self._full:
            return
        if now_nanos() - self._seen_ns > _BELIEVED_NS:
            self.note(project_id, await self._queue.depth(jobs.QUEUE, key_segment(project_id)))
        if project_id in self._full:
            message = "Too many payloads of this project wait to be processed; try again shortly"
            raise RateLimited(message, _RETRY_AFTER_S)
        if self._total > self._limit:
            message = "Too many payloads wait to be processed; try again shortly"
            raise Unavailable("ingest", message, _RETRY_AFTER_S)
