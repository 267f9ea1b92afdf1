"""The tables of the control database, as SQLAlchemy Core sees them.

Not here: how they come to be; that is frozen in `migrations`, and a test compares the two. Every key begins with
the namespace. Times are microseconds since 1970 UTC: `at` is real, `event_time` is virtual in a replay and the
same otherwise. JSON is canonical text, so that it reads the same from every database and every language.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

#: The newest migration; equal to the database's own note when there is nothing to do.
REVISION = "0002"

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
    }
)

_NAME = String(64)
_DIGEST = String(64)
#: SQLite numbers rows by itself only where the type is exactly INTEGER.
_SEQUENCE = BigInteger().with_variant(Integer, "sqlite")


def _key(name: str) -> Column[str]:
    return Column(name, _NAME, primary_key=True)


def _name(name: str) -> Column[str]:
    return Column(name, _NAME, nullable=False)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _time(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, Integer, nullable=nullable)


def _sequence(name: str) -> Column[int]:
    return Column(name, _SEQUENCE, primary_key=True, autoincrement=True)


def _of_a_version() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["namespace", "model", "version"], ["versions.namespace", "versions.model", "versions.version"]
    )


versions = Table(
    "versions",
    metadata,
    _key("namespace"),
    _key("model"),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("digest", _DIGEST, nullable=False),
    _text("directory"),
    _text("run"),
    _time("registered_at"),
    _text("barred_reason"),
    _time("barred_at", nullable=True),
    UniqueConstraint("namespace", "model", "digest"),
)

gate_results = Table(
    "gate_results",
    metadata,
    _sequence("id"),
    _name("namespace"),
    _name("model"),
    _number("version"),
    Column("ruling", String(16), nullable=False),
    _text("report"),
    _text("overrides"),
    _time("at"),
    _time("event_time"),
    _of_a_version(),
    Index(None, "namespace", "model", "version"),
    sqlite_autoincrement=True,
)

routes = Table(
    "routes",
    metadata,
    _key("namespace"),
    _key("model"),
    _number("number"),
    _text("route"),
    _time("at"),
    _time("event_time"),
)

preparations = Table(
    "preparations",
    metadata,
    _key("namespace"),
    _key("model"),
    Column("version", Integer, primary_key=True, autoincrement=False),
    _of_a_version(),
)

ledger = Table(
    "ledger",
    metadata,
    _sequence("seq"),
    _name("namespace"),
    _time("at"),
    _time("event_time"),
    _text("actor"),
    _name("action"),
    _name("model"),
    _number("version", nullable=True),
    _number("plan_number", nullable=True),
    Column("route", Text, nullable=True),
    _text("reason"),
    _text("details"),
    UniqueConstraint("namespace", "model", "plan_number"),
    Index(None, "namespace", "model", "seq"),
    sqlite_autoincrement=True,
)

nodes = Table(
    "nodes",
    metadata,
    _key("namespace"),
    Column("node", String(255), primary_key=True),
    Column("plan_number", BigInteger, nullable=False),
    _text("prepared"),
    Column("errors", Text, nullable=False, server_default="{}"),
    _time("at"),
    Index(None, "namespace", "at"),
)

verdicts = Table(
    "verdicts",
    metadata,
    _sequence("id"),
    _name("namespace"),
    _name("model"),
    _number("version"),
    _name("check"),
    Column("subject", String(512), nullable=False),
    _time("window_start"),
    _time("window_end"),
    _number("revision"),
    Column("ruling", String(16), nullable=False),
    Column("measured", Float, nullable=True),
    _text("limit"),
    _text("unit"),
    Column("n", BigInteger, nullable=False),
    _text("reason"),
    _text("evidence"),
    _time("at"),
    _time("event_time"),
    UniqueConstraint(
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

#: `open` is 1 or NULL: NULLs are distinct to a unique key, so any number of closed episodes but one open.
alarms = Table(
    "alarms",
    metadata,
    _sequence("id"),
    _name("namespace"),
    _name("model"),
    _number("version"),
    _name("check"),
    Column("subject", String(512), nullable=False),
    _number("open", nullable=True),
    _text("reason"),
    _time("window_start"),
    _time("opened_at"),
    _time("opened_event_time"),
    _time("closed_at", nullable=True),
    _time("closed_event_time", nullable=True),
    _text("closed_reason"),
    UniqueConstraint("namespace", "model", "version", "check", "subject", "open", name="uq_alarms"),
    sqlite_autoincrement=True,
)

#: `claim` is NULL for a run that does not keep others from running, so failed runs free their claim.
runs = Table(
    "runs",
    metadata,
    _sequence("id"),
    _name("namespace"),
    _name("job"),
    _name("model"),
    Column("claim", String(255), nullable=True),
    Column("state", String(16), nullable=False),
    _text("parameters"),
    _text("metrics"),
    _text("error"),
    _time("started_at"),
    _time("event_time"),
    _time("ended_at", nullable=True),
    UniqueConstraint("namespace", "job", "model", "claim"),
    Index(None, "namespace", "job", "started_at"),
    sqlite_autoincrement=True,
)
