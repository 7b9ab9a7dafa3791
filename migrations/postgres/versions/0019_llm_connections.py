"""Connections to providers of language models."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0017"
branch_labels = None
depends_on = None


def _instant(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "llm_connections",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column(
            "project_id", sa.String(), sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("adapter", sa.String(), nullable=False),
        sa.Column("sealed_secret_key", sa.String(), nullable=False),
        sa.Column("display_secret_key", sa.String(), nullable=False),
        sa.Column("base_url", sa.String()),
        sa.Column("custom_models", postgresql.JSONB(), nullable=False),
        sa.Column("with_default_models", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("sealed_extra_headers", sa.String()),
        sa.Column("extra_header_keys", postgresql.JSONB(), nullable=False),
        sa.Column("config", postgresql.JSONB()),
        _instant("created_at"),
        _instant("updated_at"),
        sa.UniqueConstraint("project_id", "provider"),
    )


def downgrade() -> None:
    op.drop_table("llm_connections")
