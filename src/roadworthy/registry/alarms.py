"""What the monitors said, window by window, and the alarms that follow from it.

Not here: the checks (monitoring) and whom an alarm reaches. An alarm is an episode: it opens when a check turns to
fail for a subject and closes when it passes again, however many windows lie between. What cannot be judged
(insufficient, error) neither opens nor closes one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, and_, exists, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from roadworthy.clock import instant, micros
from roadworthy.database.engine import reading, writing
from roadworthy.database.schema import alarms
from roadworthy.database.schema import verdicts as table
from roadworthy.errors import Conflict, DefinitionError
from roadworthy.registry.rows import as_text, from_text, moment
from roadworthy.verdict import Verdict

_NO_VERSION = 0
_DECIDED = ("pass", "fail")
_CONTENT = ("ruling", "measured", "limit", "unit", "n", "reason", "evidence")


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict on one window [window_start, window_end) of event time.

    version    None where the verdict is about no single version
    revision   0 for the first judgement of the window, one more for each later one that came out differently
    """

    model: str
    version: int | None
    window_start: datetime
    window_end: datetime
    revision: int
    verdict: Verdict
    at: datetime
    event_time: datetime


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """One episode in which a check failed for a subject; open while `closed_at` is None.

    reason         of the verdict that opened it
    window_start   of the window whose verdict opened it
    """

    alarm: int
    model: str
    version: int | None
    check: str
    subject: str
    reason: str
    window_start: datetime
    opened_at: datetime
    opened_event_time: datetime
    closed_at: datetime | None
    closed_event_time: datetime | None
    closed_reason: str


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What recording verdicts changed: the alarms to tell people about, and how many windows were judged anew."""

    opened: tuple[Alarm, ...] = ()
    closed: tuple[Alarm, ...] = ()
    revised: int = 0


class Alarms:
    """The verdicts and alarms of one namespace."""

    def __init__(self, engine: Engine, namespace: str) -> None:
        self._engine = engine
        self._namespace = namespace

    def record(
        self,
        model: str,
        window_start: datetime,
        window_end: datetime,
        verdicts: Sequence[Verdict],
        at: datetime,
        event_time: datetime | None = None,
        *,
        version: int | None = None,
    ) -> Changes:
        """Keep the verdicts on one window, and open and close alarms accordingly, in one transaction.

        The same verdict on the same window again changes nothing. A different one is a new revision; the older
        ones stay. An alarm follows the newest window that passed or failed, by its latest revision: judging an
        old window anew does not close the alarm of a newer one.

        raises DefinitionError when two verdicts share check and subject, Conflict when another process judges the
        same window
        """
        subjects = [(verdict.check, verdict.subject) for verdict in verdicts]
        if len(set(subjects)) != len(subjects):
            twice = next(
                f"{check} of {subject}" for check, subject in subjects if subjects.count((check, subject)) > 1
            )
            raise DefinitionError(
                f"the window {window_start} to {window_end} of {model} has two verdicts for {twice}"
            )
        moments = {"at": micros(at), "event_time": micros(at if event_time is None else event_time)}
        key = self._key(model, version)
        window = {"window_start": micros(window_start), "window_end": micros(window_end)}
        try:
            with writing(self._engine) as connection:
                rows = _new_rows(connection, key | window, verdicts)
                if rows:
                    connection.execute(insert(table), [row | moments for row in rows])
                opened, closed = _follow(connection, key, rows, moments)
        except IntegrityError as error:
            raise Conflict(
                f"another process judges {model} from {window_start} to {window_end} too: nothing was kept, retry"
            ) from error
        return Changes(opened=opened, closed=closed, revised=sum(row["revision"] > 0 for row in rows))

    def verdicts(
        self,
        model: str,
        *,
        version: int | None = None,
        check: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        revisions: bool = False,
    ) -> tuple[Judged, ...]:
        """Verdicts on the windows that begin in [start, end), by window; all revisions or only the latest."""
        query = select(table).where(table.c.namespace == self._namespace, table.c.model == model)
        if version is not None:
            query = query.where(table.c.version == version)
        if check is not None:
            query = query.where(table.c.check == check)
        if start is not None:
            query = query.where(table.c.window_start >= micros(start))
        if end is not None:
            query = query.where(table.c.window_start < micros(end))
        if not revisions:
            query = query.where(_is_latest())
        order = (table.c.window_start, table.c.version, table.c.check, table.c.subject, table.c.revision)
        with reading(self._engine) as connection:
            return tuple(_read_verdict(row) for row in connection.execute(query.order_by(*order)))

    def open(self, model: str | None = None) -> tuple[Alarm, ...]:
        """Alarms that are open now, oldest first."""
        return tuple(alarm for alarm in self.episodes(model) if alarm.closed_at is None)

    def episodes(self, model: str | None = None) -> tuple[Alarm, ...]:
        """All alarms, open and closed, in the order in which they opened."""
        query = select(alarms).where(alarms.c.namespace == self._namespace).order_by(alarms.c.id)
        if model is not None:
            query = query.where(alarms.c.model == model)
        with reading(self._engine) as connection:
            return tuple(_read_alarm(row) for row in connection.execute(query))

    def close(
        self, model: str, version: int | None, reason: str, at: datetime, event_time: datetime | None = None
    ) -> tuple[Alarm, ...]:
        """Close what is open about a version that no longer serves, since no verdict on it will come."""
        moments = {"at": micros(at), "event_time": micros(at if event_time is None else event_time)}
        with writing(self._engine) as connection:
            found = _open_alarms(connection, self._key(model, version))
            return tuple(_close(connection, row, reason, moments) for row in found)

    def _key(self, model: str, version: int | None) -> dict[str, Any]:
        number = _NO_VERSION if version is None else version
        return {"namespace": self._namespace, "model": model, "version": number}


def _new_rows(
    connection: Connection, window: dict[str, Any], verdicts: Sequence[Verdict]
) -> list[dict[str, Any]]:
    """Rows for the verdicts that say something else than the latest revision on this window."""
    query = select(table).where(*_equal(table, window)).order_by(table.c.revision)
    latest = {(row.check, row.subject): row for row in connection.execute(query)}
    rows = []
    for verdict in verdicts:
        row = window | _columns(verdict)
        before = latest.get((verdict.check, verdict.subject))
        if before is None or any(getattr(before, name) != row[name] for name in _CONTENT):
            rows.append(row | {"revision": 0 if before is None else before.revision + 1})
    return rows


def _columns(verdict: Verdict) -> dict[str, Any]:
    measured = verdict.measured
    return {
        "check": verdict.check,
        "subject": verdict.subject,
        "ruling": verdict.ruling,
        # SQLite has no NaN; "could not be measured" is said by the ruling.
        "measured": None if measured is None or math.isnan(measured) else measured,
        "limit": verdict.limit,
        "unit": verdict.unit,
        "n": verdict.n,
        "reason": verdict.reason,
        "evidence": as_text(verdict.evidence),
    }


def _follow(
    connection: Connection, key: dict[str, Any], rows: Sequence[dict[str, Any]], moments: dict[str, int]
) -> tuple[tuple[Alarm, ...], tuple[Alarm, ...]]:
    """Open and close the alarms that these new rows of one window are about; returns both."""
    if not rows:
        return (), ()
    already = {(row.check, row.subject): row for row in _open_alarms(connection, key)}
    overtaken = _with_newer_windows(connection, key, rows[0])
    opened, closed = [], []
    for row in rows:
        subject = (row["check"], row["subject"])
        decided = _newest_decided(connection, key, row, subject in overtaken)
        alarm = already.get(subject)
        if decided is not None and decided["ruling"] == "fail" and alarm is None:
            opened.append(_open(connection, decided, moments))
        elif decided is not None and decided["ruling"] == "pass" and alarm is not None:
            closed.append(_close(connection, alarm, decided["reason"], moments))
    return tuple(opened), tuple(closed)


def _with_newer_windows(
    connection: Connection, key: dict[str, Any], row: dict[str, Any]
) -> set[tuple[str, str]]:
    """Checks and subjects that were judged on a newer window than this row's."""
    end, start = table.c.window_end, table.c.window_start
    newer = or_(end > row["window_end"], and_(end == row["window_end"], start > row["window_start"]))
    query = select(table.c.check, table.c.subject).distinct().where(*_equal(table, key), newer)
    return {(found.check, found.subject) for found in connection.execute(query)}


