"""Skills: names with tags, versions, their files, and texts stored once a project."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def _id() -> "sa.Column[Any]":
    return sa.Column("id", sa.String(), primary_key=True)


def _project() -> "sa.Column[Any]":
    return sa.Column(
        "project_id", sa.String(), sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False
    )


def _instant(name: str) -> "sa.Column[Any]":
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "skills",
        _id(),
        _project(),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("last_version", sa.Integer(), nullable=False),
        sa.UniqueConstraint("project_id", "name"),
    )
    op.create_table(
        "skill_versions",
        _id(),
        _project(),
        sa.Column("skill_id", sa.String(), sa.ForeignKey("skills.id", ondelete="CASCADE"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("frontmatter", postgresql.JSONB(), nullable=False),
        sa.Column("labels", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("commit_message", sa.String()),
        sa.Column("created_by", sa.String(), nullable=False),
        _instant("created_at"),
        _instant("updated_at"),
        sa.UniqueConstraint("skill_id", "version"),
    )
    op.create_table(
        "skill_blobs",
        _id(),
        _project(),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("content_length", sa.Integer(), nullable=False),
        sa.UniqueConstraint("project_id", "sha256"),
    )
    op.create_table(
        "skill_files",
        _id(),
        _project(),
        sa.Column(
            "version_id",
            sa.String(),
            sa.ForeignKey("skill_versions.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("blob_id", sa.String(), sa.ForeignKey("skill_blobs.id"), nullable=False),
        sa.UniqueConstraint("version_id", "path"),
    )
    op.create_index("ix_skill_files_blob_id", "skill_files", ["blob_id"])


def downgrade() -> None:
    op.drop_table("skill_files")
    op.drop_table("skill_blobs")
    op.drop_table("skill_versions")
    op.drop_table("skills")
