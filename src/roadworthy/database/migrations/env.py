"""Runs the steps on the connection, and inside the transaction, that `migrate` hands over."""

from __future__ import annotations

from alembic import context

from roadworthy.database.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
