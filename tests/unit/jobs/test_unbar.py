"""A bar is lifted by a person with a reason, and whoever meets one is told how."""

from __future__ import annotations

import pytest

from roadworthy.errors import Conflict, Refused, UnknownName
from roadworthy.jobs.release import release
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.unbar import unbar
from roadworthy.jobs.workspace import Workspace
from smalltown import MODEL, OPENED

REFERENCE = f"{MODEL}@1"


@pytest.fixture
def barred(town_stores: Stores) -> Stores:
    """Version 1 passed the gate and was barred."""
    town_stores.versions.bar(MODEL, 1, "p50 = p99", actor="controller", at=town_stores.clock.now())
    return town_stores


def test_a_barred_version_is_refused_with_the_command_that_lifts_the_bar(barred: Stores) -> None:
    """By the release, and by the registry itself."""
    for ask in (
        lambda: release(barred, REFERENCE, how="promote", force="now"),
        lambda: barred.plans.prepare(MODEL, 1),
    ):
        with pytest.raises(Refused, match=rf'roadworthy unbar {REFERENCE} --reason "the reason"'):
            ask()


def test_a_version_whose_bar_was_lifted_is_released_as_before(barred: Stores) -> None:
    """The gate's answer stands; who lifted the bar, why, and what it was stand in the ledger."""
    lifted = Workspace(barred).unbar(
        REFERENCE, reason="the input was at fault", actor="anna", event_time=OPENED
    )
    assert (lifted.was, barred.versions.get(MODEL, 1).barred_reason) == ("p50 = p99", "")
    assert release(barred, REFERENCE, how="promote").sentence == f"{REFERENCE} is champion (route number 1)"
    entry = barred.ledger.entries(MODEL, action="unbar")[0]
    assert (entry.actor, entry.reason, entry.event_time) == ("anna", "the input was at fault", OPENED)
    assert entry.details == {"was": "p50 = p99"}


def test_lifting_a_bar_needs_a_bar_a_reason_and_a_version(barred: Stores) -> None:
    """Twice is once; without any of them nothing is written."""
    with pytest.raises(Refused, match="unbar needs a reason"):
        unbar(barred, REFERENCE, reason="", actor="anna")
    with pytest.raises(UnknownName, match=f"{MODEL}@9 does not exist"):
        unbar(barred, f"{MODEL}@9", reason="why not")
    with pytest.raises(UnknownName, match="names no version"):
        unbar(barred, MODEL, reason="why not")
    unbar(barred, REFERENCE, reason="the input was at fault")
    with pytest.raises(Conflict, match="is not barred"):
        unbar(barred, REFERENCE, reason="again")
    assert len(barred.ledger.entries(MODEL, action="unbar")) == 1
