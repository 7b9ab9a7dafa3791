"""Dead letters as people handle them: look, try again, discard."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lumenspan.errors import InvalidInput, NotFound
from lumenspan.ids import ProjectId
from lumenspan.ingest import jobs
from lumenspan.ingest.dead_letters import DeadLetter, DeadLetters, Page
from lumenspan.ingest.keys import share
from lumenspan.storage.postgres import Postgres
from lumenspan.storage.queue import JobQueue

MAX_AT_ONCE = 1_000


class DeadLetterService:
    """The dead letters of a project. Every method raises Unavailable while an engine is down."""

    def __init__(self, postgres: Postgres, queue: JobQueue) -> None:
        self._letters = DeadLetters(postgres)
        self._queue = queue

    async def page(
        self, project_id: ProjectId, first: int, after: tuple[datetime, str] | None = None, reason: str = ""
    ) -> Page:
        """Letters, newest first; ``reason`` is a part of theirs."""
        return await self._letters.page(project_id, first, after, reason)

    async def count(self, project_id: ProjectId) -> int:
        """How many there are."""
        return await self._letters.count(project_id)

    async def get(self, project_id: ProjectId, id_: str) -> DeadLetter:
        """One letter with what was sent, as text.

        Raises:
            NotFound: the project has no such letter.
        """
        found = await self._letters.get(project_id, id_)
        if found is None:
            raise NotFound("There is no such dead letter")
        return found

    async def replay(self, project_id: ProjectId, ids: Sequence[str]) -> int:
        """Have the payloads of these letters processed again; returns the number of payloads.

        A letter goes away when that succeeds, and else says why not.

        Raises:
            InvalidInput: no ids, or too many.
            NotFound: the project has no letter of one of the ids; none is replayed then.
        """
        _check(ids)
        keys = await self._letters.request_replay(project_id, ids)
        for key in keys:
            await self._queue.enqueue_fairly(jobs.REPLAY_BLOB, (key, 0), share(key), queue=jobs.QUEUE)
        return len(keys)

    async def discard(self, project_id: ProjectId, ids: Sequence[str]) -> int:
        """Forget letters; their payloads stay in the store. Returns how many there were.

        Raises:
            InvalidInput: no ids, or too many.
        """
        _check(ids)
        return await self._letters.discard(project_id, ids)


def _check(ids: Sequence[str]) -> None:
    if not 1 <= len(ids) <= MAX_AT_ONCE:
        raise InvalidInput(f"Name between 1 and {MAX_AT_ONCE} dead letters")
