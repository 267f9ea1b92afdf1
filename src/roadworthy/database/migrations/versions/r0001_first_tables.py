"""The first tables: versions, plans, ledger, nodes, runs, verdicts, alarms.

Not the place for a change: a published step stays as it is, the next step changes what it made.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_POSTGRESQL_GUARD = """
CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'restrict_violation'; END $$
"""


def upgrade() -> None:
    """Make all tables; the ledger refuses to be changed, whoever asks."""
    _versions()
    _plans()
    _serving_and_jobs()
    _judgements()
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_POSTGRESQL_GUARD)
    for change in ("UPDATE", "DELETE"):
        op.execute(_guard(op.get_bind().dialect.name, change))


def _guard(dialect: str, change: str) -> str:
    head = f"CREATE TRIGGER ledger_refuses_{change.lower()} BEFORE {change} ON ledger"
    if dialect == "postgresql":
        return f"{head} FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only()"
    return f"{head} BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"


def _versions() -> None:
    op.create_table(
        "versions",
        sa.Column("namespace", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("directory", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.Column("barred_reason", sa.Text(), nullable=False),
        sa.Column("barred_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("namespace", "model", "version", name=op.f("pk_versions")),
        sa.UniqueConstraint("namespace", "model", "digest", name=op.f("uq_versions_namespace_model_digest")),
    )
    op.create_table(
        "gate_results",
        sa.Column("id", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("namespace", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("ruling", sa.String(length=16), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("overrides", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("event_time", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["namespace", "model", "version"],
            ["versions.namespace", "versions.model", "versions.version"],
            name=op.f("fk_gate_results_versions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_results")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_gate_results_namespace_model_version"),
        "gate_results",
        ["namespace", "model", "version"],
        unique=False,
    )


def _plans() -> None:
    op.create_table(
        "routes",
        sa.Column("namespace", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("event_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("namespace", "model", name=op.f("pk_routes")),
    )
    op.create_table(
        "preparations",
        sa.Column("namespace", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["namespace", "model", "version"],
            ["versions.namespace", "versions.model", "versions.version"],
            name=op.f("fk_preparations_versions"),
        ),
        sa.PrimaryKeyConstraint("namespace", "model", "version", name=op.f("pk_preparations")),
    )
    op.create_table(
        "ledger",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("namespace", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("event_time", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("plan_number", sa.Integer(), nullable=True),
        sa.Column("route", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_ledger")),
        sa.UniqueConstraint(
            "namespace", "model", "plan_number", name=op.f("uq_ledger_namespace_model_plan_number")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_ledger_namespace_model_seq"), "ledger", ["namespace", "model", "seq"], unique=False
    )


def _serving_and_jobs() -> None:
    op.create_table(
        "nodes",
        sa.Column("namespace", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=255), nullable=False),
        sa.Column("plan_number", sa.BigInteger(), nullable=False),
        sa.Column("prepared", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("namespace", "node", name=op.f("pk_nodes")),
    )
    op.create_index(op.f("ix_nodes_namespace_at"), "nodes", ["namespace", "at"], unique=False)
    op.create_table(
        "runs",
        sa.Column("id", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("namespace", sa.String(length=64), nullable=False),
        sa.Column("job", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("claim", sa.String(length=255), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("metrics", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("event_time", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint(
            "namespace", "job", "model", "claim", name=op.f("uq_runs_namespace_job_model_claim")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_runs_namespace_job_started_at"), "runs", ["namespace", "job", "started_at"], unique=False
    )


def _judgements() -> None:
    op.create_table(
        "verdicts",
        sa.Column("id", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("namespace", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("check", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=512), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("window_end", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("ruling", sa.String(length=16), nullable=False),
        sa.Column("measured", sa.Float(), nullable=True),
        sa.Column("limit", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("event_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdicts")),
        sa.UniqueConstraint(
            "namespace",
            "model",
            "version",
            "check",
            "subject",
            "window_end",
            "window_start",
            "revision",
            name="uq_verdicts",
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "alarms",
        sa.Column("id", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("namespace", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("check", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=512), nullable=False),
        sa.Column("open", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("opened_event_time", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_event_time", sa.BigInteger(), nullable=True),
        sa.Column("closed_reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarms")),
        sa.UniqueConstraint("namespace", "model", "version", "check", "subject", "open", name="uq_alarms"),
        sqlite_autoincrement=True,
    )
