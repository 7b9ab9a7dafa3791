"""Skills in PostgreSQL, each within one project. The caller owns the transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from lumenspan.ids import ProjectId
from lumenspan.skills.domain import (
    LATEST,
    PRODUCTION,
    Blob,
    SkillFile,
    SkillFilter,
    SkillSummary,
    SkillVersion,
)
from lumenspan.skills.tables import SkillBlobRow, SkillFileRow, SkillRow, SkillVersionRow
from lumenspan.storage import statements


async def lock(session: AsyncSession, project_id: ProjectId) -> None:
    """One change of a project's skills at a time: they share texts, numbers and labels."""
    await statements.one_at_a_time(session, project_id, 15)


async def skill(session: AsyncSession, project_id: ProjectId, name: str) -> SkillRow | None:
    """The row of a name."""
    where = (col(SkillRow.project_id) == project_id, col(SkillRow.name) == name)
    return await statements.one(session, SkillRow, *where)


async def versions(session: AsyncSession, row: SkillRow) -> list[SkillVersionRow]:
    """The rows of a skill's versions, newest first."""
    query = (
        select(SkillVersionRow)
        .where(col(SkillVersionRow.project_id) == row.project_id, col(SkillVersionRow.skill_id) == row.id)
        .order_by(col(SkillVersionRow.version).desc())
    )
    return list((await session.execute(query)).scalars())


async def loaded(
    session: AsyncSession, row: SkillRow, version: SkillVersionRow, newest: int
) -> SkillVersion:
    """A version with its files.

    Args:
        newest: the highest number that there is, which ``latest`` is on.
    """
    query = (
        select(
            SkillFileRow,
            col(SkillBlobRow.id),
            col(SkillBlobRow.sha256),
            col(SkillBlobRow.content_length),
        )
        .join(SkillBlobRow, col(SkillBlobRow.id) == col(SkillFileRow.blob_id))
        .where(col(SkillFileRow.project_id) == row.project_id, col(SkillFileRow.version_id) == version.id)
        .order_by(col(SkillFileRow.position))
    )
    files = tuple(
        SkillFile(file.id, file.path, Blob(blob_id, sha256, length))
        for file, blob_id, sha256, length in (await session.execute(query)).all()
    )
    latest = (LATEST,) if version.version == newest else ()
    return SkillVersion(
        id=version.id,
        project_id=ProjectId(row.project_id),
        name=row.name,
        description=version.description,
        frontmatter=version.frontmatter,
        version=version.version,
        tags=tuple(row.tags),
        labels=(*version.labels, *latest),
        commit_message=version.commit_message,
        files=files,
        created_by=version.created_by,
        created_at=version.created_at,
        updated_at=version.updated_at,
    )


async def add_files(session: AsyncSession, version: SkillVersion) -> None:
    """Add the files of a version."""
    session.add_all(
        SkillFileRow(
            id=each.id,
            project_id=version.project_id,
            version_id=version.id,
            position=position,
            path=each.path,
            blob_id=each.blob.id,
        )
        for position, each in enumerate(version.files)
    )


async def set_labels(session: AsyncSession, version_id: str, labels: Sequence[str]) -> None:
    """Replace the labels of a version."""
    statement = update(SkillVersionRow).where(col(SkillVersionRow.id) == version_id)
    await session.execute(statement.values(labels=list(labels), updated_at=func.now()))


async def touch(session: AsyncSession, row: SkillRow) -> None:
    """Every version of a skill was changed now."""
    statement = update(SkillVersionRow).where(col(SkillVersionRow.skill_id) == row.id)
    await session.execute(statement.values(updated_at=func.now()))


