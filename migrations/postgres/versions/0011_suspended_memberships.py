"""People whom an identity provider deactivated, with the role to come back to."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def _reference(name: str, target: str) -> sa.Column[object]:
    key = sa.ForeignKey(target, ondelete="CASCADE")
    return sa.Column(name, sa.String(), key, primary_key=True, nullable=False)


def upgrade() -> None:
    op.create_table(
        "suspended_memberships",
        _reference("organization_id", "organizations.id"),
        _reference("user_id", "users.id"),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    )
    op.create_index("ix_suspended_memberships_user_id", "suspended_memberships", ["user_id"])


def downgrade() -> None:
    op.drop_table("suspended_memberships")
