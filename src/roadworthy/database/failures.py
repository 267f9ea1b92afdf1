"""How failures of the control database read to a person, and which of them pass by themselves.

Not here: what anybody does about them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from roadworthy.errors import NotReady, RoadworthyError

_BUSY_CODES = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_PRIMARY_CODE = 0xFF
#: SQLSTATE classes that pass by themselves: connection lost, transaction collision, lock, shutdown, resources.
_PASSING_STATES = ("08", "40", "53", "55", "57")


def describe(engine: Engine) -> str:
    """The database as an error message may show it: a SQLite file's path, otherwise the URL without a password."""
    if engine.dialect.name == "sqlite":
        return f"the control database {engine.url.database}"
    return f"the control database {engine.url.render_as_string(hide_password=True)}"


@contextmanager
def explained(engine: Engine) -> Iterator[None]:
    """Translate failures of the database itself; a broken key (IntegrityError) is the caller's to understand."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise _explain(engine, error) from error


def _explain(engine: Engine, error: DBAPIError) -> RoadworthyError:
    where = describe(engine)
    cause = str(error.orig).strip()
    if is_busy(error.orig):
        return NotReady(
            f"{where} is locked: another process has been writing for longer than the waiting time. "
            "Nothing was changed, and serving goes on with its last plan; retry"
        )
    if "no such table" in cause or _state(error.orig) == "42P01":
        return NotReady(
            f"{where} has no tables ({cause}): it is new, or was replaced while in use. Any command such as "
            "`roadworthy versions` makes the tables when it begins; restart this process then"
        )
    if _state(error.orig)[:2] in _PASSING_STATES or (_state(error.orig) == "" and _is_lost(engine, error)):
        return NotReady(
            f"{where} cannot be reached or is busy ({cause}). Nothing was changed, and serving goes on with its "
            "last plan; check that the database runs, then retry"
        )
    return RoadworthyError(
        f"{where} failed ({cause}). Nothing was changed, and serving goes on with its last plan: check that the "
        "file exists, is a database, is writable by this user and that its disk has room"
    )


def is_busy(error: Any) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and (code & _PRIMARY_CODE) in _BUSY_CODES


def _is_lost(engine: Engine, error: DBAPIError) -> bool:
    """A server that never answered gives no SQLSTATE, only an OperationalError."""
    return engine.dialect.name != "sqlite" and isinstance(error, OperationalError)


def _state(error: Any) -> str:
    return getattr(error, "sqlstate", None) or ""