async def blobs(session: AsyncSession, project_id: ProjectId, hashes: Iterable[str]) -> dict[str, Blob]:
    """Texts that the project has, by hash, without their contents."""
    query = select(col(SkillBlobRow.id), col(SkillBlobRow.sha256), col(SkillBlobRow.content_length)).where(
        col(SkillBlobRow.project_id) == project_id, col(SkillBlobRow.sha256).in_(list(hashes))
    )
    return {
        sha256: Blob(id_, sha256, length) for id_, sha256, length in (await session.execute(query)).all()
    }


async def contents(session: AsyncSession, project_id: ProjectId, hashes: Iterable[str]) -> dict[str, bytes]:
    """Contents of texts that the project has, by hash."""
    query = select(col(SkillBlobRow.sha256), col(SkillBlobRow.content)).where(
        col(SkillBlobRow.project_id) == project_id, col(SkillBlobRow.sha256).in_(list(hashes))
    )
    return {sha256: content for sha256, content in (await session.execute(query)).all()}


async def remove_version(session: AsyncSession, project_id: ProjectId, version_id: str) -> None:
    """Remove a version with its files, and the texts that no version has any more."""
    await session.execute(delete(SkillVersionRow).where(col(SkillVersionRow.id) == version_id))
    used = select(col(SkillFileRow.id)).where(col(SkillFileRow.blob_id) == col(SkillBlobRow.id))
    unused = delete(SkillBlobRow).where(col(SkillBlobRow.project_id) == project_id, ~used.exists())
    await session.execute(unused)


async def page(
    session: AsyncSession, project_id: ProjectId, wanted: SkillFilter, offset: int, limit: int
) -> tuple[list[SkillSummary], int]:
    """Skills from ``offset`` on, by name, and how many there are."""
    newest = (
        select(col(SkillVersionRow.skill_id), func.max(SkillVersionRow.version).label("version"))
        .where(col(SkillVersionRow.project_id) == project_id)
        .group_by(col(SkillVersionRow.skill_id))
        .subquery()
    )
    query = (
        select(SkillRow, SkillVersionRow)
        .join(newest, newest.c.skill_id == col(SkillRow.id))
        .join(
            SkillVersionRow,
            (col(SkillVersionRow.skill_id) == col(SkillRow.id))
            & (col(SkillVersionRow.version) == newest.c.version),
        )
        .where(col(SkillRow.project_id) == project_id, *_conditions(wanted))
    )
    total = (await session.execute(select(func.count()).select_from(query.subquery()))).scalar_one()
    rows = (await session.execute(query.order_by(col(SkillRow.name)).offset(offset).limit(limit))).all()
    production = await _in_production(session, project_id, [row.id for row, _ in rows])
    found = [
        SkillSummary(
            name=row.name,
            description=version.description,
            tags=tuple(row.tags),
            latest_version=version.version,
            latest_created_at=version.created_at,
            latest_updated_at=version.updated_at,
            production_version=production.get(row.id),
        )
        for row, version in rows
    ]
    return found, total


def _conditions(wanted: SkillFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.name:
        found.append(col(SkillRow.name) == wanted.name)
    if wanted.search:
        in_name = col(SkillRow.name).icontains(wanted.search, autoescape=True)
        found.append(in_name | col(SkillVersionRow.description).icontains(wanted.search, autoescape=True))
    if wanted.tag:
        found.append(col(SkillRow.tags).contains([wanted.tag]))
    if wanted.since is not None:
        found.append(col(SkillVersionRow.updated_at) >= wanted.since)
    if wanted.until is not None:
        found.append(col(SkillVersionRow.updated_at) < wanted.until)
    return found


async def _in_production(
    session: AsyncSession, project_id: ProjectId, skill_ids: Sequence[str]
) -> dict[str, int]:
    query = select(col(SkillVersionRow.skill_id), col(SkillVersionRow.version)).where(
        col(SkillVersionRow.project_id) == project_id,
        col(SkillVersionRow.skill_id).in_(skill_ids),
        col(SkillVersionRow.labels).contains([PRODUCTION]),
    )
    return {skill_id: version for skill_id, version in (await session.execute(query)).all()}
