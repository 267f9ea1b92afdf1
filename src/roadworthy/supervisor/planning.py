"""What the node's plan is to be, as pure functions of what the control database says and what is staged.

Not here: reading the database (control), staging (staging) and writing the file (following).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

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


@dataclass(frozen=True, slots=True)
class Said:
    """What a node as a whole tells the control database.

    plan_number   number of the plan all its workers answer by; None before there is one
    prepared      (model, version) that each of them could answer with at once, sorted
    errors        `model@version`, `plan` or `worker N` → why something is not as it should be
    """

    plan_number: int | None = None
    prepared: tuple[tuple[str, int], ...] = ()
    errors: Mapping[str, str] = field(default_factory=dict)


def together(states: Collection[WorkerState | None], troubles: Mapping[str, str] | None = None) -> Said:
    """What a node can say from what its workers say.

    states     one for each place; None for a worker that says nothing (yet)
    troubles   what the supervisor itself has to say

    A worker that serves no plan yet takes no requests: before it does it loads and adopts the newest plan. So it holds
    nobody up as long as another one serves; a version counts as prepared when every worker that serves has it. While
    nobody serves, because no plan can be adopted, what all of them have loaded is the way out.

    >>> ready = WorkerState(worker=0, pid=1, plan_number=3, prepared=(Prepared("delay", 1, "ab"),))
    >>> starting = WorkerState(worker=1, pid=2)
    >>> together([ready, ready]).prepared, together([ready, starting, None]).plan_number, together([starting, None])
    ((('delay', 1),), 3, Said(plan_number=None, prepared=(), errors={}))
    """
    said = [state for state in states if state is not None]
    errors = {key: why for state in reversed(said) for key, why in state.errors.items()}
    errors.update(troubles or {})
    serving = [state for state in said if state.plan_number is not None]
    counted = serving or (said if len(said) == len(states) else [])
    if not counted:
        return Said(errors=errors)
    prepared = set.intersection(*({(one.model, one.version) for one in state.prepared} for state in counted))
    numbers = [state.plan_number for state in serving if state.plan_number is not None]
    return Said(min(numbers, default=None), tuple(sorted(prepared)), errors)
