"""Evaluators in PostgreSQL, each within one project. The caller owns the transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Select, Update, delete, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from lumenspan.evaluators import codec
from lumenspan.evaluators.domain import Creator, Evaluator, EvaluatorType, Pause, RuleUse, Version
from lumenspan.evaluators.tables import (
    EvaluationRuleAssignmentRow,
    EvaluationRuleRow,
    EvaluatorRow,
    EvaluatorVersionRow,
)
from lumenspan.identity.tables import UserRow
from lumenspan.ids import ProjectId
from lumenspan.storage import statements

_Rows = Select[tuple[EvaluatorRow, EvaluatorVersionRow]]


async def lock(session: AsyncSession, project_id: ProjectId) -> None:
    """One change of a project's evaluators and rules at a time: names, versions and counts depend on it."""
    await statements.one_at_a_time(session, project_id, 14)


async def find(session: AsyncSession, project_id: ProjectId, id_: str) -> Evaluator | None:
    """The evaluator of that id."""
    found = await _loaded(session, project_id, _newest(project_id).where(col(EvaluatorRow.id) == id_))
    return found[0] if found else None


async def by_ids(session: AsyncSession, project_id: ProjectId, ids: Iterable[str]) -> dict[str, Evaluator]:
    """Evaluators by their ids."""
    query = _newest(project_id).where(col(EvaluatorRow.id).in_(list(ids)))
    return {each.id: each for each in await _loaded(session, project_id, query)}


async def by_name(
    session: AsyncSession, project_id: ProjectId, name: str, type_: EvaluatorType
) -> Evaluator | None:
    """The first that was made with that name and type: names are not unique."""
    query = (
        _newest(project_id)
        .where(col(EvaluatorRow.name) == name, col(EvaluatorRow.type) == type_)
        .order_by(col(EvaluatorRow.created_at), col(EvaluatorRow.id))
        .limit(1)
    )
    found = await _loaded(session, project_id, query)
    return found[0] if found else None


async def page(
    session: AsyncSession, project_id: ProjectId, offset: int, limit: int
) -> tuple[list[Evaluator], int]:
    """Evaluators from ``offset`` on, newest first, and how many there are."""
    total = await statements.count(session, EvaluatorRow, col(EvaluatorRow.project_id) == project_id)
    query = _ordered(_newest(project_id)).offset(offset).limit(limit)
    return await _loaded(session, project_id, query), total


async def after(
    session: AsyncSession, project_id: ProjectId, position: tuple[datetime, str] | None, limit: int
) -> list[Evaluator]:
    """Evaluators that were made before the one at ``position``, newest first."""
    query = _ordered(_newest(project_id)).limit(limit)
    if position is not None:
        query = query.where(tuple_(col(EvaluatorRow.created_at), col(EvaluatorRow.id)) < position)
    return await _loaded(session, project_id, query)


async def versions(
    session: AsyncSession, project_id: ProjectId, evaluator_id: str, below: int | None, limit: int
) -> list[Version]:
    """Versions with numbers under ``below``, newest first."""
    query = (
        select(EvaluatorVersionRow)
        .where(
            col(EvaluatorVersionRow.project_id) == project_id,
            col(EvaluatorVersionRow.evaluator_id) == evaluator_id,
        )
        .order_by(col(EvaluatorVersionRow.version).desc())
        .limit(limit)
    )
    if below is not None:
        query = query.where(col(EvaluatorVersionRow.version) < below)
    rows = list((await session.execute(query)).scalars())
    people = await creators(session, (row.created_by for row in rows))
    return [codec.version_from_row(row, people) for row in rows]


async def add(session: AsyncSession, evaluator: Evaluator) -> None:
    """Add an evaluator with its version."""
    session.add(
        EvaluatorRow(
            id=evaluator.id,
            project_id=evaluator.project_id,
            type=evaluator.type,
            name=evaluator.name,
            description=evaluator.description,
            version=evaluator.version.number,
            created_by=evaluator.created_by.id if evaluator.created_by else None,
            created_at=evaluator.created_at,
            updated_at=evaluator.updated_at,
        )
    )
    await session.flush()
    session.add(codec.version_to_row(evaluator.project_id, evaluator.id, evaluator.version))


async def add_version(session: AsyncSession, evaluator: Evaluator) -> None:
    """Add the version that an evaluator has now; ``save`` makes it the newest."""
    session.add(codec.version_to_row(evaluator.project_id, evaluator.id, evaluator.version))


async def save(session: AsyncSession, evaluator: Evaluator) -> None:
    """Store everything of an evaluator but its versions."""
    pause = evaluator.pause
    statement = (
        update(EvaluatorRow)
        .where(col(EvaluatorRow.project_id) == evaluator.project_id, col(EvaluatorRow.id) == evaluator.id)
        .values(
            name=evaluator.name,
            description=evaluator.description,
            version=evaluator.version.number,
            paused_at=pause.at if pause else None,
            paused_reason=pause.reason if pause else None,
            paused_message=pause.message if pause else None,
            updated_at=evaluator.updated_at,
        )
    )
    await session.execute(statement)


