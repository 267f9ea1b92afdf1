"""Texts that come in written otherwise than in training are told on the day on which callers begin to."""

from __future__ import annotations

import pytest

from roadworthy.monitoring.vocabulary import written_otherwise
from roadworthy.verdict import Limit, Verdict

LIMIT = Limit("<=", 0.005)
ENTRIES = {"app": ("com.app", "com.b"), "carrier": ("UA", "AA")}


def _judged(**served: dict[str, float]) -> Verdict:
    return written_otherwise(served, ENTRIES, LIMIT, subject="clicks@1")


def test_a_parameter_that_callers_begin_to_send_is_named_with_its_cleaner() -> None:
    """The feature with the largest share is told of."""
    verdict = _judged(app={"com.app": 900, "com.app$hl=en": 60, "com.new": 40}, carrier={"UA": 1_000})
    assert (verdict.ruling, verdict.measured, verdict.n) == ("fail", 0.06, 1_000)
    assert verdict.reason == (
        "share 0.0600 of the values of app are an entry written otherwise > limit 0.005: 'com.app$hl=en' (60 times) "
        "is 'com.app', and cleaner without_parameters would make them one (n=1,000)"
    )
    assert verdict.evidence == {"severity": "warning", "calls_for": "look"}


def test_what_is_merely_new_or_was_two_entries_before_is_no_finding() -> None:
    """New markets come, and entries that are one thing are the gate's to judge, once."""
    assert _judged(app={"com.app": 500, "com.new": 500}).ruling == "pass"
    twice = {"app": ("com.app", "com.app$hl=en")}
    found = written_otherwise({"app": {"com.app": 500, "com.app$hl=en": 500}}, twice, LIMIT)
    assert (found.ruling, found.measured) == ("pass", 0.0)


@pytest.mark.parametrize(
    ("served", "ruling"),
    [
        ({"com.app": 99}, "insufficient"),
        ({}, "insufficient"),
        ({"com.app": 199, "COM.APP": 1}, "insufficient"),
        ({"com.app": 10_000, "COM.APP": 1}, "pass"),
        ({"com.app": 9_800, "COM.APP": 200}, "fail"),
    ],
)
def test_chance_neither_opens_an_alarm_nor_closes_one(served: dict[str, float], ruling: str) -> None:
    """One text among two hundred is as likely none tomorrow."""
    assert _judged(app=served).ruling == ruling
