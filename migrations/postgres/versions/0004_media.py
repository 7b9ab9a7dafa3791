"""Files of a project and the traces, observations and dataset items that refer to them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0002"
branch_labels = None
depends_on = None


def _instant(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def _links(table: str, *owner: str) -> None:
    key = ("project_id", *owner, "field", "media_id")
    op.create_table(
        table,
        *(sa.Column(name, sa.String(), nullable=False) for name in key),
        _instant("created_at"),
        sa.PrimaryKeyConstraint(*key),
        sa.ForeignKeyConstraint(
            ["project_id", "media_id"], ["media.project_id", "media.id"], ondelete="CASCADE"
        ),
    )
    op.create_index(f"ix_{table}_project_id_media_id", table, ["project_id", "media_id"])


def upgrade() -> None:
    op.create_table(
        "media",
        sa.Column(
            "project_id", sa.String(), sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("pending_content_type", sa.String()),
        sa.Column("content_length", sa.BigInteger(), nullable=False),
        sa.Column("bucket", sa.String(), nullable=False),
        sa.Column("object_key", sa.String(), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True)),
        sa.Column("upload_http_status", sa.Integer()),
        sa.Column("upload_http_error", sa.String()),
        sa.Column("upload_time_ms", sa.BigInteger()),
        _instant("created_at"),
        _instant("updated_at"),
        sa.PrimaryKeyConstraint("project_id", "id"),
    )
    _links("trace_media", "trace_id", "observation_id")
    _links("dataset_item_media", "dataset_id", "dataset_item_id")


def downgrade() -> None:
    op.drop_table("dataset_item_media")
    op.drop_table("trace_media")
    op.drop_table("media")