def _newest_decided(
    connection: Connection, key: dict[str, Any], row: dict[str, Any], overtaken: bool
) -> Mapping[str, Any] | None:
    """The latest revision on the newest window that passed or failed; None when none did, or none anew.

    The database is asked only where a new row does not settle it: a hundred subjects are judged at once, and the
    write lock is held meanwhile.
    """
    if row["ruling"] in _DECIDED and not overtaken:
        return row
    if row["ruling"] not in _DECIDED and row["revision"] == 0:
        return None
    subject = key | {"check": row["check"], "subject": row["subject"]}
    query = select(table).where(*_equal(table, subject), table.c.ruling.in_(_DECIDED), _is_latest())
    newest_first = (table.c.window_end.desc(), table.c.window_start.desc())
    found = connection.execute(query.order_by(*newest_first).limit(1)).one_or_none()
    return None if found is None else found._asdict()


def _is_latest() -> Any:
    later = table.alias("later")
    window = ("namespace", "model", "version", "check", "subject", "window_end", "window_start")
    same = [later.c[name] == table.c[name] for name in window]
    return ~exists().where(*same, later.c.revision > table.c.revision)


def _open_alarms(connection: Connection, key: dict[str, Any]) -> Sequence[Row[Any]]:
    return connection.execute(select(alarms).where(*_equal(alarms, key), alarms.c.open == 1)).all()


