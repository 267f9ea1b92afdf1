"""One beat: when the next one is wanted, whose trouble it is, and that looking twice is looking once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from roadworthy.errors import CorruptArtifact
from roadworthy.jobs import tick as ticking
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.tick import tick
from roadworthy.traffic import Route
from smalltown import DAY, MODEL, OPENED, WEEK, Town, a_week, serve

NOON = OPENED + DAY / 2


def test_a_young_release_is_looked_at_every_ten_minutes_and_then_once_a_day(
    town: Town, town_stores: Stores
) -> None:
    """Where it has answered enough to be judged."""
    a_week(town, town_stores)
    serve(town_stores, Route(champion=1, canary_share=0.0), WEEK - 2 * DAY)
    later = WEEK - 2 * DAY + timedelta(hours=2)
    assert tick(town_stores, later).next == later + timedelta(minutes=10)
    old = WEEK - DAY + timedelta(hours=12)
    assert tick(town_stores, old).next == WEEK


def test_a_release_with_too_few_answers_is_looked_at_every_hour(town: Town, town_stores: Stores) -> None:
    """Its guards are still waiting."""
    serve(town_stores, Route(champion=1), NOON)
    ticked = tick(town_stores, NOON + timedelta(hours=4))
    assert ticked.next == NOON + timedelta(hours=5)
    assert tick(town_stores, NOON + timedelta(hours=11, minutes=30)).next == OPENED + DAY


def test_after_a_rollback_the_end_of_the_day_is_soon_enough(town_stores: Stores) -> None:
    """What answers then is known."""
    serve(town_stores, Route(champion=1), NOON, action="rollback")
    assert tick(town_stores, NOON).next == OPENED + DAY


def test_at_midnight_the_next_midnight_is_a_day_away(town_stores: Stores) -> None:
    """Never now again, or a replay would stand still."""
    assert tick(town_stores, OPENED).next == OPENED + DAY


def test_looking_twice_is_looking_once(town: Town, town_stores: Stores) -> None:
    """The second look finds no day, and writes nothing."""
    a_week(town, town_stores)
    first = tick(town_stores, WEEK)
    assert len(first.monitored[0].days) == 7
    verdicts, ledger = town_stores.alarms.verdicts(MODEL, revisions=True), town_stores.ledger.entries()
    assert tick(town_stores, WEEK).monitored[0].days == ()
    assert town_stores.alarms.verdicts(MODEL, revisions=True) == verdicts
    assert town_stores.ledger.entries() == ledger


def test_trouble_with_one_model_keeps_no_other_from_being_looked_at(
    town: Town, town_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guards of all are asked before any monitor; the trouble is raised at the end."""
    serve(town_stores, Route(champion=1))
    asked: list[str] = []

    def broken(stores: Stores, model: str, now: object, seen: object) -> None:
        asked.append(f"guard {model}")
        if model == "a":
            raise CorruptArtifact("a is damaged")

    monkeypatch.setattr(
        type(town_stores.plans), "routes", lambda self: {"a": (1, Route()), "b": (1, Route())}
    )
    monkeypatch.setattr(ticking, "guard", broken)
    monkeypatch.setattr(ticking, "monitor", lambda stores, model, as_of: asked.append(f"monitor {model}"))
    with pytest.raises(CorruptArtifact, match="a is damaged"):
        tick(town_stores, WEEK)
    assert asked == ["guard a", "guard b", "monitor a", "monitor b"]
