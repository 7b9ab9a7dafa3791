"""Datasets, every state of their items, runs and what these did."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _instant(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def _reference(name: str, target: str, *, is_key: bool = False) -> sa.Column[object]:
    key = sa.ForeignKey(target, ondelete="CASCADE")
    return sa.Column(name, sa.String(), key, primary_key=is_key, nullable=False)


def upgrade() -> None:
    op.create_table(
        "datasets",
        sa.Column("id", sa.String(), primary_key=True),
        _reference("project_id", "projects.id"),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String()),
        sa.Column("details", postgresql.JSONB()),
        sa.Column("input_schema", postgresql.JSONB()),
        sa.Column("expected_output_schema", postgresql.JSONB()),
        _instant("created_at"),
        _instant("updated_at"),
        sa.UniqueConstraint("project_id", "name"),
    )
    op.create_table(
        "dataset_items",
        _reference("project_id", "projects.id", is_key=True),
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("valid_to", sa.DateTime(timezone=True)),
        _reference("dataset_id", "datasets.id"),
        sa.Column("is_deleted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("input", postgresql.JSONB()),
        sa.Column("expected_output", postgresql.JSONB()),
        sa.Column("details", postgresql.JSONB()),
        sa.Column("source_trace_id", sa.String()),
        sa.Column("source_observation_id", sa.String()),
        _instant("created_at"),
    )
    op.create_index("ix_dataset_items_dataset_id_valid_from", "dataset_items", ["dataset_id", "valid_from"])
    op.create_index(
        "uq_dataset_items_project_id_id",
        "dataset_items",
        ["project_id", "id"],
        unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.create_table(
        "dataset_runs",
        sa.Column("id", sa.String(), primary_key=True),
        _reference("project_id", "projects.id"),
        _reference("dataset_id", "datasets.id"),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String()),
        sa.Column("details", postgresql.JSONB()),
        _instant("created_at"),
        _instant("updated_at"),
        sa.UniqueConstraint("dataset_id", "name"),
    )
    op.create_table(
        "dataset_run_items",
        sa.Column("id", sa.String(), primary_key=True),
        _reference("project_id", "projects.id"),
        _reference("run_id", "dataset_runs.id"),
        sa.Column("item_id", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("observation_id", sa.String()),
        _instant("created_at"),
        _instant("updated_at"),
    )
    op.create_index("ix_dataset_run_items_run_id_created_at", "dataset_run_items", ["run_id", "created_at"])


def downgrade() -> None:
    for table in ("dataset_run_items", "dataset_runs", "dataset_items", "datasets"):
        op.drop_table(table)
