"""Runs the steps on the connection, and inside the transaction, that `migrate` hands over."""

from __future__ import annotations

from alembic import context

from roadworthy.database.schema import metadata

# Alembic runs this file under that name; whoever only imports it (doctest, a documentation tool) looks on.
if __name__ == "env_py":
    context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
