"""Annotation queues, their items and who works on them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def _instant(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def _reference(name: str, target: str, *, is_key: bool = False) -> sa.Column[object]:
    key = sa.ForeignKey(target, ondelete="CASCADE")
    return sa.Column(name, sa.String(), key, primary_key=is_key, nullable=False)


def upgrade() -> None:
    op.create_table(
        "annotation_queues",
        sa.Column("id", sa.String(), primary_key=True),
        _reference("project_id", "projects.id"),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String()),
        sa.Column("score_config_ids", postgresql.ARRAY(sa.String()), nullable=False),
        _instant("created_at"),
        _instant("updated_at"),
        sa.UniqueConstraint("project_id", "name"),
    )
    op.create_table(
        "annotation_queue_items",
        sa.Column("id", sa.String(), primary_key=True),
        _reference("project_id", "projects.id"),
        _reference("queue_id", "annotation_queues.id"),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("object_type", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True)),
        _instant("created_at"),
        _instant("updated_at"),
    )
    op.create_index(
        "ix_annotation_queue_items_queue_id_created_at",
        "annotation_queue_items",
        ["queue_id", "created_at"],
    )
    # Ids that clients chose may be longer than a B-tree takes.
    op.create_index(
        "ix_annotation_queue_items_object_id",
        "annotation_queue_items",
        ["object_id"],
        postgresql_using="hash",
    )
    op.create_table(
        "annotation_queue_assignments",
        _reference("queue_id", "annotation_queues.id", is_key=True),
        _reference("user_id", "users.id", is_key=True),
        _reference("project_id", "projects.id"),
        _instant("created_at"),
    )
    op.create_index("ix_annotation_queue_assignments_user_id", "annotation_queue_assignments", ["user_id"])


def downgrade() -> None:
    for table in ("annotation_queue_assignments", "annotation_queue_items", "annotation_queues"):
        op.drop_table(table)
