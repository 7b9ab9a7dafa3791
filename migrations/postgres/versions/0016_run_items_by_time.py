"""Run items of a project by time, as lists of experiments read them."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_dataset_run_items_project_id_created_at", "dataset_run_items", ["project_id", "created_at"]
    )


def downgrade() -> None:
    op.drop_index("ix_dataset_run_items_project_id_created_at", "dataset_run_items")
