"""What a release does after its guards spoke."""

from __future__ import annotations

from roadworthy.release.decision import respond
from roadworthy.traffic import Route
from roadworthy.verdict import Ruling, Verdict


def said(ruling: Ruling, reason: str = "because") -> Verdict:
    return Verdict(check="constant_output", subject="m@2", ruling=ruling, reason=reason)


def test_one_failed_guard_rolls_back_whatever_the_others_say() -> None:
    """A failed check beats passes and missing evidence."""
    step = respond(
        Route(champion=1, canary=2, canary_share=0.1),
        [said("pass"), said("insufficient"), said("fail", "p50 = p99")],
        2,
    )
    assert step.action == "roll back"
    assert step.reason == "p50 = p99"


def test_missing_evidence_holds() -> None:
    """Too few rows are no reason to go back and no reason to go on."""
    assert respond(Route(champion=1, canary=2), [said("insufficient")], 2).action == "hold"


def test_a_failed_champion_without_standby_calls_for_a_person() -> None:
    """Nobody is left to answer, so the step says that a person must act instead of stopping the answers."""
    step = respond(Route(champion=1), [said("fail", "constant")], 1)
    assert step.action == "hold"
    assert "person must act" in step.reason
