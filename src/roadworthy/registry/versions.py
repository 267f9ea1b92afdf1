"""Registered versions: which artifact a number stands for, how it was trained, and whether it is barred.

Not here: the artifact's files (artifact), what the gate said (gates), which version serves (plans).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from roadworthy.clock import instant, micros
from roadworthy.database.engine import reading, writing
from roadworthy.database.schema import versions
from roadworthy.errors import Conflict, DefinitionError, UnknownName
from roadworthy.registry.artifact import is_digest
from roadworthy.registry.ledger import Decision, decide, record
from roadworthy.registry.rows import as_text, from_text, moment
from roadworthy.settings import is_name

#: Two trainings that finish in the same moment may draw the same number (PostgreSQL); the second draws again.
#: In every round one of them succeeds, so this is how many may finish together.
_DRAWS = 50


class Measured(msgspec.Struct, frozen=True):
    """A number from training with its interval and the number of rows it rests on."""

    value: float
    low: float | None = None
    high: float | None = None
    n: int = 0


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How a version came to be: enough to train it again and to tell why two versions differ.

    parameters           of the estimator
    metrics              name → value with interval, on held-out rows
    data_fingerprint     of the training table; independent of the order of rows and columns
    manifest_digest      of the exact list of units that have training rows
    source_digest        of the user's definition
    build                Roadworthy's version and what else identifies the build
    libraries            distribution name → version
    seed                 of everything random in it
    as_of                the instant up to which history was known to it
    trained_from, trained_until   period of the training rows, [from, until)
    rows                 number of training rows
    details              anything else, JSON-compatible
    """

    parameters: Mapping[str, Any] = {}
    metrics: Mapping[str, Measured] = {}
    data_fingerprint: str = ""
    manifest_digest: str = ""
    source_digest: str = ""
    build: str = ""
    libraries: Mapping[str, str] = {}
    seed: int = 0
    as_of: datetime | None = None
    trained_from: datetime | None = None
    trained_until: datetime | None = None
    rows: int = 0
    details: Mapping[str, Any] = {}


class VersionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A registered version; `barred_reason` is "" unless it may not serve again."""

    model: str
    version: int
    digest: str
    directory: str
    run: RunRecord
    registered_at: datetime
    barred_reason: str = ""
    barred_at: datetime | None = None

    @property
    def reference(self) -> str:
        """How people write it: `flight-delay@2`."""
        return f"{self.model}@{self.version}"


class Versions:
    """The versions of one namespace."""

    def __init__(self, engine: Engine, namespace: str) -> None:
        self._engine = engine
        self._namespace = namespace

    def register(
        self,
        model: str,
        digest: str,
        directory: str,
        run: RunRecord,
        now: datetime,
        *,
        actor: str = "train",
        event_time: datetime | None = None,
        above: int = 0,
    ) -> int:
        """Give an artifact a version number and return it; numbers count up from `above` + 1 for each model.

        The same digest again is the same version: its number is returned and its first record stays (see `redeclare`).

        raises DefinitionError for a model name or digest that is none, Conflict when numbers cannot be drawn
        """
        if not is_name(model) or not is_digest(digest):
            raise DefinitionError(
                f"cannot register model {model!r} with digest {digest!r}: expected a lower-case name and 64 hex digits"
            )
        trained = f"trained on {run.rows} rows"
        decision = decide("register", actor=actor, reason=trained, at=now, event_time=event_time)
        for _ in range(_DRAWS):
            try:
                with writing(self._engine) as connection:
                    return self._draw(connection, model, digest, directory, run, decision, above)
            except IntegrityError:
                continue
        raise Conflict(f"{_DRAWS} others registered versions of {model} at the same time: register it again")

    def get(self, model: str, version: int) -> VersionRow:
        """One version; UnknownName says which versions there are."""
        with reading(self._engine) as connection:
            return find(connection, self._namespace, model, version)

    def all(self, model: str | None = None) -> tuple[VersionRow, ...]:
        """Every version of a model, or of all models, in ascending order."""
        query = select(versions).where(versions.c.namespace == self._namespace)
        if model is not None:
            query = query.where(versions.c.model == model)
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(versions.c.model, versions.c.version))
            return tuple(_read(row) for row in rows)

    def resolve(self, reference: str) -> VersionRow:
        """The version of `flight-delay@2`, or the newest one of `flight-delay`; UnknownName when there is none."""
        if "@" in reference:
            return self.get(*parse_reference(reference))
        rows = self.all(reference)
        if not rows:
            raise UnknownName(
                f"model {reference!r} has no version in namespace {self._namespace}: train one first"
            )
        return rows[-1]

    def bar(
        self,
        model: str,
        version: int,
        reason: str,
        *,
        actor: str,
        at: datetime,
        event_time: datetime | None = None,
    ) -> None:
        """Keep a version from every future route until it is unbarred; a route that has it keeps it."""
        decision = decide("bar", actor=actor, reason=reason, at=at, event_time=event_time)
        with writing(self._engine) as connection:
            set_bar(connection, self._namespace, model, version, decision)

    def unbar(
        self,
        model: str,
        version: int,
        reason: str,
        *,
        actor: str,
        at: datetime,
        event_time: datetime | None = None,
    ) -> str:
        """Allow a barred version again and return why it had been barred; the new reason stands in the ledger.

        raises Conflict for a version that is not barred, Refused without a reason, UnknownName for none
        """
        decision = decide("unbar", actor=actor, reason=reason, at=at, event_time=event_time)
        with writing(self._engine) as connection:
            row = find(connection, self._namespace, model, version)
            if row.barred_at is None:
                raise Conflict(f"{row.reference} is not barred, so there is nothing to lift")
            _set(connection, self._namespace, model, version, barred_reason="", barred_at=None)
            record(
                connection, self._namespace, "unbar", decision, model=model, version=version,
                details={"was": row.barred_reason},
            )  # fmt: skip
            return row.barred_reason

    def redeclare(
        self,
        model: str,
        version: int,
        declared: Mapping[str, Any],
        *,
        actor: str,
        at: datetime,
        event_time: datetime | None = None,
    ) -> tuple[str, ...]:
        """Have parts of `RunRecord.details` that are no part of the artifact count as they are declared now.

        returns the names of what differs from before; the ledger has old and new, and no entry where nothing does
        """
        with writing(self._engine) as connection:
            run = find(connection, self._namespace, model, version).run
            changed = {
                name: {"was": run.details.get(name), "now": now}
                for name, now in declared.items()
                if run.details.get(name, type(now)()) != now
            }
            if changed:
                now_so = msgspec.structs.replace(run, details={**run.details, **declared})
                _set(connection, self._namespace, model, version, run=as_text(now_so))
                reason = f"declared otherwise: {', '.join(changed)}"
                decision = decide("redeclare", actor=actor, reason=reason, at=at, event_time=event_time)
                record(
                    connection,
                    self._namespace,
                    "redeclare",
                    decision,
                    model=model,
                    version=version,
                    details=changed,
                )
            return tuple(changed)

    def _draw(
        self,
        connection: Connection,
        model: str,
        digest: str,
        directory: str,
        run: RunRecord,
        decision: Decision,
        above: int,
    ) -> int:
        of_model = (versions.c.namespace == self._namespace, versions.c.model == model)
        known = connection.execute(
            select(versions.c.version).where(*of_model, versions.c.digest == digest)
        ).scalar()
        if known is not None:
            return int(known)
        highest = connection.execute(select(func.max(versions.c.version)).where(*of_model)).scalar()
        number = int(above if highest is None else highest) + 1
        connection.execute(
            insert(versions).values(
                namespace=self._namespace,
                model=model,
                version=number,
                digest=digest,
                directory=directory,
                run=as_text(run),
                registered_at=micros(decision.at),
                barred_reason="",
            )
        )
        details = {"digest": digest}
        record(
            connection, self._namespace, "register", decision, model=model, version=number, details=details
        )
        return number


def parse_reference(reference: str) -> tuple[str, int]:
    """Model and number of a version as people write it; UnknownName when it is not understood.

    >>> parse_reference("flight-delay@2")
    ('flight-delay', 2)
    """
    model, separator, number = reference.partition("@")
    if not separator or not is_name(model) or not (number.isascii() and number.isdigit()) or int(number) < 1:
        raise UnknownName(f"{reference!r} names no version: write model@number, such as flight-delay@2")
    return model, int(number)


def find(
    connection: Connection, namespace: str, model: str, version: int, *, hold: bool = False
) -> VersionRow:
    """One version inside the caller's transaction; UnknownName says which versions there are.

    hold   whether nobody may change its row (bar it) until the transaction ends; SQLite holds everything anyway
    """
    of_model = (versions.c.namespace == namespace, versions.c.model == model)
    query = select(versions).where(*of_model, versions.c.version == version)
    row = connection.execute(query.with_for_update(read=True) if hold else query).one_or_none()
    if row is not None:
        return _read(row)
    newest = connection.execute(select(func.max(versions.c.version)).where(*of_model)).scalar()
    there = f"its newest version is {newest}"
    if not newest:
        others = select(versions.c.model).where(versions.c.namespace == namespace).distinct()
        known = sorted(name for (name,) in connection.execute(others))
        there = f"no version of that model is registered; registered are: {', '.join(known) or 'none, train one first'}"
    raise UnknownName(f"{model}@{version} does not exist in namespace {namespace}: {there}")


def set_bar(connection: Connection, namespace: str, model: str, version: int, decision: Decision) -> None:
    """Bar a version inside the caller's transaction, with its ledger entry."""
    find(connection, namespace, model, version)
    barred_at = micros(decision.at)
    _set(connection, namespace, model, version, barred_reason=decision.reason, barred_at=barred_at)
    record(connection, namespace, "bar", decision, model=model, version=version)


def _set(connection: Connection, namespace: str, model: str, version: int, **values: Any) -> None:
    key = (versions.c.namespace == namespace, versions.c.model == model, versions.c.version == version)
    connection.execute(update(versions).where(*key).values(**values))


def _read(row: Row[Any]) -> VersionRow:
    return VersionRow(
        model=row.model,
        version=row.version,
        digest=row.digest,
        directory=row.directory,
        run=from_text(row.run, RunRecord),
        registered_at=instant(row.registered_at),
        barred_reason=row.barred_reason,
        barred_at=moment(row.barred_at),
    )
