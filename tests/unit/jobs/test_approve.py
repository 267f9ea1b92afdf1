"""Owners approve a version in the ledger, and the gate and the release read it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from roadworthy.errors import Refused
from roadworthy.jobs.approve import approvals_of, approve
from roadworthy.jobs.gate import gate
from roadworthy.jobs.release import release
from roadworthy.jobs.stores import Stores
from roadworthy.traffic import Route
from smalltown import DAY, MODEL, OPENED, Town, serve

REFERENCE = f"{MODEL}@1"


@pytest.fixture(scope="module")
def with_owners(trained: Town, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """The small town, whose model has two owners now; not to be changed."""
    town = trained.copy(tmp_path_factory.mktemp("owned"))
    stores = town.stores()
    declare(town, stores, '["anna", "ben"]')
    stores.engine.dispose()
    return town


@pytest.fixture
def own_town(with_owners: Town, tmp_path: Path) -> Town:
    """A copy of it, to change."""
    return with_owners.copy(tmp_path / "owned")


@pytest.fixture
def owned(own_town: Town) -> Iterator[Stores]:
    """The copy, opened."""
    stores = own_town.stores()
    yield stores
    stores.engine.dispose()


def declare(town: Town, stores: Stores, owners: str) -> None:
    """Have the user's file name owners, and train what is the same version."""
    text = town.definition.read_text()
    town.definition.write_text(text.replace("    limits=", f"    owners={owners}, limits="))
    assert town.train(stores).redeclared == ("owners",)


def say(stores: Stores, owner: str, *, withdraw: bool = False, reference: str = REFERENCE) -> tuple[str, ...]:
    """Approve as somebody; who is missing still."""
    return approve(
        stores, reference, owner=owner, reason="read the report", session="login", withdraw=withdraw
    ).missing


def ruling(stores: Stores) -> str:
    """What the gate says of the approvals."""
    (verdict,) = (one for one in gate(stores, REFERENCE).report.verdicts if one.check == "approvals")
    return verdict.ruling


def test_a_version_advances_when_every_owner_approved_it(owned: Stores) -> None:
    """One is not enough; the ledger keeps name, reason and session of both."""
    assert ruling(owned) == "insufficient"
    assert say(owned, "anna") == ("ben",)
    assert ruling(owned) == "insufficient"
    assert say(owned, "ben") == ()
    assert ruling(owned) == "pass"
    entries = owned.ledger.entries(MODEL, version=1, action="sign-off")
    assert [(entry.actor, entry.reason, entry.details["session"]) for entry in entries] == [
        ("anna", "read the report", "login"),
        ("ben", "read the report", "login"),
    ]


def test_an_owners_approval_is_no_approval_of_a_first_release(owned: Stores) -> None:
    """Releasing without a champion to compare with stays a decision of its own."""
    say(owned, "anna")
    assert owned.ledger.approvals(MODEL, 1) == ()


def test_a_retraining_needs_new_approvals(own_town: Town, owned: Stores) -> None:
    """They approved what they saw."""
    say(owned, "anna")
    say(owned, "ben")
    own_town.train(owned, OPENED + DAY)
    assert approvals_of(owned, owned.versions.get(MODEL, 2)).given == {}


def test_what_is_declared_anew_is_approved_anew(own_town: Town, owned: Stores) -> None:
    """A limit that was loosened after the approval was not approved; who had approved is told so."""
    say(owned, "anna")
    text = own_town.definition.read_text()
    own_town.definition.write_text(
        text.replace("    owners=", '    checks={"calibration": "advisory"}, owners=')
    )
    own_town.train(owned)
    facts = approvals_of(owned, owned.versions.get(MODEL, 1))
    assert (dict(facts.given), facts.outdated) == ({}, ("anna",))
    say(owned, "anna")
    assert approvals_of(owned, owned.versions.get(MODEL, 1)).outdated == ()


def test_an_approval_can_be_taken_back_and_the_gate_no_longer_counts(owned: Stores) -> None:
    """Nobody is promoted on a yes that was taken back after the gate passed."""
    say(owned, "anna")
    say(owned, "ben")
    gate(owned, REFERENCE, approve_first="nothing serves yet", actor="anna")
    assert say(owned, "ben", withdraw=True) == ("ben",)
    with pytest.raises(Refused, match="an owner took the approval back after the gate ruled"):
        release(owned, REFERENCE, how="promote", actor="carl")
    with pytest.raises(Refused, match="nothing to take back"):
        say(owned, "ben", withdraw=True)


def test_only_declared_owners_approve(owned: Stores) -> None:
    """The message says who they are; nothing is kept."""
    with pytest.raises(Refused, match=f"'carl' is no owner of {MODEL}; its owners are anna, ben"):
        say(owned, "carl")
    with pytest.raises(Refused, match="needs a reason"):
        approve(owned, REFERENCE, owner="anna", reason=" ", session="login")
    assert owned.ledger.entries(MODEL, action="sign-off") == ()


def test_a_model_without_owners_needs_nobodys_approval(town_stores: Stores) -> None:
    """The gate says that it does not apply; approving is refused with what to do."""
    assert ruling(town_stores) == "pass"
    with pytest.raises(Refused, match=r"declares no owners.*Model\(owners=\[\.\.\.\]\)"):
        say(town_stores, "anna")


def test_an_approval_of_a_version_that_serves_changes_no_route(owned: Stores) -> None:
    """It is a word, not an act."""
    serve(owned, Route(champion=1))
    before = owned.plans.route(MODEL)
    say(owned, "anna")
    assert owned.plans.route(MODEL) == before
