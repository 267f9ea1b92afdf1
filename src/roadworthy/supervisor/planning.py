"""What the node's plan is to be, as pure functions of what the control database says and what is staged.

Not here: reading the database (control), staging (staging) and writing the file (following).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from roadworthy.errors import Conflict, NotReady
from roadworthy.node import Prepared, WorkerState
from roadworthy.traffic import Plan, Route, Staged


@dataclass(frozen=True, slots=True)
class Registered:
    """A version as the control database knows it: where its artifact lies and which digest it must have."""

    key: Prepared
    directory: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the control database says at one moment.

    routes     model → number of its route, and the route
    versions   every version of those routes and every one being prepared
    """

    routes: Mapping[str, tuple[int, Route]]
    versions: tuple[Registered, ...]


def next_plan(
    namespace: str, wanted: Wanted, staged: Collection[Staged], now: int, current: Plan | None
) -> Plan:
    """The plan for what is wanted, with what is staged so far; `current` itself where nothing changed.

    raises  NotReady naming routed versions that are not staged yet: the plan on disk must be one that a worker which
            starts now can serve
            Conflict when the database's number is behind the local one: it is another database, or an old copy
    """
    here = {(entry.model, entry.version) for entry in staged}
    missing = [
        f"{name}@{version}"
        for name, (_, route) in sorted(wanted.routes.items())
        for version in route.versions()
        if (name, version) not in here
    ]
    number = sum(route_number for route_number, _ in wanted.routes.values())
    if current is not None and current.namespace == namespace and number < current.number:
        raise Conflict(
            f"the control database has plan {number}, this node serves plan {current.number} already: is it another "
            "database, or restored from an old copy? The node goes on with its plan; remove its plan.json to start over"
        )
    if missing:
        raise NotReady(f"plan {number} waits for {', '.join(missing)} to be staged")
    plan = Plan(
        number=number,
        namespace=namespace,
        routes={name: route for name, (_, route) in sorted(wanted.routes.items())},
        staged=tuple(sorted(staged, key=lambda entry: (entry.model, entry.version))),
        written_at=now,
    )
    return current if current is not None and _same(plan, current) else plan


def _same(plan: Plan, other: Plan) -> bool:
    return (plan.number, plan.namespace, dict(plan.routes), plan.staged) == (
        other.number,
        other.namespace,
        dict(other.routes),
        other.staged,
    )


def together(states: Collection[WorkerState | None]) -> tuple[int | None, list[tuple[str, int]]]:
    """What the node as a whole can say: the plan number all workers answer by, the versions all have prepared.

    states    one for each place; None for a worker that says nothing (yet)
    returns   number and versions; (None, []) while any worker is missing

    >>> ready = WorkerState(worker=0, pid=1, plan_number=3, prepared=(Prepared("delay", 1, "ab"),))
    >>> together([ready, ready]), together([ready, None])
    ((3, [('delay', 1)]), (None, []))
    """
    said = [state for state in states if state is not None]
    if not said or len(said) < len(states):
        return None, []
    numbers = [state.plan_number for state in said]
    known = [number for number in numbers if number is not None]
    prepared = set.intersection(*({(one.model, one.version) for one in state.prepared} for state in said))
    return min(known) if len(known) == len(numbers) else None, sorted(prepared)