async def pause_all(session: AsyncSession, project_id: ProjectId, provider: str, pause: Pause) -> None:
    """Pause the evaluators whose newest definition names the provider, unless they are paused already."""
    statement = _naming(project_id, provider).where(col(EvaluatorRow.paused_at).is_(None))
    await session.execute(
        statement.values(paused_at=pause.at, paused_reason=pause.reason, paused_message=pause.message)
    )


async def resume(session: AsyncSession, project_id: ProjectId, provider: str, reason: str) -> None:
    """End the pauses of that reason of the evaluators whose newest definition names the provider."""
    statement = _naming(project_id, provider).where(col(EvaluatorRow.paused_reason) == reason)
    await session.execute(statement.values(paused_at=None, paused_reason=None, paused_message=None))


def _naming(project_id: ProjectId, provider: str) -> Update:
    return update(EvaluatorRow).where(
        col(EvaluatorRow.project_id) == project_id,
        col(EvaluatorVersionRow.project_id) == project_id,
        col(EvaluatorVersionRow.evaluator_id) == col(EvaluatorRow.id),
        col(EvaluatorVersionRow.version) == col(EvaluatorRow.version),
        col(EvaluatorVersionRow.model_provider) == provider,
    )


async def remove(session: AsyncSession, project_id: ProjectId, id_: str) -> bool:
    """Remove an evaluator with its versions and assignments; whether it was there."""
    statement = delete(EvaluatorRow).where(
        col(EvaluatorRow.project_id) == project_id, col(EvaluatorRow.id) == id_
    )
    return (await session.execute(statement.returning(col(EvaluatorRow.id)))).scalar() is not None


async def disable_unused_rules(session: AsyncSession, project_id: ProjectId) -> None:
    """Disable rules that have no evaluator left."""
    used = select(col(EvaluationRuleAssignmentRow.rule_id)).where(
        col(EvaluationRuleAssignmentRow.rule_id) == col(EvaluationRuleRow.id)
    )
    statement = (
        update(EvaluationRuleRow)
        .where(
            col(EvaluationRuleRow.project_id) == project_id,
            col(EvaluationRuleRow.is_enabled).is_(True),
            ~used.exists(),
        )
        .values(is_enabled=False, updated_at=func.now())
    )
    await session.execute(statement)


async def creators(session: AsyncSession, ids: Iterable[str | None]) -> dict[str, Creator]:
    """People by their ids; the ids come from rows of one project."""
    wanted = {each for each in ids if each is not None}
    if not wanted:
        return {}
    query = select(UserRow).where(col(UserRow.id).in_(wanted))
    return {row.id: Creator(row.id, row.name) for row in (await session.execute(query)).scalars()}


def _newest(project_id: ProjectId) -> _Rows:
    return (
        select(EvaluatorRow, EvaluatorVersionRow)
        .join(
            EvaluatorVersionRow,
            (col(EvaluatorVersionRow.evaluator_id) == col(EvaluatorRow.id))
            & (col(EvaluatorVersionRow.version) == col(EvaluatorRow.version)),
        )
        .where(col(EvaluatorRow.project_id) == project_id)
    )


def _ordered(query: _Rows) -> _Rows:
    return query.order_by(col(EvaluatorRow.created_at).desc(), col(EvaluatorRow.id).desc())


async def _loaded(session: AsyncSession, project_id: ProjectId, query: _Rows) -> list[Evaluator]:
    rows = (await session.execute(query)).all()
    if not rows:
        return []
    people = await creators(
        session, (by for row, version in rows for by in (row.created_by, version.created_by))
    )
    uses = await _uses(session, project_id, [row.id for row, _ in rows])
    return [_to_evaluator(row, version, people, uses.get(row.id, [])) for row, version in rows]


async def _uses(
    session: AsyncSession, project_id: ProjectId, ids: Sequence[str]
) -> dict[str, list[RuleUse]]:
    query = (
        select(EvaluationRuleAssignmentRow)
        .where(
            col(EvaluationRuleAssignmentRow.project_id) == project_id,
            col(EvaluationRuleAssignmentRow.evaluator_id).in_(ids),
        )
        .order_by(
            col(EvaluationRuleAssignmentRow.created_at).desc(),
            col(EvaluationRuleAssignmentRow.rule_id).desc(),
        )
    )
    found: defaultdict[str, list[RuleUse]] = defaultdict(list)
    for row in (await session.execute(query)).scalars():
        found[row.evaluator_id].append(RuleUse(row.rule_id, codec.mapping_from_json(row.mapping)))
    return found


def _to_evaluator(
    row: EvaluatorRow, version: EvaluatorVersionRow, people: dict[str, Creator], uses: Sequence[RuleUse]
) -> Evaluator:
    pause = None
    if row.paused_at is not None:
        pause = Pause(row.paused_at, row.paused_reason or "", row.paused_message or "")
    return Evaluator(
        id=row.id,
        project_id=ProjectId(row.project_id),
        type=EvaluatorType(row.type),
        name=row.name,
        description=row.description,
        version=codec.version_from_row(version, people),
        pause=pause,
        created_by=people.get(row.created_by or ""),
        created_at=row.created_at,
        updated_at=row.updated_at,
        uses=tuple(uses),
    )
