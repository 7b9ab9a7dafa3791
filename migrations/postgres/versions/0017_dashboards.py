"""Dashboards and the widgets that are placed on them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_TABLES = ("dashboards", "dashboard_widgets")


def _shared() -> list[sa.Column[object]]:
    return [
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column(
            "project_id", sa.String(), sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("filters", postgresql.JSONB(), nullable=False),
        *(
            sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)
            for name in ("created_at", "updated_at")
        ),
    ]


def upgrade() -> None:
    op.create_table("dashboards", *_shared(), sa.Column("placements", postgresql.JSONB(), nullable=False))
    op.create_table(
        "dashboard_widgets",
        *_shared(),
        sa.Column("view", sa.String(), nullable=False),
        sa.Column("dimensions", postgresql.JSONB(), nullable=False),
        sa.Column("metrics", postgresql.JSONB(), nullable=False),
        sa.Column("chart_type", sa.String(), nullable=False),
        sa.Column("chart_config", postgresql.JSONB(), nullable=False),
    )
    for table in _TABLES:
        op.create_index(f"ix_{table}_project_id_updated_at", table, ["project_id", "updated_at"])


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)
