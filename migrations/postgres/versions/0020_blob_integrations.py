"""Exports of projects into stores of their own."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def _text(name: str, *, is_optional: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=is_optional)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _instant(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "blob_integrations",
        sa.Column(
            "project_id",
            sa.String(),
            sa.ForeignKey("projects.id", ondelete="CASCADE"),
            primary_key=True,
            nullable=False,
        ),
        _text("type"),
        _text("bucket_name"),
        _text("endpoint", is_optional=True),
        _text("region"),
        _text("access_key_id", is_optional=True),
        _text("sealed_secret_access_key", is_optional=True),
        _text("prefix"),
        _text("export_frequency"),
        _flag("is_enabled"),
        _flag("force_path_style"),
        _text("file_type"),
        _text("export_mode"),
        sa.Column("export_start_date", sa.DateTime(timezone=True)),
        _flag("is_compressed"),
        _text("export_source"),
        sa.Column("export_field_groups", postgresql.JSONB(), nullable=False),
        sa.Column("next_sync_at", sa.DateTime(timezone=True)),
        sa.Column("last_sync_at", sa.DateTime(timezone=True)),
        _text("last_error", is_optional=True),
        sa.Column("last_error_at", sa.DateTime(timezone=True)),
        _instant("created_at"),
        _instant("updated_at"),
    )


def downgrade() -> None:
    op.drop_table("blob_integrations")
