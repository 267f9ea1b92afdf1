"""The newest answers of what was released last: compared with whom, taken back when, reported when nobody is left."""

from __future__ import annotations

import shutil
from datetime import datetime

import pytest
from msgspec.structs import replace

from roadworthy.jobs.guard import Guarded, guard
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.tick import Ticked
from roadworthy.predictionlog.record import Number, Prediction
from roadworthy.traffic import Route
from smalltown import DAY, MODEL, OPENED, Town, answer, serve

CANARY = Route(champion=1, canary=2, canary_share=0.5, salt="s")


@pytest.fixture
def two(two_versions: Stores) -> Stores:
    """Version 1 answers from the opening on; version 2 is trained."""
    serve(two_versions, Route(champion=1))
    return two_versions


def _say(
    town: Town, stores: Stores, version: int, days: float, value: float | None = None, role: str = "champion"
) -> None:
    """Version `version` answers that many days of questions from the opening on, always `value` if given."""

    def alter(record: Prediction) -> Prediction:
        return record if value is None else replace(record, output=Number(value))

    answer(stores, version, town.questions(stores, OPENED, OPENED + days * DAY), role=role, alter=alter)


def _look(stores: Stores, at: datetime = OPENED + 2 * DAY) -> Guarded:
    found = guard(stores, MODEL, at)
    assert found is not None
    return found


def _mean(guarded: Guarded) -> tuple[str, str]:
    [verdict] = [verdict for verdict in guarded.verdicts if verdict.check == "mean_output"]
    return verdict.ruling, verdict.reason


def test_a_canary_is_compared_with_the_champion_on_the_same_traffic(town: Town, two: Stores) -> None:
    """Both have answered enough."""
    serve(two, CANARY)
    _say(town, two, 1, 2)
    _say(town, two, 2, 2, role="canary")
    ruling, reason = _mean(_look(two))
    assert ruling == "pass"
    assert "against the champion's" in reason


def test_a_canary_beside_a_champion_of_few_rows_is_compared_with_its_reference(
    town: Town, two: Stores
) -> None:
    """A canary of nearly all traffic leaves too little to compare with, and is not unguarded for that."""
    serve(two, CANARY)
    _say(town, two, 1, 0.5)
    _say(town, two, 2, 2, role="canary", value=0.999)
    guarded = _look(two, OPENED + DAY)
    assert "against the reference's" in _mean(guarded)[1]


def test_a_canary_of_few_rows_is_waited_for(town: Town, two: Stores) -> None:
    """Neither a reason to go on nor one to go back."""
    serve(two, CANARY)
    _say(town, two, 1, 2)
    _say(town, two, 2, 0.3, role="canary", value=0.25)
    guarded = _look(two)
    assert {verdict.ruling for verdict in guarded.verdicts if verdict.check != "invalid_output"} == {
        "insufficient"
    }
    assert (guarded.rolled_back, guarded.waiting) == (False, True)


def test_a_constant_champion_returns_to_its_standby_and_is_barred(town: Town, two: Stores) -> None:
    """The controller acts, in virtual time, with the guard's sentence as its reason."""
    serve(two, Route(champion=2, standby=1))
    _say(town, two, 2, 1, value=0.25)
    guarded = _look(two, OPENED + DAY)
    assert (guarded.rolled_back, guarded.watched, guarded.answered) == (True, 2, 70)
    entry = two.plans.history(MODEL)[-1]
    assert (entry.action, entry.actor, entry.event_time) == ("rollback", "controller", OPENED + DAY)
    assert two.plans.route(MODEL)[1] == Route(champion=1)
    assert two.versions.get(MODEL, 2).barred_reason == guarded.reason


def test_a_constant_canary_is_dropped_and_the_champion_stays(town: Town, two: Stores) -> None:
    """Its standby stays too."""
    serve(two, CANARY)
    _say(town, two, 1, 2)
    _say(town, two, 2, 1, role="canary", value=0.25)
    assert _look(two, OPENED + DAY).rolled_back
    assert two.plans.route(MODEL)[1].versions() == (1,)


def test_a_failing_champion_with_nobody_to_return_to_is_said_to_a_person(town: Town, two: Stores) -> None:
    """It stays, and every beat says so in the same words."""
    _say(town, two, 1, 1, value=0.25)
    guarded = _look(two, OPENED + DAY)
    assert not guarded.rolled_back
    assert guarded.reason.endswith("there is no standby to roll back to: a person must act")
    ticked = Ticked(at=OPENED + DAY, guarded=(guarded,), monitored=(), next=OPENED + 2 * DAY)
    assert ticked.sentences() == ["parcel-late@1 fails constant_output and stays: a person must act"]


def test_a_guard_needs_no_readable_artifact_to_act(town: Town, two: Stores) -> None:
    """Without a reference there is no mean to compare with; a constant is a constant all the same."""
    serve(two, Route(champion=2, standby=1))
    _say(town, two, 2, 1, value=0.25)
    shutil.rmtree(two.settings.artifacts / two.versions.get(MODEL, 2).digest)
    assert _look(two, OPENED + DAY).rolled_back


def test_answers_from_before_the_release_are_not_held_against_it(town: Town, two: Stores) -> None:
    """Version 2 said the same to everybody as a canary yesterday; today it begins anew."""
    _say(town, two, 2, 1, value=0.25)
    serve(two, Route(champion=2, standby=1), OPENED + DAY)
    guarded = _look(two)
    assert (guarded.answered, guarded.rolled_back) == (0, False)


def test_where_nothing_serves_there_is_nothing_to_guard(town_stores: Stores) -> None:
    """No route, no verdict."""
    assert guard(town_stores, MODEL, OPENED) is None
