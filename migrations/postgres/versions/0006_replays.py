"""Dead letters say where they got stuck; payloads of a span of time are processed again."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _instant(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def upgrade() -> None:
    for column in (
        sa.Column("stage", sa.String(), server_default="DECODE", nullable=False),
        sa.Column("trace_id", sa.String(), server_default="", nullable=False),
        sa.Column("span_id", sa.String(), server_default="", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("1"), nullable=False),
        _instant("failed_at"),
        sa.Column("replay_requested_at", sa.DateTime(timezone=True)),
    ):
        op.add_column("dead_letters", column)
    op.create_index("ix_dead_letters_blob_key", "dead_letters", ["blob_key"])
    op.create_table(
        "ingest_replays",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column(
            "project_id", sa.String(), sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("to_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("position", sa.String(), server_default="", nullable=False),
        sa.Column("payloads", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("spans", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        _instant("created_at"),
        _instant("updated_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_ingest_replays_project_id_created_at", "ingest_replays", ["project_id", "created_at"]
    )


def downgrade() -> None:
    op.drop_table("ingest_replays")
    op.drop_index("ix_dead_letters_blob_key", "dead_letters")
    for name in ("replay_requested_at", "failed_at", "attempts", "span_id", "trace_id", "stage"):
        op.drop_column("dead_letters", name)
