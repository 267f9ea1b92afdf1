"""Routes: which version of a model answers which traffic, changed by compare-and-swap only.

Not here: who decides (release), how nodes learn of it (supervisor). What a route was at a time is read from the
ledger, because the pointer itself knows only now.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from roadworthy.clock import micros
from roadworthy.database.engine import reading, writing
from roadworthy.database.schema import ledger, preparations, routes
from roadworthy.errors import Conflict, DefinitionError, NotReady, Refused
from roadworthy.registry.ledger import Decision, Entry, decide, read_entry, record
from roadworthy.registry.nodes import live_nodes
from roadworthy.registry.rows import as_text, from_text
from roadworthy.registry.versions import find, set_bar
from roadworthy.traffic import Route

#: Which of a ledger entry's two times a question about the past is about.
Time = Literal["event_time", "at"]


class Plans:
    """The routes of one namespace."""

    def __init__(self, engine: Engine, namespace: str) -> None:
        self._engine = engine
        self._namespace = namespace

    def route(self, model: str) -> tuple[int, Route]:
        """Number and route of a model; (0, an empty route) before its first flip."""
        return self.routes().get(model, (0, Route()))

    def routes(self) -> dict[str, tuple[int, Route]]:
        """Number and route of every model that ever had one, from one state of the database."""
        query = select(routes).where(routes.c.namespace == self._namespace).order_by(routes.c.model)
        with reading(self._engine) as connection:
            return {row.model: (row.number, from_text(row.route, Route)) for row in connection.execute(query)}

    def flip(
        self,
        model: str,
        expected_number: int,
        route: Route,
        *,
        actor: str,
        reason: str,
        action: str,
        at: datetime,
        event_time: datetime | None = None,
        version: int | None = None,
        bar: int | None = None,
    ) -> int:
        """Replace the route that has `expected_number` and return the new number, or change nothing at all.

        The new route, the ledger entry and the bar are one transaction. With no live node there is nobody to
        wait for: a node that starts later checks every version before it answers.

        expected_number   the number that was read with the route this decision rests on; 0 for a first route
        action            what the ledger calls it, such as `promote`, `rollback`, `canary`
        version           the version the decision is about; by default the champion of the new route
        bar               a version to bar for the same reason, as a rollback does with what it rejects

        raises Conflict when the number has moved on, Refused for a barred version or an empty reason, NotReady
        naming every live node that has not prepared a version of the route, UnknownName for an unregistered
        version, DefinitionError for a canary share that is none
        """
        _check_share(route)
        decision = decide(action, actor=actor, reason=reason, at=at, event_time=event_time)
        try:
            with writing(self._engine) as connection:
                # First the swap: from here on no other flip of this model can happen before ours is decided.
                self._swap(connection, model, expected_number, route, decision)
                self._check_versions(connection, model, route, at, bar)
                if bar is not None:
                    set_bar(connection, self._namespace, model, bar, decision)
                self._forget_preparations(connection, model, route.versions())
                record(
                    connection,
                    self._namespace,
                    action,
                    decision,
                    model=model,
                    version=route.champion if version is None else version,
                    plan_number=expected_number + 1,
                    route=route,
                )
        except IntegrityError as error:
            raise self._conflict(model, expected_number) from error
        except _Moved:
            raise self._conflict(model, expected_number) from None
        return expected_number + 1

    def history(self, model: str) -> tuple[Entry, ...]:
        """Every flip of a model, oldest first."""
        query = self._flips(model).order_by(ledger.c.seq)
        with reading(self._engine) as connection:
            return tuple(read_entry(row) for row in connection.execute(query))

    def route_at(self, model: str, t: datetime, *, by: Time = "event_time") -> tuple[int, Route]:
        """Number and route in force at `t`; (0, an empty route) before the first flip.

        by   whether `t` is event time (virtual in a replay) or real time

        This is what was decided. Nodes follow within their polling interval; what answered one prediction stands
        in its record.
        """
        query = self._flips(model).where(ledger.c[by] <= micros(t)).order_by(ledger.c.seq.desc()).limit(1)
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return 0, Route()
        return row.plan_number, from_text(row.route, Route)

    def serving_at(self, model: str, t: datetime, *, by: Time = "event_time") -> int | None:
        """The champion at `t`; None when there was none. See `route_at`."""
        return self.route_at(model, t, by=by)[1].champion

    def prepare(self, model: str, version: int) -> None:
        """Ask every node to load and check a version that no route names yet; asking twice is asking once.

        raises UnknownName for an unregistered version, Refused for a barred one
        """
        try:
            with writing(self._engine) as connection:
                _refuse_barred(connection, self._namespace, model, version)
                key = self._preparation(model, (version,))
                if connection.execute(select(preparations).where(*key)).one_or_none() is None:
                    asked = {"namespace": self._namespace, "model": model, "version": version}
                    connection.execute(insert(preparations).values(**asked))
        except IntegrityError:
            # Somebody else asked for the same in the same moment.
            return

    def unprepare(self, model: str, version: int) -> None:
        """Let nodes unload a version that was prepared and is not wanted any more."""
        with writing(self._engine) as connection:
            self._forget_preparations(connection, model, (version,))

    def preparations(self) -> tuple[tuple[str, int], ...]:
        """(model, version) of everything to load beyond the routes, sorted."""
        query = select(preparations).where(preparations.c.namespace == self._namespace)
        with reading(self._engine) as connection:
            return tuple(sorted((row.model, row.version) for row in connection.execute(query)))

    def _swap(
        self, connection: Connection, model: str, expected: int, route: Route, decision: Decision
    ) -> None:
        values = {
            "number": expected + 1,
            "route": as_text(route),
            "at": micros(decision.at),
            "event_time": micros(decision.event_time),
        }
        if expected == 0:
            # The unique key decides between two first flips, and against a first flip of what is there.
            connection.execute(insert(routes).values(namespace=self._namespace, model=model, **values))
            return
        key = (routes.c.namespace == self._namespace, routes.c.model == model, routes.c.number == expected)
        if connection.execute(update(routes).where(*key).values(**values)).rowcount != 1:
            raise _Moved

    def _check_versions(
        self, connection: Connection, model: str, route: Route, at: datetime, bar: int | None
    ) -> None:
        for version in route.versions():
            _refuse_barred(connection, self._namespace, model, version)
        if bar is not None and bar in route.versions():
            raise Refused(
                f"the new route of {model} names {model}@{bar}, which the same decision bars: leave it out"
            )
        lacking = []
        for node in live_nodes(connection, self._namespace, at):
            missing = [f"{model}@{v}" for v in route.versions() if (model, v) not in node.prepared]
            if missing:
                lacking.append(f"{node.node} has not prepared {', '.join(missing)}")
        if lacking:
            raise NotReady(
                f"the route of {model} was not changed: {'; '.join(lacking)}. Prepare the version and wait until "
                "every live node reports it, then retry"
            )

    def _forget_preparations(self, connection: Connection, model: str, numbers: tuple[int, ...]) -> None:
        """A version that a route names is loaded because of the route, and no longer than that."""
        connection.execute(delete(preparations).where(*self._preparation(model, numbers)))

    def _preparation(self, model: str, numbers: tuple[int, ...]) -> tuple[Any, ...]:
        return (
            preparations.c.namespace == self._namespace,
            preparations.c.model == model,
            preparations.c.version.in_(numbers),
        )

    def _flips(self, model: str) -> Any:
        flips = (
            ledger.c.namespace == self._namespace,
            ledger.c.model == model,
            ledger.c.plan_number.is_not(None),
        )
        return select(ledger).where(*flips)

    def _conflict(self, model: str, expected: int) -> Conflict:
        flips = self.history(model)
        last = flips[-1] if flips else None
        now = f"its number is {last.plan_number}" if last else "it has no route"
        who = (
            f"; last: {last.action} by {last.actor} at {last.at:%Y-%m-%d %H:%M:%S} UTC, {last.reason}"
            if last
            else ""
        )
        return Conflict(
            f"the route of {model} is not the one this decision rests on: expected number {expected}, {now}{who}. "
            "Nothing was changed; look at the new route, then decide again"
        )


class _Moved(Exception):
    """The compare-and-swap found another number; only `flip` sees this."""


def _check_share(route: Route) -> None:
    if not 0.0 <= route.canary_share <= 1.0:
        raise DefinitionError(f"canary share {route.canary_share} is not a share: write a number from 0 to 1")
    if route.canary is None and route.canary_share > 0:
        raise DefinitionError(
            f"canary share {route.canary_share:g} has no canary: name the version or write 0"
        )


def _refuse_barred(connection: Connection, namespace: str, model: str, version: int) -> None:
    row = find(connection, namespace, model, version, hold=True)
    if row.barred_at is not None:
        raise Refused(
            f"{row.reference} is barred since {row.barred_at:%Y-%m-%d %H:%M:%S} UTC: {row.barred_reason}. "
            f'Choose another version, or lift the bar: roadworthy unbar {row.reference} --reason "the reason"'
        )
