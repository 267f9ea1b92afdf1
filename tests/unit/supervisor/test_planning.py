"""What the plan of a node is to be."""

from __future__ import annotations

import msgspec
import pytest

from roadworthy.errors import Conflict, NotReady
from roadworthy.node import Prepared, WorkerState
from roadworthy.supervisor.planning import Registered, Said, Wanted, next_plan, together
from roadworthy.traffic import Plan, Route, Staged


def staged(version: int, model: str = "delay") -> Staged:
    """A version on the node's disk."""
    return Staged(model=model, version=version, directory=f"staged/{version}", digest=f"{version:064x}")


def wanted(**routes: tuple[int, Route]) -> Wanted:
    """What the control database says."""
    versions = [(name, version) for name, (_, route) in routes.items() for version in route.versions()]
    return Wanted(
        routes,
        tuple(Registered(Prepared(name, version, f"{version:064x}"), "") for name, version in versions),
    )


def state(worker: int, plan: int | None, *versions: int) -> WorkerState:
    """What a worker says."""
    return WorkerState(
        worker=worker,
        pid=worker + 1,
        plan_number=plan,
        prepared=tuple(Prepared("delay", version, "d") for version in versions),
    )


def test_a_plan_has_every_route_and_everything_staged() -> None:
    """Its number is the sum of those of its routes, so it grows with every flip."""
    plan = next_plan(
        "default",
        wanted(delay=(3, Route(champion=1)), cancelled=(2, Route())),
        [staged(2), staged(1)],
        7,
        None,
    )
    assert (plan.number, plan.namespace, plan.written_at) == (5, "default", 7)
    assert [entry.version for entry in plan.staged] == [1, 2]
    assert plan.routes == {"cancelled": Route(), "delay": Route(champion=1)}


def test_nothing_is_written_when_nothing_changed() -> None:
    """The time of writing alone is no change."""
    current = next_plan("default", wanted(delay=(3, Route(champion=1))), [staged(1)], 7, None)
    assert next_plan("default", wanted(delay=(3, Route(champion=1))), [staged(1)], 9, current) is current


def test_a_plan_waits_until_all_it_routes_to_is_staged() -> None:
    """A worker that starts now must be able to serve what is on disk."""
    with pytest.raises(NotReady, match="delay@2"):
        next_plan("default", wanted(delay=(4, Route(champion=2, standby=1))), [staged(1)], 7, None)


def test_a_database_that_is_behind_the_local_plan_is_not_followed() -> None:
    """An empty database in the place of a lost one must not empty the node."""
    current = next_plan("default", wanted(delay=(3, Route(champion=1))), [staged(1)], 7, None)
    with pytest.raises(Conflict, match="plan 0, this node serves plan 3"):
        next_plan("default", wanted(), [], 9, current)


def test_another_namespace_starts_over() -> None:
    """Numbers of two namespaces have nothing to do with each other."""
    assert next_plan("replay", wanted(), [], 9, Plan(number=3, namespace="default")).number == 0


def test_a_node_has_prepared_what_all_its_workers_have() -> None:
    """The slowest worker that serves speaks for the node."""
    assert together([state(0, 4, 1, 2), state(1, 3, 1)]) == Said(3, (("delay", 1),))


def test_a_worker_that_starts_holds_up_no_rollback() -> None:
    """It takes no requests before it has adopted the newest plan, so the others speak for the node."""
    assert together([state(0, 4, 1), None]) == Said(4, (("delay", 1),))
    assert together([state(0, 4, 1, 2), state(1, None, 1)]) == Said(4, (("delay", 1), ("delay", 2)))


def test_while_nobody_serves_all_must_have_loaded_what_leads_out_of_it() -> None:
    """A champion that cannot be loaded anywhere can be left for a version that can."""
    assert together([state(0, None, 2), state(1, None, 2)]) == Said(None, (("delay", 2),))
    assert together([state(0, None, 2), None]) == Said()
    assert together([]) == Said()


def test_what_is_wrong_is_said_once_and_by_name() -> None:
    """By workers, of versions and of the plan; by the supervisor, of its places and of staging."""
    first = msgspec.structs.replace(state(0, 4, 1), errors={"delay@2": "damaged"})
    second = msgspec.structs.replace(state(1, None), errors={"plan": "waits", "delay@2": "damaged too"})
    told = together([first, second, None], {"worker 2": "died young"})
    assert told.errors == {"delay@2": "damaged", "plan": "waits", "worker 2": "died young"}
