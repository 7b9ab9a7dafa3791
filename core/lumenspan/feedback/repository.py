"""Feedback in PostgreSQL. The caller owns the transaction."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from lumenspan.feedback.domain import Feedback, TargetType
from lumenspan.feedback.tables import FeedbackRow
from lumenspan.ids import ProjectId


async def add(session: AsyncSession, feedback: Feedback) -> None:
    """Keep a submission."""
    session.add(
        FeedbackRow(
            id=feedback.id,
            project_id=feedback.project_id,
            target_type=feedback.target_type.value,
            target=feedback.target,
            feedback=feedback.feedback,
            goal=feedback.goal,
            reference_url=feedback.reference_url,
            created_at=feedback.created_at,
        )
    )


async def newest(session: AsyncSession, project_id: ProjectId, limit: int) -> list[Feedback]:
    """At most ``limit`` submissions of the project, newest first."""
    query = (
        select(FeedbackRow)
        .where(col(FeedbackRow.project_id) == project_id)
        .order_by(col(FeedbackRow.created_at).desc(), col(FeedbackRow.id).desc())
        .limit(limit)
    )
    return [_to_feedback(row) for row in (await session.execute(query)).scalars()]


def _to_feedback(row: FeedbackRow) -> Feedback:
    return Feedback(
        id=row.id,
        project_id=ProjectId(row.project_id),
        target_type=TargetType(row.target_type),
        target=row.target,
        feedback=row.feedback,
        goal=row.goal,
        reference_url=row.reference_url,
        created_at=row.created_at,
    )
