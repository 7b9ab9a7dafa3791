"""Model definitions by revision; runs that price history again."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _instant(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def _project() -> sa.Column[str]:
    target = sa.ForeignKey("projects.id", ondelete="CASCADE")
    return sa.Column("project_id", sa.String(), target, nullable=False)


def upgrade() -> None:
    op.create_table(
        "models",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("revision", sa.Integer(), primary_key=True, autoincrement=False),
        _project(),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("match_pattern", sa.String(), nullable=False),
        sa.Column("start_date", sa.DateTime(timezone=True)),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("tokenizer", sa.String()),
        sa.Column("tokenizer_config", postgresql.JSONB()),
        sa.Column("tiers", postgresql.JSONB(), nullable=False),
        _instant("created_at"),
        _instant("updated_at"),
        sa.Column("replaced_at", sa.DateTime(timezone=True)),
    )
    op.create_index(
        "uq_models_project_id_name",
        "models",
        ["project_id", "name"],
        unique=True,
        postgresql_where=sa.text("replaced_at IS NULL"),
    )
    op.create_table(
        "repricings",
        sa.Column("id", sa.String(), primary_key=True),
        _project(),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("to_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("position_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("seen", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("changed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        _instant("created_at"),
        _instant("updated_at"),
    )
    op.create_index("ix_repricings_project_id_created_at", "repricings", ["project_id", "created_at"])


def downgrade() -> None:
    op.drop_table("repricings")
    op.drop_table("models")
