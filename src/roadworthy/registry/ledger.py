"""The ledger: what was decided, by whom, why and when; rows are added and never changed.

Not here: the decisions. Whoever changes something appends in the transaction that changes it (`record`). The
database itself refuses to change or delete a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, insert, select

from roadworthy.clock import instant, micros
from roadworthy.database.engine import reading, writing
from roadworthy.database.schema import ledger
from roadworthy.errors import Refused
from roadworthy.registry.rows import as_text, from_text
from roadworthy.traffic import Route


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the ledger.

    seq           its number, growing in the order of decisions
    at            real time
    event_time    virtual time in a replay, otherwise the same as `at`
    actor         person or process that decided
    action        what was done, such as `promote`, `rollback`, `override`, `approve`, `bar`
    model         "" where the entry is about no model
    version       None where the entry is about no single version
    plan_number   number of the model's route since this entry; None unless it changed the route
    route         the model's route since this entry; None unless it changed the route
    reason        why, in the actor's words; never empty
    details       anything else, JSON-compatible
    """

    seq: int
    at: datetime
    event_time: datetime
    actor: str
    action: str
    reason: str
    model: str = ""
    version: int | None = None
    plan_number: int | None = None
    route: Route | None = None
    details: Mapping[str, Any] = {}


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Who decided, why and when; made by `decide`, so actor and reason are never empty."""

    actor: str
    reason: str
    at: datetime
    event_time: datetime


class Ledger:
    """The decisions of one namespace."""

    def __init__(self, engine: Engine, namespace: str) -> None:
        self._engine = engine
        self._namespace = namespace

    def append(
        self,
        action: str,
        *,
        actor: str,
        reason: str,
        at: datetime,
        event_time: datetime | None = None,
        model: str = "",
        version: int | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> int:
        """Add an entry that changes nothing else and return its number; Refused without actor or reason."""
        decision = decide(action, actor=actor, reason=reason, at=at, event_time=event_time)
        with writing(self._engine) as connection:
            return record(
                connection, self._namespace, action, decision, model=model, version=version, details=details
            )

    def approve(
        self,
        model: str,
        version: int,
        *,
        actor: str,
        reason: str,
        at: datetime,
        event_time: datetime | None = None,
    ) -> int:
        """A person's yes to a version; Refused without a reason, because later somebody will ask for it."""
        return self.append(
            "approve", actor=actor, reason=reason, at=at, event_time=event_time, model=model, version=version
        )

    def approvals(self, model: str, version: int) -> tuple[Entry, ...]:
        """Every approval of a version, oldest first."""
        return self.entries(model, version=version, action="approve")

    def entries(
        self,
        model: str | None = None,
        since: datetime | None = None,
        *,
        version: int | None = None,
        action: str | None = None,
    ) -> tuple[Entry, ...]:
        """Entries in the order in which they were made; `since` is real time, inclusive."""
        query = select(ledger).where(ledger.c.namespace == self._namespace).order_by(ledger.c.seq)
        if model is not None:
            query = query.where(ledger.c.model == model)
        if since is not None:
            query = query.where(ledger.c.at >= micros(since))
        if version is not None:
            query = query.where(ledger.c.version == version)
        if action is not None:
            query = query.where(ledger.c.action == action)
        with reading(self._engine) as connection:
            return tuple(read_entry(row) for row in connection.execute(query))


def decide(
    action: str, *, actor: str, reason: str, at: datetime, event_time: datetime | None = None
) -> Decision:
    """A decision that may stand in the ledger; Refused when it has no actor or no reason.

    event_time   None outside a replay: the same as `at`

    >>> from datetime import UTC
    >>> decide("override", actor="anna", reason=" label outage ", at=datetime(2013, 7, 1, tzinfo=UTC)).reason
    'label outage'
    """
    for what, stated in (("an actor", actor), ("a reason", reason)):
        if not stated.strip():
            raise Refused(f"{action} needs {what}: say it, it is kept in the ledger")
    return Decision(
        actor=actor.strip(), reason=reason.strip(), at=at, event_time=at if event_time is None else event_time
    )


def record(
    connection: Connection,
    namespace: str,
    action: str,
    decision: Decision,
    *,
    model: str = "",
    version: int | None = None,
    plan_number: int | None = None,
    route: Route | None = None,
    details: Mapping[str, Any] | None = None,
) -> int:
    """Add an entry inside the caller's transaction, so that the change and its entry stand or fall together."""
    added = connection.execute(
        insert(ledger)
        .values(
            namespace=namespace,
            at=micros(decision.at),
            event_time=micros(decision.event_time),
            actor=decision.actor,
            action=action,
            model=model,
            version=version,
            plan_number=plan_number,
            route=None if route is None else as_text(route),
            reason=decision.reason,
            details=as_text(details or {}),
        )
        .returning(ledger.c.seq)
    )
    return int(added.scalar_one())


def read_entry(row: Row[Any]) -> Entry:
    """An entry from a row of the table."""
    return Entry(
        seq=row.seq,
        at=instant(row.at),
        event_time=instant(row.event_time),
        actor=row.actor,
        action=row.action,
        reason=row.reason,
        model=row.model,
        version=row.version,
        plan_number=row.plan_number,
        route=None if row.route is None else from_text(row.route, Route),
        details=from_text(row.details, dict[str, Any]),
    )
