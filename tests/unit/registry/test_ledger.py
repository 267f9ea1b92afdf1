"""The ledger: complete, ordered, and never without a reason."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from roadworthy.errors import DefinitionError, Refused
from roadworthy.registry.ledger import Ledger

from .building import JULY, NOON, after


def test_entries_come_back_in_the_order_in_which_they_were_made(engine: Engine) -> None:
    """Also those whose virtual time runs backwards, and with both times."""
    ledger = Ledger(engine, "default")
    ledger.append(
        "retrain", actor="tick", reason="weekly", at=NOON, event_time=JULY, model="delay", details={"n": 1}
    )
    ledger.append("note", actor="anna", reason="looks odd", at=after(1))
    first, second = ledger.entries()
    assert (first.action, first.at, first.event_time, first.details) == ("retrain", NOON, JULY, {"n": 1})
    assert (second.model, second.version, second.event_time) == ("", None, after(1))
    assert first.seq < second.seq


def test_entries_are_found_by_model_time_version_and_action(engine: Engine) -> None:
    """Each narrows the others; `since` includes its own instant."""
    ledger = Ledger(engine, "default")
    for second, (model, version) in enumerate([("delay", 1), ("delay", 2), ("cancelled", 1)]):
        ledger.approve(model, version, actor="anna", reason="looked at it", at=after(second))
    assert [entry.version for entry in ledger.entries("delay")] == [1, 2]
    assert [entry.model for entry in ledger.entries(since=after(1))] == ["delay", "cancelled"]
    assert [entry.model for entry in ledger.entries(version=1, action="approve")] == ["delay", "cancelled"]
    assert [entry.reason for entry in ledger.approvals("delay", 2)] == ["looked at it"]


def test_namespaces_do_not_see_each_other(engine: Engine) -> None:
    """What staging decided is not production's history."""
    Ledger(engine, "staging").append("note", actor="anna", reason="x", at=NOON)
    assert Ledger(engine, "default").entries() == ()


@pytest.mark.parametrize(
    ("actor", "reason", "lacking"), [("anna", " \n", "a reason"), ("", "because", "an actor")]
)
def test_a_decision_without_actor_or_reason_is_refused(
    engine: Engine, actor: str, reason: str, lacking: str
) -> None:
    """Whoever reads the ledger in a year can ask somebody something."""
    ledger = Ledger(engine, "default")
    with pytest.raises(Refused, match=f"approve needs {lacking}: say it, it is kept in the ledger"):
        ledger.approve("delay", 1, actor=actor, reason=reason, at=NOON)
    assert ledger.entries() == ()


def test_a_time_without_a_timezone_is_refused(engine: Engine) -> None:
    """Local times would put entries hours apart in the wrong order."""
    with pytest.raises(DefinitionError, match="has no timezone"):
        Ledger(engine, "default").append("note", actor="anna", reason="x", at=NOON.replace(tzinfo=None))
