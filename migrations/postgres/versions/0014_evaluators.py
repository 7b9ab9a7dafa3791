"""Evaluators, their versions, evaluation rules and which rules use which evaluators."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def _project() -> "sa.Column[Any]":
    return sa.Column(
        "project_id", sa.String(), sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False
    )


def _person() -> "sa.Column[Any]":
    return sa.Column("created_by", sa.String(), sa.ForeignKey("users.id", ondelete="SET NULL"))


def _instant(name: str) -> "sa.Column[Any]":
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "evaluators",
        sa.Column("id", sa.String(), primary_key=True),
        _project(),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True)),
        sa.Column("paused_reason", sa.String()),
        sa.Column("paused_message", sa.String()),
        _person(),
        _instant("created_at"),
        _instant("updated_at"),
    )
    op.create_index(
        "ix_evaluators_project_id_created_at_id", "evaluators", ["project_id", "created_at", "id"]
    )
    op.create_index("ix_evaluators_project_id_name", "evaluators", ["project_id", "name"])
    op.create_table(
        "evaluator_versions",
        sa.Column("id", sa.String(), primary_key=True),
        _project(),
        sa.Column(
            "evaluator_id",
            sa.String(),
            sa.ForeignKey("evaluators.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("prompt", postgresql.JSONB()),
        sa.Column("variables", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("mapping", postgresql.JSONB()),
        sa.Column("model_provider", sa.String()),
        sa.Column("model_name", sa.String()),
        sa.Column("output", postgresql.JSONB()),
        sa.Column("source_code", sa.String()),
        sa.Column("source_code_language", sa.String()),
        _person(),
        _instant("created_at"),
        sa.UniqueConstraint("evaluator_id", "version"),
    )
    op.create_table(
        "evaluation_rules",
        sa.Column("id", sa.String(), primary_key=True),
        _project(),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("sampling", sa.Float(), nullable=False),
        sa.Column("filter", postgresql.JSONB(), nullable=False),
        sa.Column("delay_ms", sa.Integer()),
        sa.Column("time_scope", postgresql.ARRAY(sa.String())),
        _person(),
        _instant("created_at"),
        _instant("updated_at"),
    )
    op.create_index(
        "ix_evaluation_rules_project_id_created_at_id",
        "evaluation_rules",
        ["project_id", "created_at", "id"],
    )
    op.create_table(
        "evaluation_rule_assignments",
        sa.Column(
            "rule_id",
            sa.String(),
            sa.ForeignKey("evaluation_rules.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column(
            "evaluator_id",
            sa.String(),
            sa.ForeignKey("evaluators.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        _project(),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("mapping", postgresql.JSONB()),
        _instant("created_at"),
    )
    op.create_index(
        "ix_evaluation_rule_assignments_evaluator_id", "evaluation_rule_assignments", ["evaluator_id"]
    )


def downgrade() -> None:
    op.drop_table("evaluation_rule_assignments")
    op.drop_table("evaluation_rules")
    op.drop_table("evaluator_versions")
    op.drop_table("evaluators")
