"""Alembic's entry: runs on the connection that the caller opened (see lumenspan.storage.migrate)."""

from alembic import context

from lumenspan.identity.tables import METADATA

connection = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError("run the migrations with `lumenspan migrate`")

# One transaction a revision: a failure leaves the schema at the last whole one.
context.configure(
    connection=connection,
    target_metadata=METADATA,
    transaction_per_migration=True,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
