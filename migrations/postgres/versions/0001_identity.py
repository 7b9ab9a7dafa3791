"""Organizations, projects, users, keys, sessions; the registries of ingestion."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _created_at() -> sa.Column[object]:
    return sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def _reference(column: str, target: str) -> sa.Column[str]:
    return sa.Column(column, sa.String(), sa.ForeignKey(target, ondelete="CASCADE"), nullable=False)


def upgrade() -> None:
    _organizations_and_users()
    _memberships()
    _credentials()
    _ingestion()


def _organizations_and_users() -> None:
    op.create_table(
        "organizations",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        _created_at(),
    )
    op.create_table(
        "projects",
        sa.Column("id", sa.String(), primary_key=True),
        _reference("organization_id", "organizations.id"),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("retention_days", sa.Integer()),
        sa.Column("metadata", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        _created_at(),
    )
    op.create_index("ix_projects_organization_id", "projects", ["organization_id"])
    op.create_table(
        "users",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("name", sa.String()),
        sa.Column("password_hash", sa.String()),
        _created_at(),
        sa.UniqueConstraint("email"),
    )


def _memberships() -> None:
    for table, column, target in (
        ("organization_memberships", "organization_id", "organizations.id"),
        ("project_memberships", "project_id", "projects.id"),
    ):
        op.create_table(
            table,
            _reference(column, target),
            _reference("user_id", "users.id"),
            sa.Column("role", sa.String(), nullable=False),
            _created_at(),
            sa.PrimaryKeyConstraint(column, "user_id"),
        )
        op.create_index(f"ix_{table}_user_id", table, ["user_id"])


def _credentials() -> None:
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(), primary_key=True),
        _reference("user_id", "users.id"),
        _created_at(),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(), primary_key=True),
        _reference("project_id", "projects.id"),
        sa.Column("public_key", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("display_secret_key", sa.String(), nullable=False),
        sa.Column("note", sa.String()),
        _created_at(),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("public_key"),
        sa.UniqueConstraint("secret_hash"),
    )
    op.create_index("ix_api_keys_project_id", "api_keys", ["project_id"])


def _ingestion() -> None:
    op.create_table(
        "ingest_blobs",
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("processed_at", sa.DateTime(timezone=True)),
        sa.Column("spans", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rejected", sa.Integer(), server_default=sa.text("0"), nullable=False),
    )
    op.create_index("ix_ingest_blobs_received_at", "ingest_blobs", ["received_at"])
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("blob_key", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("payload", sa.LargeBinary()),
        _created_at(),
    )
    op.create_index("ix_dead_letters_project_id_created_at", "dead_letters", ["project_id", "created_at"])


def downgrade() -> None:
    for table in (
        "dead_letters",
        "ingest_blobs",
        "api_keys",
        "sessions",
        "project_memberships",
        "organization_memberships",
        "users",
        "projects",
        "organizations",
    ):
        op.drop_table(table)
