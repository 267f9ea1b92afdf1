"""Owners' approvals: all of them, of this version, or the gate says who is missing and what they run."""

from __future__ import annotations

from dataclasses import replace

from gate_evidence import EMPTY
from roadworthy.gate.approvals import CHECK
from roadworthy.gate.approvals_facts import Approvals
from roadworthy.verdict import Verdict


def judged(facts: Approvals | None) -> Verdict:
    """The one verdict."""
    (verdict,) = CHECK.judge(replace(EMPTY, approvals=facts))
    return verdict


def test_all_owners_together_pass_and_their_reasons_are_told() -> None:
    """Whoever reads the report learns why they said yes."""
    verdict = judged(
        Approvals(owners=("anna", "ben"), given={"ben": "asked anna", "anna": "read the report"})
    )
    assert verdict.ruling == "pass"
    assert verdict.reason == (
        "2 of 2 owners approved version 2, limit >= 2: anna: read the report; ben: asked anna (n=2)"
    )


def test_a_missing_owner_is_named_with_the_command_that_one_runs() -> None:
    """Missing evidence, not a failure: nobody said no."""
    verdict = judged(Approvals(owners=("anna", "ben"), given={"anna": "read the report"}))
    assert verdict.ruling == "insufficient"
    assert "1 of 2 owners" in verdict.reason
    assert "missing: ben. " in verdict.reason
    assert 'roadworthy approve flight-delay@2 --as ben --reason "the reason"' in verdict.reason


def test_an_outdated_approval_is_missing_and_said_to_be_outdated() -> None:
    """Its owner believes to have approved it, and is told why that does not count."""
    verdict = judged(Approvals(owners=("anna",), outdated=("anna",)))
    assert verdict.ruling == "insufficient"
    assert "anna (whose approval is older than what it declares now)" in verdict.reason


def test_a_stranger_does_not_stand_in_for_an_owner() -> None:
    """Three approvals are no two owners."""
    verdict = judged(Approvals(owners=("anna", "ben"), given={"anna": "a", "carl": "c", "dora": "d"}))
    assert (verdict.ruling, verdict.measured) == ("insufficient", 1.0)


def test_without_owners_it_does_not_apply_and_without_a_look_it_is_insufficient() -> None:
    """Nothing declared was looked up; nothing looked up is no pass."""
    assert judged(Approvals(owners=())).ruling == "pass"
    assert judged(Approvals(owners=())).reason.startswith("does not apply: ")
    assert judged(None).ruling == "insufficient"
