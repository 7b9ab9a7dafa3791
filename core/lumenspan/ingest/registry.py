"""Which blobs were processed: noted at once, written to PostgreSQL many at a time.

A note that is lost with its process does no harm: the sweeper has the blob processed again, which writes
the same rows. So ingestion goes on while PostgreSQL is down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

import structlog
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlmodel import col, delete, select

from lumenspan.errors import LumenspanError
from lumenspan.identity.tables import IngestBlobRow
from lumenspan.ids import BlobKey
from lumenspan.ingest.dead_letters import DeadLetters
from lumenspan.storage.postgres import Postgres

_log = structlog.get_logger(__name__)
_FLUSH_S = 0.25
_RETRY_S = 1.0
_MOST_NOTES = 50_000
# PostgreSQL takes 32,767 parameters in a statement.
_ROWS_A_STATEMENT = 2_000
_DELETED_AT_ONCE = 20_000


class Note(TypedDict):
    """One processed blob."""

    key: str
    project_id: str
    received_at: datetime
    processed_at: datetime
    spans: int
    rejected: int


class Registry:
    """The table of processed blobs."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self.dead_letters = DeadLetters(postgres)
        self._notes: dict[str, Note] = {}
        self._is_noted = asyncio.Event()

    def note(self, note: Note) -> None:
        """Remember that a blob was processed; ``run`` writes it within a moment."""
        if len(self._notes) >= _MOST_NOTES:
            # The sweeper will find it again.
            self._notes.pop(next(iter(self._notes)))
        self._notes[note["key"]] = note
        self._is_noted.set()

    async def run(self) -> None:
        """Write notes as they come, until cancelled; they wait while PostgreSQL is down."""
        while True:
            await self._is_noted.wait()
            try:
                await self.flush()
                await asyncio.sleep(_FLUSH_S)
            except LumenspanError:
                await asyncio.sleep(_RETRY_S)
            except Exception:
                _log.exception("notes_not_written", count=len(self._notes))
                await asyncio.sleep(_RETRY_S)

    async def flush(self) -> None:
        """Write every note; Unavailable when PostgreSQL is down, and the notes are kept."""
        self._is_noted.clear()
        written = list(self._notes.values())
        try:
            for at in range(0, len(written), _ROWS_A_STATEMENT):
                statement = upsert(IngestBlobRow).values(written[at : at + _ROWS_A_STATEMENT])
                new = statement.excluded
                changes = {name: new[name] for name in ("processed_at", "spans", "rejected")}
                async with self._postgres.session() as session:
                    await session.execute(
                        statement.on_conflict_do_update(index_elements=["key"], set_=changes)
                    )
        except BaseException:
            self._is_noted.set()
            raise
        for each in written:
            if self._notes.get(each["key"]) is each:
                del self._notes[each["key"]]

    async def forget_before(self, at: datetime) -> int:
        """Delete the notes of blobs that were received before ``at``; returns their number.

        Raises:
            Unavailable: PostgreSQL is down.
        """
        deleted = 0
        while True:
            oldest = (
                select(IngestBlobRow.key).where(col(IngestBlobRow.received_at) < at).limit(_DELETED_AT_ONCE)
            )
            async with self._postgres.session() as session:
                result = await session.execute(
                    delete(IngestBlobRow).where(col(IngestBlobRow.key).in_(oldest))
                )
            count = int(getattr(result, "rowcount", 0))
            deleted += count
            if count < _DELETED_AT_ONCE:
                return deleted

    async def processed(self, keys: Sequence[BlobKey]) -> set[BlobKey]:
        """Those of ``keys`` that were processed; Unavailable when PostgreSQL is down."""
        async with self._postgres.session() as session:
            found = await session.execute(select(IngestBlobRow.key).where(col(IngestBlobRow.key).in_(keys)))
            return {BlobKey(key) for key in found.scalars()}
