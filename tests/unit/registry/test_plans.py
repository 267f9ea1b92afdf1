"""The pointer: who may move it, when, and what is known about it afterwards."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from roadworthy.errors import Conflict, DefinitionError, NotReady, Refused, UnknownName
from roadworthy.registry.ledger import Ledger
from roadworthy.registry.nodes import Nodes
from roadworthy.registry.plans import Plans
from roadworthy.registry.versions import Versions
from roadworthy.traffic import Route

from .building import JULY, NOON, after, flip, registered


@pytest.fixture
def plans(engine: Engine) -> Plans:
    """Routes over three registered versions of the model `delay`."""
    registered(engine, 3)
    return Plans(engine, "default")


def test_a_model_without_a_route_has_number_zero(plans: Plans) -> None:
    """So the first flip needs no special case in its caller."""
    assert plans.route("delay") == (0, Route())
    assert plans.routes() == {}


def test_a_flip_moves_the_pointer_and_says_so_in_the_ledger(engine: Engine, plans: Plans) -> None:
    """Number, route and entry agree."""
    route = Route(champion=1, canary=2, canary_share=0.1, attempt="a1", salt="s")
    assert flip(plans, 0, Route(champion=1)) == 1
    assert flip(plans, 1, route, after(1), action="canary", version=2, event_time=JULY) == 2
    assert plans.route("delay") == (2, route)
    entry = plans.history("delay")[-1]
    assert (entry.action, entry.version, entry.plan_number, entry.route) == ("canary", 2, 2, route)
    assert (entry.actor, entry.reason, entry.at, entry.event_time) == (
        "anna",
        "better on every check",
        after(1),
        JULY,
    )
    assert Ledger(engine, "default").entries("delay")[-1] == entry


def test_a_decision_that_rests_on_an_older_route_is_a_conflict(plans: Plans) -> None:
    """It names what is there now, who did it and why, and changes nothing."""
    flip(plans, 0, Route(champion=1))
    flip(plans, 1, Route(champion=2, standby=1))
    with pytest.raises(Conflict) as caught:
        flip(plans, 1, Route(champion=3))
    assert str(caught.value) == (
        "the route of delay is not the one this decision rests on: expected number 1, its number is 2; last: promote "
        "by anna at 2026-11-21 12:00:00 UTC, better on every check. Nothing was changed; look at the new route, "
        "then decide again"
    )
    assert plans.route("delay") == (2, Route(champion=2, standby=1))
    assert len(plans.history("delay")) == 2


@pytest.mark.parametrize(("there", "expected"), [(0, 1), (1, 0), (1, 2)])
def test_any_other_number_than_the_current_one_is_a_conflict(plans: Plans, there: int, expected: int) -> None:
    """First flips included: a route that exists is not made again, one that does not is not moved."""
    for number in range(there):
        flip(plans, number, Route(champion=1))
    with pytest.raises(Conflict, match=f"expected number {expected}"):
        flip(plans, expected, Route(champion=2))
    assert plans.route("delay")[0] == there


def test_every_live_node_must_have_prepared_every_version(engine: Engine, plans: Plans) -> None:
    """The refusal names each node and what it lacks, standby and shadow included; then nothing has changed."""
    nodes = Nodes(engine, "default")
    nodes.heartbeat("eu-1", 0, [("delay", 1), ("delay", 2), ("delay", 3)], NOON)
    nodes.heartbeat("eu-2", 0, [("delay", 1), ("cancelled", 2)], NOON)
    with pytest.raises(NotReady, match=r"was not changed: eu-2 has not prepared delay@2, delay@3\. Prepare"):
        flip(plans, 0, Route(champion=1, standby=2, shadow=3), after(1))
    assert plans.route("delay") == (0, Route())
    assert plans.history("delay") == ()
    nodes.heartbeat("eu-2", 0, [("delay", 1), ("delay", 2), ("delay", 3)], after(1))
    assert flip(plans, 0, Route(champion=1, standby=2, shadow=3), after(1)) == 1


def test_a_node_that_went_silent_or_left_holds_up_nothing(engine: Engine, plans: Plans) -> None:
    """A crashed node checks what it loads when it comes back."""
    nodes = Nodes(engine, "default")
    nodes.heartbeat("eu-1", 0, [], NOON)
    nodes.heartbeat("eu-2", 0, [], after(58))
    nodes.leave("eu-2")
    assert flip(plans, 0, Route(champion=1), after(60)) == 1


def test_a_node_of_another_namespace_holds_up_nothing(engine: Engine, plans: Plans) -> None:
    """Staging's nodes prepare staging's versions."""
    Nodes(engine, "staging").heartbeat("eu-1", 0, [], NOON)
    assert flip(plans, 0, Route(champion=1)) == 1


def test_a_barred_version_enters_no_route(engine: Engine, plans: Plans) -> None:
    """In no role; the reason of the bar is repeated."""
    Versions(engine, "default").bar("delay", 2, "NaN for every third row", actor="controller", at=NOON)
    for route in (Route(champion=2), Route(champion=1, shadow=2), Route(champion=1, standby=2)):
        with pytest.raises(
            Refused, match=r"delay@2 is barred since 2026-11-21 12:00:00 UTC: NaN for every third row"
        ):
            flip(plans, 0, route)
    assert plans.route("delay") == (0, Route())


def test_a_rollback_bars_what_it_rejects_in_the_same_transaction(engine: Engine, plans: Plans) -> None:
    """So no retraining can put the rejected version back in between."""
    flip(plans, 0, Route(champion=1))
    flip(plans, 1, Route(champion=2, standby=1))
    flip(
        plans,
        2,
        Route(champion=1),
        after(3),
        action="rollback",
        reason="calibration 0.09 > limit 0.05",
        bar=2,
    )
    assert plans.route("delay") == (3, Route(champion=1))
    assert Versions(engine, "default").get("delay", 2).barred_reason == "calibration 0.09 > limit 0.05"
    told = [entry.action for entry in Ledger(engine, "default").entries("delay", since=after(3))]
    assert sorted(told) == ["bar", "rollback"]


def test_a_rollback_that_fails_bars_nothing(engine: Engine, plans: Plans) -> None:
    """The loser of two flips leaves no trace."""
    flip(plans, 0, Route(champion=1))
    with pytest.raises(Conflict):
        flip(plans, 0, Route(champion=1), action="rollback", bar=2)
    assert Versions(engine, "default").get("delay", 2).barred_at is None


def test_a_decision_cannot_bar_what_it_routes_to(plans: Plans) -> None:
    """Such a decision contradicts itself."""
    with pytest.raises(Refused, match="names delay@2, which the same decision bars"):
        flip(plans, 0, Route(champion=1, standby=2), bar=2)


def test_a_version_that_does_not_exist_enters_no_route(plans: Plans) -> None:
    """Nor does one of another namespace."""
    with pytest.raises(
        UnknownName, match="delay@4 does not exist in namespace default: its newest version is 3"
    ):
        flip(plans, 0, Route(champion=4))


@pytest.mark.parametrize(
    "route", [Route(champion=1, canary=2, canary_share=1.5), Route(champion=1, canary=2, canary_share=-0.1),
              Route(champion=1, canary=2, canary_share=float("nan")), Route(champion=1, canary_share=0.5)]
)  # fmt: skip
def test_a_share_that_is_none_is_refused(plans: Plans, route: Route) -> None:
    """Beyond [0, 1], not a number, or of nobody."""
    with pytest.raises(DefinitionError, match="canary share"):
        flip(plans, 0, route)


def test_a_flip_needs_a_reason(plans: Plans) -> None:
    """Also one that a program makes."""
    with pytest.raises(Refused, match="promote needs a reason"):
        flip(plans, 0, Route(champion=1), reason="")
    assert plans.route("delay") == (0, Route())


def test_models_and_namespaces_have_their_own_numbers(engine: Engine, plans: Plans) -> None:
    """A flip of one is no conflict for another."""
    registered(engine, 1, namespace="staging")
    flip(plans, 0, Route(champion=3))
    assert flip(Plans(engine, "staging"), 0, Route(champion=1)) == 1
    assert plans.routes() == {"delay": (1, Route(champion=3))}


def test_what_served_at_a_time_is_answered_from_the_ledger(plans: Plans) -> None:
    """By event time or by real time; a flip counts from its own instant on."""
    flip(plans, 0, Route(champion=1), after(10), event_time=JULY)
    flip(plans, 1, Route(champion=2, standby=1), after(20), event_time=JULY.replace(day=3))
    assert plans.serving_at("delay", JULY.replace(month=6)) is None
    assert plans.serving_at("delay", JULY) == 1
    assert plans.serving_at("delay", JULY.replace(day=2)) == 1
    assert plans.serving_at("delay", JULY.replace(day=3)) == 2
    assert plans.serving_at("delay", after(9.999999), by="at") is None
    assert plans.route_at("delay", after(19), by="at") == (1, Route(champion=1))
    assert plans.route_at("delay", after(20), by="at") == (2, Route(champion=2, standby=1))


def test_other_entries_of_a_model_are_no_flips(engine: Engine, plans: Plans) -> None:
    """Approvals, bars and registrations do not change what served."""
    flip(plans, 0, Route(champion=1))
    Ledger(engine, "default").approve("delay", 2, actor="anna", reason="looked at it", at=after(1))
    assert plans.serving_at("delay", after(2)) == 1
    assert len(plans.history("delay")) == 1


def test_preparing_is_asked_for_until_a_route_names_the_version(plans: Plans) -> None:
    """Asking twice is asking once; a flip takes over; what is not wanted any more can be let go."""
    for number in (2, 2, 3):
        plans.prepare("delay", number)
    assert plans.preparations() == (("delay", 2), ("delay", 3))
    flip(plans, 0, Route(champion=2))
    assert plans.preparations() == (("delay", 3),)
    plans.unprepare("delay", 3)
    plans.unprepare("delay", 3)
    assert plans.preparations() == ()


def test_only_a_version_that_may_serve_is_prepared(engine: Engine, plans: Plans) -> None:
    """Neither a barred one nor one that does not exist."""
    Versions(engine, "default").bar("delay", 2, "wrong", actor="anna", at=NOON)
    with pytest.raises(Refused, match="delay@2 is barred"):
        plans.prepare("delay", 2)
    with pytest.raises(UnknownName, match="delay@9 does not exist"):
        plans.prepare("delay", 9)
    assert plans.preparations() == ()