def _open(connection: Connection, verdict: Mapping[str, Any], moments: dict[str, int]) -> Alarm:
    names = ("namespace", "model", "version", "check", "subject", "reason", "window_start")
    opening = {
        "open": 1,
        "opened_at": moments["at"],
        "opened_event_time": moments["event_time"],
        "closed_reason": "",
    }
    values = {name: verdict[name] for name in names} | opening
    return _read_alarm(connection.execute(insert(alarms).values(**values).returning(*alarms.c)).one())


def _close(connection: Connection, alarm: Row[Any], reason: str, moments: dict[str, int]) -> Alarm:
    closing = {
        "closed_at": moments["at"],
        "closed_event_time": moments["event_time"],
        "closed_reason": reason,
    }
    closed = update(alarms).where(alarms.c.id == alarm.id).values(open=None, **closing)
    return _read_alarm(connection.execute(closed.returning(*alarms.c)).one())


def _equal(of: Any, values: dict[str, Any]) -> list[Any]:
    return [of.c[name] == value for name, value in values.items()]


def _version(number: int) -> int | None:
    return None if number == _NO_VERSION else number


def _read_verdict(row: Row[Any]) -> Judged:
    return Judged(
        model=row.model,
        version=_version(row.version),
        window_start=instant(row.window_start),
        window_end=instant(row.window_end),
        revision=row.revision,
        verdict=Verdict(
            check=row.check,
            subject=row.subject,
            ruling=row.ruling,
            measured=row.measured,
            limit=row.limit,
            unit=row.unit,
            n=row.n,
            reason=row.reason,
            evidence=from_text(row.evidence, dict[str, Any]),
        ),
        at=instant(row.at),
        event_time=instant(row.event_time),
    )


def _read_alarm(row: Row[Any]) -> Alarm:
    return Alarm(
        alarm=row.id,
        model=row.model,
        version=_version(row.version),
        check=row.check,
        subject=row.subject,
        reason=row.reason,
        window_start=instant(row.window_start),
        opened_at=instant(row.opened_at),
        opened_event_time=instant(row.opened_event_time),
        closed_at=moment(row.closed_at),
        closed_event_time=moment(row.closed_event_time),
        closed_reason=row.closed_reason,
    )
