"""Reads and writes of media in PostgreSQL, each within one project. The caller owns the transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import and_, delete, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from lumenspan.ids import ProjectId, TraceId
from lumenspan.media.domain import DatasetItemLink, Link, MediaId, TraceLink
from lumenspan.media.tables import DatasetItemMediaRow, MediaRow, TraceMediaRow
from lumenspan.storage import statements

_UPLOADED = (200, 201)
_FIXED = frozenset({"project_id", "id", "created_at"})
# PostgreSQL takes 32,767 parameters in a statement.
_ROWS_A_STATEMENT = 2_000


async def find(session: AsyncSession, project_id: ProjectId, media_id: MediaId) -> MediaRow | None:
    """The file of that project."""
    return await session.get(MediaRow, (project_id, media_id))


async def lock(session: AsyncSession, project_id: ProjectId, media_id: MediaId) -> MediaRow | None:
    """The file of that project, locked until the transaction ends."""
    where = (col(MediaRow.project_id) == project_id, col(MediaRow.id) == media_id)
    return await statements.one(session, MediaRow, *where, is_locked=True)


async def uploaded(
    session: AsyncSession, project_id: ProjectId, media_ids: Sequence[MediaId]
) -> set[MediaId]:
    """Those of the ids whose file is there."""
    query = select(col(MediaRow.id)).where(
        col(MediaRow.project_id) == project_id,
        col(MediaRow.id).in_(media_ids),
        col(MediaRow.upload_http_status).in_(_UPLOADED),
    )
    return {MediaId(found) for found in (await session.execute(query)).scalars()}


async def add(session: AsyncSession, row: MediaRow) -> None:
    """Register the file; nothing when its id is known."""
    await session.execute(insert(MediaRow).values(_values(row)).on_conflict_do_nothing())


async def add_uploaded(session: AsyncSession, rows: Iterable[MediaRow]) -> None:
    """Register files that are in the store, also where a client was about to upload them."""
    # In one order everywhere, so that two writers of the same files do not wait for each other.
    values = [_values(row) for row in sorted(rows, key=lambda each: each.id)]
    for at in range(0, len(values), _ROWS_A_STATEMENT):
        statement = insert(MediaRow).values(values[at : at + _ROWS_A_STATEMENT])
        changed = {name: statement.excluded[name] for name in values[0].keys() - _FIXED}
        is_missing = or_(
            col(MediaRow.upload_http_status).is_(None),
            col(MediaRow.upload_http_status).not_in(_UPLOADED),
        )
        await session.execute(
            statement.on_conflict_do_update(
                index_elements=["project_id", "id"], set_=changed, where=is_missing
            )
        )


async def link(session: AsyncSession, project_id: ProjectId, links: Iterable[tuple[MediaId, Link]]) -> None:
    """Note where the files are referred to; the same again changes nothing."""
    rows: dict[type[TraceMediaRow | DatasetItemMediaRow], list[dict[str, Any]]] = {}
    for media_id, place in links:
        row = {"project_id": project_id, "media_id": media_id, "field": place.field.value}
        if isinstance(place, TraceLink):
            row |= {"trace_id": place.trace_id, "observation_id": place.observation_id}
            rows.setdefault(TraceMediaRow, []).append(row)
        elif isinstance(place, DatasetItemLink):
            row |= {"dataset_id": place.dataset_id, "dataset_item_id": place.dataset_item_id}
            rows.setdefault(DatasetItemMediaRow, []).append(row)
    for table, values in rows.items():
        values.sort(key=lambda each: tuple(each.values()))
        for at in range(0, len(values), _ROWS_A_STATEMENT):
            some = values[at : at + _ROWS_A_STATEMENT]
            await session.execute(insert(table).values(some).on_conflict_do_nothing())


async def links_of(session: AsyncSession, project_id: ProjectId, trace_id: TraceId) -> list[TraceMediaRow]:
    """Where the trace and its observations refer to files."""
    query = (
        select(TraceMediaRow)
        .where(col(TraceMediaRow.project_id) == project_id, col(TraceMediaRow.trace_id) == trace_id)
        .order_by(col(TraceMediaRow.observation_id), col(TraceMediaRow.field), col(TraceMediaRow.media_id))
    )
    return list((await session.execute(query)).scalars())


async def files_of(
    session: AsyncSession, project_id: ProjectId, trace_ids: Sequence[TraceId], limit: int
) -> list[tuple[TraceMediaRow, MediaRow]]:
    """Links of the traces and their observations to files that are there, at most ``limit`` a trace."""
    order = (col(TraceMediaRow.observation_id), col(TraceMediaRow.field), col(TraceMediaRow.media_id))
    place = func.row_number().over(partition_by=col(TraceMediaRow.trace_id), order_by=order)
    found = (
        select(TraceMediaRow, MediaRow, place.label("place"))
        .join(
            MediaRow,
            and_(
                col(MediaRow.project_id) == col(TraceMediaRow.project_id),
                col(MediaRow.id) == col(TraceMediaRow.media_id),
            ),
        )
        .where(
            col(TraceMediaRow.project_id) == project_id,
            col(TraceMediaRow.trace_id).in_(trace_ids),
            col(MediaRow.upload_http_status).in_(_UPLOADED),
        )
        .subquery()
    )
    links, files = aliased(TraceMediaRow, found), aliased(MediaRow, found)
    query = select(links, files).where(found.c.place <= limit).order_by(found.c.trace_id, found.c.place)
    return [(row[0], row[1]) for row in (await session.execute(query)).all()]


async def unlink_traces(
    session: AsyncSession, project_id: ProjectId, trace_ids: Sequence[TraceId]
) -> list[MediaRow]:
    """Remove the links of the traces and the files that nothing refers to any more; returns these."""
    gone = (
        delete(TraceMediaRow)
        .where(col(TraceMediaRow.project_id) == project_id, col(TraceMediaRow.trace_id).in_(trace_ids))
        .returning(col(TraceMediaRow.media_id))
    )
    media_ids = set((await session.execute(gone)).scalars())
    if not media_ids:
        return []
    # Locked first: a link that is being added waits, and then brings its file back.
    locked = (
        select(col(MediaRow.id))
        .where(col(MediaRow.project_id) == project_id, col(MediaRow.id).in_(media_ids))
        .order_by(col(MediaRow.id))
        .with_for_update()
    )
    await session.execute(locked)
    unused = [
        ~exists().where(
            col(table.project_id) == col(MediaRow.project_id), col(table.media_id) == col(MediaRow.id)
        )
        for table in (TraceMediaRow, DatasetItemMediaRow)
    ]
    removed = (
        delete(MediaRow)
        .where(col(MediaRow.project_id) == project_id, col(MediaRow.id).in_(media_ids), *unused)
        .returning(MediaRow)
    )
    return list((await session.execute(removed)).scalars())


async def some_of_project(session: AsyncSession, project_id: ProjectId, limit: int) -> list[MediaRow]:
    """Some files of the project."""
    query = select(MediaRow).where(col(MediaRow.project_id) == project_id).limit(limit)
    return list((await session.execute(query)).scalars())


async def remove(session: AsyncSession, project_id: ProjectId, media_ids: Sequence[MediaId]) -> None:
    """Forget the files and every link to them."""
    await session.execute(
        delete(MediaRow).where(col(MediaRow.project_id) == project_id, col(MediaRow.id).in_(media_ids))
    )


def _values(row: MediaRow) -> dict[str, Any]:
    return row.model_dump()
