"""Evaluation rules in PostgreSQL, each within one project. The caller owns the transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from lumenspan.evaluators import codec, repository
from lumenspan.evaluators.rules import Assignment, Rule, Target
from lumenspan.evaluators.tables import EvaluationRuleAssignmentRow, EvaluationRuleRow, EvaluatorRow
from lumenspan.filters import Condition
from lumenspan.ids import ProjectId
from lumenspan.storage import statements

_Rows = Select[tuple[EvaluationRuleRow]]


async def find(session: AsyncSession, project_id: ProjectId, id_: str) -> Rule | None:
    """The rule of that id."""
    found = await _loaded(session, project_id, _of(project_id).where(col(EvaluationRuleRow.id) == id_))
    return found[0] if found else None


async def is_name_taken(
    session: AsyncSession, project_id: ProjectId, name: str, except_id: str | None
) -> bool:
    """Whether another rule than ``except_id`` has the name."""
    query = _of(project_id).where(col(EvaluationRuleRow.name) == name)
    if except_id is not None:
        query = query.where(col(EvaluationRuleRow.id) != except_id)
    return (await session.execute(query.limit(1))).first() is not None


async def page(
    session: AsyncSession, project_id: ProjectId, offset: int, limit: int
) -> tuple[list[Rule], int]:
    """Rules from ``offset`` on, newest first, and how many there are."""
    of_project = col(EvaluationRuleRow.project_id) == project_id
    total = await statements.count(session, EvaluationRuleRow, of_project)
    query = _ordered(_of(project_id)).offset(offset).limit(limit)
    return await _loaded(session, project_id, query), total


async def after(
    session: AsyncSession, project_id: ProjectId, position: tuple[datetime, str] | None, limit: int
) -> list[Rule]:
    """Rules that were made before the one at ``position``, newest first."""
    query = _ordered(_of(project_id)).limit(limit)
    if position is not None:
        query = query.where(tuple_(col(EvaluationRuleRow.created_at), col(EvaluationRuleRow.id)) < position)
    return await _loaded(session, project_id, query)


async def count_active(session: AsyncSession, project_id: ProjectId) -> int:
    """How many rules are enabled and have an evaluator that can run."""
    runnable = (
        select(col(EvaluationRuleAssignmentRow.rule_id))
        .join(EvaluatorRow, col(EvaluatorRow.id) == col(EvaluationRuleAssignmentRow.evaluator_id))
        .where(
            col(EvaluationRuleAssignmentRow.rule_id) == col(EvaluationRuleRow.id),
            col(EvaluatorRow.paused_at).is_(None),
        )
    )
    return await statements.count(
        session,
        EvaluationRuleRow,
        col(EvaluationRuleRow.project_id) == project_id,
        col(EvaluationRuleRow.is_enabled).is_(True),
        runnable.exists(),
    )


async def save(session: AsyncSession, rule: Rule) -> None:
    """Add the rule, or overwrite the one of its id, with its assignments."""
    await session.merge(
        EvaluationRuleRow(
            id=rule.id,
            project_id=rule.project_id,
            name=rule.name,
            target=rule.target,
            is_enabled=rule.is_enabled,
            sampling=rule.sampling,
            filter=[_condition_to_json(each) for each in rule.conditions],
            delay_ms=rule.delay_ms if rule.is_legacy else None,
            time_scope=list(rule.time_scope) if rule.is_legacy else None,
            created_by=rule.created_by.id if rule.created_by else None,
            created_at=rule.created_at,
            updated_at=rule.updated_at,
        )
    )
    await session.flush()
    await session.execute(
        delete(EvaluationRuleAssignmentRow).where(
            col(EvaluationRuleAssignmentRow.project_id) == rule.project_id,
            col(EvaluationRuleAssignmentRow.rule_id) == rule.id,
        )
    )
    for position, each in enumerate(rule.assignments):
        session.add(
            EvaluationRuleAssignmentRow(
                rule_id=rule.id,
                evaluator_id=each.evaluator.id,
                project_id=rule.project_id,
                position=position,
                mapping=codec.mapping_to_json(each.mapping),
                created_at=each.created_at,
            )
        )


async def remove(session: AsyncSession, project_id: ProjectId, id_: str) -> None:
    """Remove a rule with its assignments."""
    await session.execute(
        delete(EvaluationRuleRow).where(
            col(EvaluationRuleRow.project_id) == project_id, col(EvaluationRuleRow.id) == id_
        )
    )


def _of(project_id: ProjectId) -> _Rows:
    return select(EvaluationRuleRow).where(col(EvaluationRuleRow.project_id) == project_id)


def _ordered(query: _Rows) -> _Rows:
    return query.order_by(col(EvaluationRuleRow.created_at).desc(), col(EvaluationRuleRow.id).desc())


async def _loaded(session: AsyncSession, project_id: ProjectId, query: _Rows) -> list[Rule]:
    rows = list((await session.execute(query)).scalars())
    if not rows:
        return []
    people = await repository.creators(session, (row.created_by for row in rows))
    assignments = await _assignments(session, project_id, [row.id for row in rows])
    return [
        Rule(
            id=row.id,
            project_id=ProjectId(row.project_id),
            name=row.name,
            target=Target(row.target),
            is_enabled=row.is_enabled,
            sampling=row.sampling,
            conditions=tuple(_condition_from_json(each) for each in row.filter),
            assignments=tuple(assignments.get(row.id, ())),
            created_by=people.get(row.created_by or ""),
            created_at=row.created_at,
            updated_at=row.updated_at,
            delay_ms=row.delay_ms or 0,
            time_scope=tuple(row.time_scope or ()),
        )
        for row in rows
    ]


async def _assignments(
    session: AsyncSession, project_id: ProjectId, rule_ids: Sequence[str]
) -> dict[str, list[Assignment]]:
    query = (
        select(EvaluationRuleAssignmentRow)
        .where(
            col(EvaluationRuleAssignmentRow.project_id) == project_id,
            col(EvaluationRuleAssignmentRow.rule_id).in_(rule_ids),
        )
        .order_by(col(EvaluationRuleAssignmentRow.position))
    )
    rows = list((await session.execute(query)).scalars())
    evaluators = await repository.by_ids(session, project_id, {row.evaluator_id for row in rows})
    found: defaultdict[str, list[Assignment]] = defaultdict(list)
    for row in rows:
        # One that was deleted in between is as good as not assigned.
        if (evaluator := evaluators.get(row.evaluator_id)) is not None:
            mapping = codec.mapping_from_json(row.mapping)
            found[row.rule_id].append(Assignment(evaluator, mapping, row.created_at))
    return found


def _condition_to_json(each: Condition) -> dict[str, Any]:
    return {
        "type": each.type,
        "column": each.column,
        "operator": each.operator,
        "value": list(each.value) if isinstance(each.value, tuple) else each.value,
        **({"key": each.key} if each.key else {}),
    }


def _condition_from_json(stored: dict[str, Any]) -> Condition:
    value = stored.get("value", "")
    return Condition(
        stored["type"],
        stored["column"],
        stored["operator"],
        tuple(value) if isinstance(value, list) else value,
        stored.get("key", ""),
    )
