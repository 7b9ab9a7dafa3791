"""Comments."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def _instant(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "comments",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column(
            "project_id", sa.String(), sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("object_type", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.Column("author_user_id", sa.String(), sa.ForeignKey("users.id", ondelete="SET NULL")),
        _instant("created_at"),
        _instant("updated_at"),
    )
    op.create_index("ix_comments_project_id_created_at", "comments", ["project_id", "created_at"])
    # Ids that clients chose may be longer than a B-tree takes.
    op.create_index("ix_comments_object_id", "comments", ["object_id"], postgresql_using="hash")
    op.create_index("ix_comments_author_user_id", "comments", ["author_user_id"])


def downgrade() -> None:
    op.drop_table("comments")
