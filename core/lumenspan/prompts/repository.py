"""Prompts in PostgreSQL, each within one project. The caller owns the transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from lumenspan.clock import nanos_to_datetime
from lumenspan.ids import ProjectId
from lumenspan.prompts.domain import Prompt, PromptFilter, PromptType, Reference
from lumenspan.prompts.tables import PromptReferenceRow, PromptRow
from lumenspan.storage import statements


async def lock(session: AsyncSession, project_id: ProjectId) -> None:
    """One change of a project's prompts at a time: they refer to each other."""
    await statements.one_at_a_time(session, project_id, 7)


async def versions(session: AsyncSession, project_id: ProjectId, name: str) -> list[Prompt]:
    """Every version of a name, newest first."""
    query = select(PromptRow).where(*_named(project_id, name)).order_by(col(PromptRow.version).desc())
    return [_to_prompt(row) for row in (await session.execute(query)).scalars()]


async def find(
    session: AsyncSession, project_id: ProjectId, name: str, version: int | None, label: str | None
) -> Prompt | None:
    """The version of that number, else the one with the label."""
    query = select(PromptRow).where(*_named(project_id, name))
    if version is not None:
        query = query.where(col(PromptRow.version) == version)
    else:
        query = query.where(col(PromptRow.labels).contains([label]))
    row = (await session.execute(query.limit(1))).scalar_one_or_none()
    return None if row is None else _to_prompt(row)


async def add(session: AsyncSession, prompt: Prompt, found: Sequence[Reference]) -> None:
    """Add a version with its references."""
    session.add(
        PromptRow(
            id=prompt.id,
            project_id=prompt.project_id,
            name=prompt.name,
            version=prompt.version,
            type=prompt.type,
            prompt=prompt.prompt,
            config=prompt.config,
            labels=list(prompt.labels),
            tags=list(prompt.tags),
            commit_message=prompt.commit_message,
            created_by=prompt.created_by,
            created_at=prompt.created_at,
            updated_at=prompt.updated_at,
        )
    )
    await session.flush()
    for each in found:
        session.add(
            PromptReferenceRow(
                prompt_id=prompt.id,
                tag=each.tag,
                project_id=prompt.project_id,
                name=each.name,
                version=each.version,
                label=each.label,
            )
        )


async def has(session: AsyncSession, project_id: ProjectId, prompt_id: str) -> bool:
    """Whether there is a version of that id."""
    query = select(col(PromptRow.id)).where(
        col(PromptRow.project_id) == project_id, col(PromptRow.id) == prompt_id
    )
    return (await session.execute(query)).first() is not None


async def set_labels(session: AsyncSession, prompt_id: str, labels: Sequence[str]) -> None:
    """Replace the labels of a version."""
    changed: dict[str, Any] = {"labels": list(labels), "updated_at": func.now()}
    await session.execute(update(PromptRow).where(col(PromptRow.id) == prompt_id).values(**changed))


async def set_tags(session: AsyncSession, project_id: ProjectId, name: str, tags: Sequence[str]) -> None:
    """Replace the tags of every version of a name."""
    statement = update(PromptRow).where(*_named(project_id, name)).values(tags=list(tags))
    await session.execute(statement)


async def remove(session: AsyncSession, ids: Sequence[str]) -> None:
    """Remove versions with their references."""
    await session.execute(delete(PromptRow).where(col(PromptRow.id).in_(ids)))


async def referring(
    session: AsyncSession, project_id: ProjectId, name: str
) -> list[tuple[Prompt, Reference]]:
    """Versions of other names that refer to a name."""
    query = (
        select(PromptRow, PromptReferenceRow)
        .join(PromptReferenceRow, col(PromptReferenceRow.prompt_id) == col(PromptRow.id))
        .where(
            col(PromptReferenceRow.project_id) == project_id,
            col(PromptReferenceRow.name) == name,
            col(PromptRow.name) != name,
        )
    )
    return [
        (_to_prompt(row), Reference(found.tag, found.name, found.version, found.label))
        for row, found in (await session.execute(query)).all()
    ]


async def every(session: AsyncSession, project_id: ProjectId, wanted: PromptFilter) -> list[Prompt]:
    """Every version that the filter takes, by name and version, without its body."""
    columns = [getattr(PromptRow, name) for name in PromptRow.model_fields if name != "prompt"]
    query = (
        select(*columns)
        .where(col(PromptRow.project_id) == project_id, *_conditions(wanted))
        .order_by(col(PromptRow.name), col(PromptRow.version))
    )
    return [_to_prompt(row, has_body=False) for row in (await session.execute(query)).all()]


def _conditions(wanted: PromptFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.name:
        found.append(col(PromptRow.name) == wanted.name)
    if wanted.version is not None:
        found.append(col(PromptRow.version) == wanted.version)
    if wanted.label:
        found.append(col(PromptRow.labels).contains([wanted.label]))
    if wanted.tag:
        found.append(col(PromptRow.tags).contains([wanted.tag]))
    if wanted.since_ns is not None:
        found.append(col(PromptRow.updated_at) >= nanos_to_datetime(wanted.since_ns))
    if wanted.until_ns is not None:
        found.append(col(PromptRow.updated_at) < nanos_to_datetime(wanted.until_ns))
    return found


def _named(project_id: ProjectId, name: str) -> tuple[ColumnElement[bool], ...]:
    return (col(PromptRow.project_id) == project_id, col(PromptRow.name) == name)


def _to_prompt(row: Any, *, has_body: bool = True) -> Prompt:
    return Prompt(
        id=row.id,
        project_id=ProjectId(row.project_id),
        name=row.name,
        version=row.version,
        type=PromptType(row.type),
        prompt=row.prompt if has_body else None,
        config=row.config,
        labels=tuple(row.labels),
        tags=tuple(row.tags),
        commit_message=row.commit_message,
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
