"""What could not be stored: kept with its reason until it is replayed or discarded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, delete, func, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlmodel import col

from lumenspan.clock import utc_now
from lumenspan.errors import NotFound
from lumenspan.identity.tables import DeadLetterRow
from lumenspan.ids import BlobKey, ProjectId
from lumenspan.ingest.keys import key_segment
from lumenspan.ingest.raw_spans import readable
from lumenspan.storage import statements
from lumenspan.storage.postgres import Postgres

_MAX_PAYLOAD = 1 << 20
_MAX_REASON = 1000
_ROWS_A_STATEMENT = 500
WHOLE_PAYLOAD = -1


class Stage(StrEnum):
    """Where a part of a payload got stuck."""

    PAYLOAD = "PAYLOAD"
    DECODE = "DECODE"
    MASK = "MASK"
    MAP = "MAP"
    INSERT = "INSERT"


@dataclass(frozen=True, slots=True)
class Dead:
    """A part of a blob that cannot be stored.

    Attributes:
        position: counted from 0 among what reached the stage; ``WHOLE_PAYLOAD`` for all of the blob.
        payload: what was sent: a span as OTLP, or the body of a request; empty where it cannot be had.
    """

    position: int
    stage: Stage
    reason: str
    payload: bytes = b""
    trace_id: str = ""
    span_id: str = ""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter as operators see it.

    Attributes:
        excerpt: the payload as text, JSON where it can be read as such; None in lists.
        attempts: how often it was tried.
        replay_requested_at: None unless a replay waits in the queue.
    """

    id: str
    project_id: str
    blob_key: BlobKey
    position: int
    stage: Stage
    reason: str
    trace_id: str
    span_id: str
    attempts: int
    created_at: datetime
    failed_at: datetime
    replay_requested_at: datetime | None
    payload_bytes: int
    excerpt: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Letters, newest first."""

    letters: list[DeadLetter]
    has_more: bool


_LISTED = (
    "id",
    "project_id",
    "blob_key",
    "position",
    "stage",
    "reason",
    "trace_id",
    "span_id",
    "attempts",
    "created_at",
    "failed_at",
    "replay_requested_at",
)


class DeadLetters:
    """The table of dead letters. Every method raises Unavailable while PostgreSQL is down."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def settle(self, key: BlobKey, project_id: str, dead: Sequence[Dead]) -> None:
        """Keep what of a blob is dead now, and forget what was dead before and is not any more.

        The same again counts an attempt and changes nothing else.
        """
        rows = [_row(key, project_id, each) for each in dead]
        async with self._postgres.session() as session:
            for at in range(0, len(rows), _ROWS_A_STATEMENT):
                statement = upsert(DeadLetterRow).values(rows[at : at + _ROWS_A_STATEMENT])
                new = statement.excluded
                changes: dict[str, Any] = {
                    name: new[name]
                    for name in ("stage", "reason", "payload", "trace_id", "span_id", "failed_at")
                }
                changes["attempts"] = col(DeadLetterRow.attempts) + 1
                changes["replay_requested_at"] = None
                await session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changes))
            await session.execute(
                delete(DeadLetterRow).where(
                    col(DeadLetterRow.blob_key) == key,
                    col(DeadLetterRow.id).not_in([row["id"] for row in rows]),
                )
            )

    async def page(
        self, project_id: ProjectId, first: int, after: tuple[datetime, str] | None = None, reason: str = ""
    ) -> Page:
        """At most ``first`` letters of a project, newest first, behind the one of that time and id."""
        query = _listed(project_id)
        if reason:
            query = query.where(col(DeadLetterRow.reason).icontains(reason, autoescape=True))
        if after is not None:
            query = query.where(
                tuple_(col(DeadLetterRow.created_at), col(DeadLetterRow.id))
                < tuple_(literal(after[0]), literal(after[1]))
            )
        order = (col(DeadLetterRow.created_at).desc(), col(DeadLetterRow.id).desc())
        async with self._postgres.session() as session:
            rows = (await session.execute(query.order_by(*order).limit(first + 1))).all()
        return Page([_letter(row) for row in rows[:first]], len(rows) > first)

    async def get(self, project_id: ProjectId, id_: str, most_chars: int = 65_536) -> DeadLetter | None:
        """One letter with its payload; None where the project has none of that id."""
        query = _listed(project_id, col(DeadLetterRow.payload)).where(col(DeadLetterRow.id) == id_)
        async with self._postgres.session() as session:
            row = (await session.execute(query)).one_or_none()
        return None if row is None else _letter(row, readable(row.payload or b"")[:most_chars])

    async def count(self, project_id: ProjectId) -> int:
        """How many letters a project has."""
        async with self._postgres.session() as session:
            return await statements.count(session, DeadLetterRow, _of(project_id))

    async def request_replay(self, project_id: ProjectId, ids: Iterable[str]) -> list[BlobKey]:
        """Mark letters as waiting for their replay; returns the blobs that hold them.

        Raises:
            NotFound: the project has no letter of one of these ids.
        """
        wanted = set(ids)
        statement = (
            update(DeadLetterRow)
            .where(_of(project_id), col(DeadLetterRow.id).in_(wanted))
            .values(replay_requested_at=utc_now())
            .returning(col(DeadLetterRow.blob_key))
        )
        async with self._postgres.session() as session:
            keys = (await session.execute(statement)).scalars().all()
            if len(keys) != len(wanted):
                await session.rollback()
                raise NotFound("The project has no such dead letter")
        return [BlobKey(key) for key in dict.fromkeys(keys)]

    async def discard(self, project_id: ProjectId, ids: Sequence[str]) -> int:
        """Forget letters; their payloads stay in the store. Returns how many there were."""
        statement = (
            delete(DeadLetterRow)
            .where(_of(project_id), col(DeadLetterRow.id).in_(ids))
            .returning(col(DeadLetterRow.id))
        )
        async with self._postgres.session() as session:
            return len((await session.execute(statement)).all())


def _of(project_id: ProjectId) -> Any:
    """Those of the project: of an unreadable payload only the project's part of its key is known."""
    return col(DeadLetterRow.project_id).in_({project_id, key_segment(project_id)})


def _listed(project_id: ProjectId, *more: Any) -> Select[Any]:
    columns = [getattr(DeadLetterRow, name) for name in _LISTED]
    size = func.coalesce(func.length(col(DeadLetterRow.payload)), 0).label("payload_bytes")
    found: Select[Any] = select(*columns, size, *more).where(_of(project_id))
    return found


def _letter(row: Any, excerpt: str | None = None) -> DeadLetter:
    values = {name: getattr(row, name) for name in _LISTED}
    values["stage"] = Stage(values["stage"])
    return DeadLetter(**values, payload_bytes=row.payload_bytes, excerpt=excerpt)


def _row(key: BlobKey, project_id: str, dead: Dead) -> dict[str, Any]:
    now = utc_now()
    return {
        # Chosen by the place, so that a repeated job writes the same row.
        "id": hashlib.sha256(f"{key}:{dead.stage}:{dead.position}".encode()).hexdigest()[:32],
        "project_id": project_id,
        "blob_key": key,
        "position": dead.position,
        "stage": dead.stage.value,
        "reason": _text(dead.reason)[:_MAX_REASON],
        "payload": dead.payload[:_MAX_PAYLOAD],
        "trace_id": _text(dead.trace_id),
        "span_id": _text(dead.span_id),
        "created_at": now,
        "failed_at": now,
    }


def _text(value: str) -> str:
    return value.replace("\0", "").encode("utf-8", "replace").decode()[:_MAX_REASON]
