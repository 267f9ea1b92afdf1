"""Only `pass` on every required check lets a version advance."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from roadworthy.gate.decision import Override, decide
from roadworthy.verdict import Ruling, Verdict


def verdict(check: str, ruling: Ruling) -> Verdict:
    """A verdict with nothing but its ruling."""
    return Verdict(check=check, subject="m@1", ruling=ruling, reason="because")


@pytest.mark.parametrize(("first", "second"), list(product(get_args(Ruling), repeat=2)))
def test_two_required_checks_advance_only_when_both_pass(first, second) -> None:
    """Every other combination blocks, and what blocks is listed."""
    decision = decide([verdict("a", first), verdict("b", second)], {"a", "b"})
    assert decision.advances == (first == second == "pass")
    assert [found.ruling for found in decision.blocking] == [
        found for found in (first, second) if found != "pass"
    ]


@pytest.mark.parametrize("ruling", get_args(Ruling))
def test_an_advisory_check_never_blocks(ruling) -> None:
    """It is listed apart when it did not pass."""
    decision = decide([verdict("a", "pass"), verdict("read", ruling)], {"a"})
    assert decision.ruling == "pass"
    assert len(decision.advisory) == (ruling != "pass")


def test_a_gate_that_did_not_run_blocks() -> None:
    """No verdicts are missing evidence, named check by check."""
    decision = decide([], {"limits", "champion"})
    assert decision.ruling == "insufficient"
    assert decision.not_run == ("champion", "limits")
    assert not decision.advances


def test_a_required_check_that_did_not_run_blocks_what_the_others_passed() -> None:
    """Leaving a check out is no way past it."""
    assert decide([verdict("a", "pass")], {"a", "b"}).ruling == "insufficient"


def test_a_failed_check_beats_missing_ones() -> None:
    """Then errors, then missing evidence."""
    assert decide([verdict("a", "fail")], {"a", "b"}).ruling == "fail"
    assert decide([verdict("a", "error")], {"a", "b"}).ruling == "error"
    assert decide([verdict("a", "cancelled")], {"a", "b"}).ruling == "insufficient"


def test_a_gate_without_required_checks_lets_nothing_through() -> None:
    """There is nothing that could have passed."""
    assert not decide([verdict("read", "pass")], set()).advances


def test_one_failing_verdict_among_several_of_a_check_blocks() -> None:
    """Two limits kept do not outvote one broken."""
    decision = decide(
        [verdict("limits", "pass"), verdict("limits", "fail"), verdict("limits", "pass")], {"limits"}
    )
    assert decision.ruling == "fail"
    assert len(decision.blocking) == 1


def test_an_override_lets_it_advance_and_hides_nothing() -> None:
    """The ruling and what blocked stay as they were."""
    decision = decide([verdict("a", "fail")], {"a"}, Override(actor="ada", reason="the outage is worse"))
    assert decision.advances
    assert decision.ruling == "fail"
    assert len(decision.blocking) == 1
