"""What people prefer who do not know which answer is whose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gate_evidence import AUGUST, EMPTY
from people_evidence import rated
from roadworthy.gate.blind_ratings import CHECK, agreement
from roadworthy.gate.blind_ratings_facts import BlindRatings
from roadworthy.gate.evidence import Evidence
from roadworthy.stats.agreement import cohen_kappa
from roadworthy.verdict import Verdict

NOBODY = replace(
    rated(), rows=np.zeros(0, dtype=np.int64), raters=np.zeros(0, dtype=np.int64), choices=np.zeros(0),
    nearer=np.zeros(0), days=np.zeros(0, dtype=np.int64),
)  # fmt: skip


def judged(facts: BlindRatings | None, evidence: Evidence = EMPTY) -> Verdict:
    """The one verdict."""
    (verdict,) = CHECK.judge(replace(evidence, ratings=facts))
    return verdict


def test_a_preference_for_the_champion_beyond_chance_fails() -> None:
    """Only when the whole interval says so: few hard rows prove little."""
    assert judged(rated(preferred=0.7)).ruling == "pass"
    assert judged(rated(preferred=0.5)).ruling == "pass"
    worse = judged(rated(preferred=0.1))
    assert worse.ruling == "fail"
    assert "even at best below limit 0.5" in worse.reason


def test_several_raters_of_one_row_count_as_one_row() -> None:
    """Else a row that ten people looked at would weigh ten times."""
    facts = BlindRatings(
        rows=np.concatenate([np.zeros(20, dtype=np.int64), np.arange(1, 11)]),
        raters=np.concatenate([np.arange(20), np.zeros(10, dtype=np.int64)]),
        choices=np.concatenate([np.zeros(20), np.ones(10)]),
        nearer=np.full(30, 0.5),
        days=np.concatenate([np.zeros(20, dtype=np.int64), np.arange(10)]),
    )
    verdict = judged(facts)
    assert (verdict.measured, verdict.n) == (pytest.approx(10 / 11), 11)


def test_agreement_is_the_mean_of_cohens_kappa_over_pairs_of_raters() -> None:
    """On the rows that both rated; one rater agrees with nobody."""
    facts = rated()
    half = facts.rows.size // 2
    codes = (2 * facts.choices).astype(np.int64)
    assert agreement(facts) == cohen_kappa(codes[:half], codes[half:])
    alone = BlindRatings(
        rows=facts.rows[:half], raters=facts.raters[:half], choices=facts.choices[:half],
        nearer=facts.nearer[:half], days=facts.days[:half],
    )  # fmt: skip
    assert agreement(alone) is None
    assert "1 rater;" in judged(alone).reason


def test_how_often_people_are_right_is_told_beside_what_they_prefer() -> None:
    """A preference for the answer further from the outcome is worth knowing as such."""
    facts = rated()
    always_right = replace(facts, nearer=facts.choices)
    assert "nearer to the outcome in 100%" in judged(always_right).reason
    assert "nearer to the outcome in 0%" in judged(replace(facts, nearer=1.0 - facts.choices)).reason
    assert "nearer" not in judged(replace(facts, nearer=np.full(facts.rows.size, 0.5))).reason


def test_without_ratings_it_does_not_apply_unless_it_is_required() -> None:
    """Whoever made it required gets the command in place of a pass."""
    beside = replace(EMPTY, champion_version=1)
    assert judged(NOBODY, beside).reason.startswith("does not apply: nobody rated")
    wanted = judged(replace(NOBODY, wanted=True), beside)
    assert wanted.ruling == "insufficient"
    assert "roadworthy look flight-delay@2 writes the page" in wanted.reason


def test_before_a_first_release_there_are_no_two_answers_even_where_ratings_are_required() -> None:
    """Else a model that requires them could never be released for the first time."""
    first = judged(replace(NOBODY, wanted=True))
    assert (first.ruling, first.reason[:44]) == ("pass", "does not apply: no other version answers yet")


def test_the_champion_itself_has_nobody_to_be_compared_with() -> None:
    """Ratings of the time before its release change nothing any more."""
    verdict = judged(rated(), replace(EMPTY, serves_since=AUGUST))
    assert verdict.reason.startswith("does not apply: it is itself the champion")
