"""Reads and writes of definitions in PostgreSQL; rows in, domain out. The caller owns the transaction."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from lumenspan.ids import ProjectId
from lumenspan.models.codec import tiers_from_json, tiers_to_json
from lumenspan.models.domain import ModelDefinition, ModelId, Tokenizer, TokenizerConfig, Unit
from lumenspan.models.tables import ModelRow
from lumenspan.storage import statements


def to_model(row: ModelRow) -> ModelDefinition:
    config = row.tokenizer_config
    return ModelDefinition(
        id=ModelId(row.id),
        project_id=ProjectId(row.project_id),
        name=row.name,
        match_pattern=row.match_pattern,
        start_date=row.start_date,
        unit=Unit(row.unit),
        tiers=tiers_from_json(row.tiers),
        tokenizer=Tokenizer(row.tokenizer) if row.tokenizer else None,
        tokenizer_config=TokenizerConfig(**config) if config else None,
        created_at=row.created_at,
        updated_at=row.updated_at,
        revision=row.revision,
    )


def to_row(model: ModelDefinition) -> ModelRow:
    config = model.tokenizer_config
    if model.project_id is None:
        raise ValueError("a built-in definition belongs to no table")
    return ModelRow(
        id=model.id,
        revision=model.revision,
        project_id=model.project_id,
        name=model.name,
        match_pattern=model.match_pattern,
        start_date=model.start_date,
        unit=model.unit.value,
        tokenizer=model.tokenizer.value if model.tokenizer else None,
        tokenizer_config=asdict(config) if config else None,
        tiers=tiers_to_json(model.tiers),
        created_at=model.created_at,
        updated_at=model.updated_at,
    )


async def current(session: AsyncSession, project_id: ProjectId) -> list[ModelDefinition]:
    """The project's own definitions as they are now, in no particular order."""
    statement = select(ModelRow).where(
        col(ModelRow.project_id) == project_id, col(ModelRow.replaced_at).is_(None)
    )
    return [to_model(row) for row in (await session.execute(statement)).scalars()]


async def by_id(
    session: AsyncSession,
    project_id: ProjectId,
    id_: str,
    revision: int | None = None,
    *,
    is_locked: bool = False,
) -> ModelDefinition | None:
    """One of the project's definitions: that revision, or the current one."""
    where = [col(ModelRow.project_id) == project_id, col(ModelRow.id) == id_]
    if revision is None:
        where.append(col(ModelRow.replaced_at).is_(None))
    else:
        where.append(col(ModelRow.revision) == revision)
    row = await statements.one(session, ModelRow, *where, is_locked=is_locked)
    return to_model(row) if row else None


async def retire(session: AsyncSession, project_id: ProjectId, id_: str, now: datetime) -> bool:
    """Take the current revision out of use; False where there is none."""
    statement = (
        update(ModelRow)
        .where(
            col(ModelRow.project_id) == project_id,
            col(ModelRow.id) == id_,
            col(ModelRow.replaced_at).is_(None),
        )
        .values(replaced_at=now)
        .returning(col(ModelRow.id))
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def add(session: AsyncSession, model: ModelDefinition) -> None:
    """Store a new revision; IntegrityError where the project has another current one of that name."""
    session.add(to_row(model))
    await session.flush()


async def last_revision(session: AsyncSession, id_: str) -> int:
    """The highest revision that ``id_`` ever had, in any project; 0 where it had none."""
    statement = select(func.max(col(ModelRow.revision))).where(col(ModelRow.id) == id_)
    return (await session.execute(statement)).scalar() or 0
