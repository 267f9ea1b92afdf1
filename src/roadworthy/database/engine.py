"""Connections to the control database, and bringing it to the schema this Roadworthy knows.

Not here: what the tables are (schema), the steps that make them (migrations), how failures read (failures).
Only this package knows which database it is; the registry above speaks portable SQL through `reading` and
`writing`.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from roadworthy.database.failures import describe, explained, is_busy
from roadworthy.database.schema import REVISION
from roadworthy.errors import DefinitionError, Refused, RoadworthyError

BUSY_SECONDS = 5.0

_WRITING = "roadworthy_writing"
_MIGRATIONS = Path(__file__).parent / "migrations"
#: Any number will do that no other program on the same server uses: "roadwort" in ASCII.
_ADVISORY_LOCK = 0x726F6164776F7274


def connect(url: str, *, busy_seconds: float = BUSY_SECONDS) -> Engine:
    """An engine for the control database; no table exists before `migrate`.

    url            SQLAlchemy URL: `sqlite:////path/control.db` (a missing file is created, readable by its owner
                   only, with its directory) or `postgresql://…`
    busy_seconds   how long a SQLite writer waits for another one before it raises NotReady

    raises DefinitionError for a URL that names no usable database, RoadworthyError when the file cannot be made
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise DefinitionError(
            f"the database URL {_shown(url)} is not usable ({error}): write sqlite:////path/control.db or "
            "postgresql://user@host/name, the latter with the `postgres` extra installed"
        ) from error
    path = _sqlite_path(parsed).absolute()
    _create_file(path)
    # Without mode=rw a file that somebody deleted would come back empty and readable by everybody.
    uri = f"{path.as_uri()}?mode=rw"
    engine = create_engine(
        parsed, creator=lambda: sqlite3.connect(uri, uri=True, timeout=busy_seconds, check_same_thread=False)
    )
    _configure_sqlite(engine, busy_seconds)
    return engine


def migrate(engine: Engine) -> None:
    """Bring the database to head; safe in any number of processes at once. At head it costs one small query.

    All steps happen in one transaction: an interrupted upgrade leaves the database as it was.

    raises Refused when a newer Roadworthy has migrated it, NotReady when another process holds it for too long
    """
    with reading(engine) as connection:
        found = _revision(connection)
    if found == REVISION:
        return
    _refuse_newer(engine, found)
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        if _revision(connection) != REVISION:
            _upgrade(connection)


def _revision(connection: Connection) -> str | None:
    """The migration the database notes as its last; None for a database without one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _refuse_newer(engine: Engine, found: str | None) -> None:
    if found is not None and found > REVISION:
        raise Refused(
            f"{describe(engine)} is at revision {found}, this Roadworthy knows up to {REVISION}: a newer one has "
            "migrated it; upgrade this installation (serving goes on with its last plan)"
        )


def _upgrade(connection: Connection) -> None:
    from alembic import command  # 0.3 s to load, and at head nobody needs it
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    # Alembic reads the option through an interpolating parser.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that sees one state of the database; raises NotReady when it cannot be had."""
    with explained(engine), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that commits at the end and changes nothing on an exception.

    On SQLite it holds the only write lock from its first moment, so what it read cannot change before it writes.

    raises NotReady when another process holds the lock for longer than the engine's busy time
    """
    with explained(engine), engine.connect() as connection:
        prepared = connection.execution_options(**{_WRITING: True})
        with prepared.begin():
            yield prepared


def _shown(url: str) -> str:
    """The URL up to its credentials: an error message may be logged."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}…@{rest.rpartition('@')[2]}" if "@" in rest else url


def _sqlite_path(url: URL) -> Path:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise DefinitionError(
            f"the database URL {url} is not a file on disk: several processes share the control database, "
            "write sqlite:////path/control.db"
        )
    return Path(url.database)


def _create_file(path: Path) -> None:
    """Make the file before SQLite does, because SQLite would let everybody read it; `-wal` and `-shm` follow it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise RoadworthyError(
            f"the control database {path} cannot be opened for writing ({error.strerror}): "
            "check the path (ROADWORTHY_WORKSPACE, ROADWORTHY_DATABASE_URL) and its owner and permissions"
        ) from error


def _configure_sqlite(engine: Engine, busy_seconds: float) -> None:
    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        # Python's driver would otherwise begin transactions by itself, later than we say and never IMMEDIATE.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {round(busy_seconds * 1000)}")
        connection.execute("PRAGMA foreign_keys = ON")
        _use_write_ahead_log(connection, busy_seconds)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A deferred writer that read first fails at once, without waiting, when another one wrote meanwhile.
        write = connection.get_execution_options().get(_WRITING, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _use_write_ahead_log(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Switch the file to WAL, once for its life; SQLite does not wait for other openers in this one place."""
    last = time.monotonic() + busy_seconds
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > last:
                raise
            time.sleep(0.01)
