"""Keys of organizations, what is noted of organizations, and projects that are being deleted."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None

_TABLES = ("organizations", "projects", "users")


def upgrade() -> None:
    empty = sa.text("'{}'::jsonb")
    op.add_column(
        "organizations", sa.Column("metadata", postgresql.JSONB(), server_default=empty, nullable=False)
    )
    for table in _TABLES:
        now = sa.func.now()
        op.add_column(
            table, sa.Column("updated_at", sa.DateTime(timezone=True), server_default=now, nullable=False)
        )
    op.add_column("projects", sa.Column("deleted_at", sa.DateTime(timezone=True)))
    op.alter_column("api_keys", "project_id", nullable=True)
    op.add_column(
        "api_keys",
        sa.Column("organization_id", sa.String(), sa.ForeignKey("organizations.id", ondelete="CASCADE")),
    )
    op.create_index("ix_api_keys_organization_id", "api_keys", ["organization_id"])
    op.create_check_constraint(
        op.f("ck_api_keys_scope"), "api_keys", "num_nonnulls(project_id, organization_id) = 1"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_api_keys_scope"), "api_keys", type_="check")
    op.execute("DELETE FROM api_keys WHERE project_id IS NULL")
    op.drop_column("api_keys", "organization_id")
    op.alter_column("api_keys", "project_id", nullable=False)
    op.drop_column("projects", "deleted_at")
    for table in _TABLES:
        op.drop_column(table, "updated_at")
    op.drop_column("organizations", "metadata")
