"""PostgreSQL tables of evaluators, their versions, rules and which rules use which evaluators."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Float, Index, String, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

# Declared first, so that the foreign keys below find their table.
from lumenspan.identity.tables import METADATA as METADATA

_INSTANT: Any = DateTime(timezone=True)
_JSON: Any = JSONB(none_as_null=True)


def _instant() -> Any:
    return Field(sa_type=_INSTANT, sa_column_kwargs={"server_default": func.now()}, nullable=False)


def _json() -> Any:
    return Field(default=None, sa_type=_JSON, nullable=True)


def _project() -> Any:
    return Field(foreign_key="projects.id", ondelete="CASCADE")


def _person() -> Any:
    return Field(default=None, foreign_key="users.id", ondelete="SET NULL", nullable=True)


class EvaluatorRow(SQLModel, table=True):
    """An evaluator; ``version`` is the number of its newest version."""

    __tablename__ = "evaluators"
    __table_args__ = (
        Index("ix_evaluators_project_id_created_at_id", "project_id", "created_at", "id"),
        Index("ix_evaluators_project_id_name", "project_id", "name"),
    )

    id: str = Field(primary_key=True)
    project_id: str = _project()
    type: str
    name: str
    description: str | None = None
    version: int
    paused_at: datetime | None = Field(default=None, sa_type=_INSTANT, nullable=True)
    paused_reason: str | None = None
    paused_message: str | None = None
    created_by: str | None = _person()
    created_at: datetime = _instant()
    updated_at: datetime = _instant()


class EvaluatorVersionRow(SQLModel, table=True):
    """A definition: of a prompt, or of code."""

    __tablename__ = "evaluator_versions"
    __table_args__ = (UniqueConstraint("evaluator_id", "version"),)

    id: str = Field(primary_key=True)
    project_id: str = _project()
    evaluator_id: str = Field(foreign_key="evaluators.id", ondelete="CASCADE")
    version: int
    prompt: Any = _json()
    variables: list[str] = Field(sa_type=ARRAY(String), nullable=False)
    mapping: Any = _json()
    model_provider: str | None = None
    model_name: str | None = None
    output: Any = _json()
    source_code: str | None = None
    source_code_language: str | None = None
    created_by: str | None = _person()
    created_at: datetime = _instant()


class EvaluationRuleRow(SQLModel, table=True):
    """A rule; ``delay_ms`` and ``time_scope`` only of old ones on traces and datasets."""

    __tablename__ = "evaluation_rules"
    __table_args__ = (
        Index("ix_evaluation_rules_project_id_created_at_id", "project_id", "created_at", "id"),
    )

    id: str = Field(primary_key=True)
    project_id: str = _project()
    name: str
    target: str
    is_enabled: bool
    sampling: float = Field(sa_type=Float, nullable=False)
    filter: Any = Field(sa_type=JSONB, nullable=False)
    delay_ms: int | None = None
    time_scope: list[str] | None = Field(default=None, sa_type=ARRAY(String), nullable=True)
    created_by: str | None = _person()
    created_at: datetime = _instant()
    updated_at: datetime = _instant()


class EvaluationRuleAssignmentRow(SQLModel, table=True):
    """A rule uses an evaluator; ``mapping`` NULL takes over that of the evaluator."""

    __tablename__ = "evaluation_rule_assignments"
    __table_args__ = (Index("ix_evaluation_rule_assignments_evaluator_id", "evaluator_id"),)

    rule_id: str = Field(foreign_key="evaluation_rules.id", ondelete="CASCADE", primary_key=True)
    evaluator_id: str = Field(foreign_key="evaluators.id", ondelete="CASCADE", primary_key=True)
    project_id: str = _project()
    position: int
    mapping: Any = _json()
    created_at: datetime = _instant()
