"""The gate's answers about versions."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from roadworthy.errors import Refused, UnknownName
from roadworthy.registry.gates import Gates
from roadworthy.registry.ledger import Ledger

from .building import JULY, NOON, after, registered


def test_the_newest_answer_counts(engine: Engine) -> None:
    """Asking again replaces what is read, for that version only."""
    registered(engine, 2)
    gates = Gates(engine, "default")
    gates.record_gate("delay", 1, "fail", {"checks": []}, actor="gate", at=NOON)
    gates.record_gate("delay", 1, "pass", {"checks": ["auc"]}, actor="gate", at=after(1), event_time=JULY)
    result = gates.latest_gate("delay", 1)
    assert result is not None
    assert (result.ruling, result.report, result.overrides) == ("pass", {"checks": ["auc"]}, {})
    assert (result.at, result.event_time) == (after(1), JULY)
    assert gates.latest_gate("delay", 2) is None


def test_an_override_stands_in_the_ledger_with_its_check_and_reason(engine: Engine) -> None:
    """The ruling itself stays what the checks said."""
    registered(engine, 1)
    gates = Gates(engine, "default")
    overrides = {"calibration": " labels of June are known to be late "}
    gates.record_gate("delay", 1, "fail", {}, actor="anna", at=NOON, overrides=overrides)
    result = gates.latest_gate("delay", 1)
    assert result is not None
    assert (result.ruling, result.overrides) == (
        "fail",
        {"calibration": "labels of June are known to be late"},
    )
    (entry,) = Ledger(engine, "default").entries("delay", action="override")
    assert (entry.actor, entry.reason, entry.details) == (
        "anna",
        "labels of June are known to be late",
        {"check": "calibration"},
    )


def test_an_override_without_a_reason_keeps_nothing(engine: Engine) -> None:
    """Not even the answer it came with."""
    registered(engine, 1)
    gates = Gates(engine, "default")
    with pytest.raises(Refused, match="override of calibration needs a reason"):
        gates.record_gate("delay", 1, "fail", {}, actor="anna", at=NOON, overrides={"calibration": ""})
    assert gates.latest_gate("delay", 1) is None
    assert [entry.action for entry in Ledger(engine, "default").entries()] == ["register"]


def test_an_answer_about_an_unknown_version_is_refused(engine: Engine) -> None:
    """There is nothing it could be about."""
    with pytest.raises(UnknownName, match="delay@1 does not exist"):
        Gates(engine, "default").record_gate("delay", 1, "pass", {}, actor="gate", at=NOON)
