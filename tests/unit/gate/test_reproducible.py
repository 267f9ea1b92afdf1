"""What cannot be trained again as it was, or is served with other libraries, does not pass."""

from __future__ import annotations

from dataclasses import replace

from gate_evidence import healthy
from roadworthy.gate.reproducible import CHECK
from roadworthy.gate.reproducible_facts import Reproducible
from roadworthy.verdict import Verdict

SAME = {"lightgbm": "4.7.0", "numpy": "2.4.6"}


def _judged(**facts: object) -> dict[str, Verdict]:
    given = {"rows": 2_000, "digests": ("ab" * 32,) * 2, "trained_with": SAME, "served_with": SAME} | facts
    evidence = replace(healthy(), reproducible=Reproducible(**given))  # type: ignore[arg-type]  # as the test says
    return {found.subject.partition(" ")[2]: found for found in CHECK.judge(evidence)}


def test_two_digests_of_two_trainings_fail() -> None:
    """Both are named, so that they can be looked for."""
    verdict = _judged(digests=("ab" * 32, "cd" * 32))["sample"]
    assert (verdict.ruling, verdict.measured) == ("fail", 2.0)
    assert "abababababab and cdcdcdcdcdcd (n=2,000)" in verdict.reason


def test_a_sample_that_was_skipped_is_no_pass() -> None:
    """The reason is told; the libraries are judged all the same."""
    found = _judged(digests=(), skipped="TooFewSamples: all 40 labels are 0", rows=40)
    assert found["sample"].ruling == "insufficient"
    assert "all 40 labels are 0" in found["sample"].reason
    assert found["libraries"].ruling == "pass"


def test_one_digest_alone_is_no_pass() -> None:
    """It was not trained twice."""
    assert _judged(digests=("ab" * 32,))["sample"].ruling == "insufficient"


def test_a_library_that_was_upgraded_since_fails_and_is_named() -> None:
    """Its encoding or score may differ where no golden request looks."""
    verdict = _judged(served_with={"lightgbm": "4.8.0", "numpy": "2.4.6"})["libraries"]
    assert verdict.ruling == "fail"
    assert "1 of 2 libraries have another version > limit 0" in verdict.reason
    assert "lightgbm 4.7.0 when trained, 4.8.0 when served" in verdict.reason


def test_a_library_that_is_gone_fails() -> None:
    """As one of another version does."""
    verdict = _judged(served_with={"numpy": "2.4.6"})["libraries"]
    assert "lightgbm 4.7.0 when trained, not installed when served" in verdict.reason


def test_a_server_that_does_not_say_is_no_pass() -> None:
    """Nor is an artifact that does not."""
    assert _judged(served_with={})["libraries"].ruling == "insufficient"
    assert _judged(trained_with={})["libraries"].ruling == "insufficient"
