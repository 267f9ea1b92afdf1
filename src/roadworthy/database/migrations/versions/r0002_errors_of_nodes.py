"""Nodes say what is wrong with them, so that a release need not wait for what cannot come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """A node of an older Roadworthy goes on reporting without the column."""
    op.add_column("nodes", sa.Column("errors", sa.Text(), nullable=False, server_default="{}"))
