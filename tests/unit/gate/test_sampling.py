"""Rows that were sampled before training and served as if they had not been."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gate_evidence import healthy
from roadworthy.estimators.corrected import corrected
from roadworthy.gate import sampling
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.sampling_facts import Sampling
from roadworthy.verdict import Limit, Verdict


def verdict(evidence: Evidence) -> Verdict:
    """The one verdict."""
    (found,) = sampling.CHECK.judge(evidence)
    return found


def sampled(negatives: float, positives: float = 1.0) -> Evidence:
    """The healthy days, of whose training rows only these shares are left."""
    days = healthy().data
    assert days is not None
    training = np.arange(days.rows.size) < 172
    negative = (days.labelled - days.positive) * np.where(training, negatives, 1.0)
    positive = days.positive * np.where(training, positives, 1.0)
    return replace(healthy(), data=replace(days, labelled=negative + positive, positive=positive))


def declared(odds: float, scored: float = 1.0, **changes: object) -> Evidence:
    """Negatives kept at a tenth in both periods, the candidate's odds `scored` times what they should be."""
    holdout = healthy().holdout
    assert holdout is not None
    changed = replace(holdout, candidate=corrected(holdout.candidate, scored))
    return replace(healthy(), holdout=changed, sampling=Sampling(declared="sampled", odds=odds), **changes)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.55])
def test_training_rows_without_the_outcome_that_were_thinned_show_in_rows_a_day(share: float) -> None:
    """From severe to moderate: 0.55 is what costs about 5 % of log loss at a rate of a quarter."""
    found = verdict(sampled(share))
    assert found.ruling == "fail"
    assert found.measured == pytest.approx(1 / share, rel=0.35)
    assert (
        "training rows look sampled, and nothing is declared: rows without the outcome a day" in found.reason
    )


def test_traffic_that_grows_and_seasons_of_the_outcome_are_no_sampling() -> None:
    """Twice as many rows of both kinds; the outcome twice as often; half as often."""
    assert verdict(sampled(0.5, 0.5)).ruling == "pass"
    assert verdict(sampled(1.05, 0.5)).ruling == "pass"
    assert verdict(sampled(0.95, 2.0)).ruling == "pass"


def test_scores_of_a_declared_sampling_must_mean_what_they_say_among_all_rows() -> None:
    """Corrected they pass; forgotten, the odds are ten times too high, whatever is declared."""
    assert verdict(declared(0.1)).ruling == "pass"
    found = verdict(declared(1.0, scored=10.0))
    assert found.ruling == "fail"
    assert found.measured == pytest.approx(10.0, rel=0.4)
    assert "surely > limit 3" in found.reason
    wider = {"sampling_factor": Limit.parse("<= 20")}
    assert verdict(declared(1.0, scored=10.0, limits=wider)).ruling == "pass"


def test_scores_too_low_fail_as_scores_too_high() -> None:
    """Corrected twice is a fault as well."""
    assert verdict(declared(0.01, scored=0.1)).ruling == "fail"


def test_held_out_rows_count_as_many_as_they_stand_for() -> None:
    """A tenth of the negatives, each standing for ten, is the same rate as before."""
    holdout = healthy().holdout
    kept = (holdout.labels == 1) | (np.arange(holdout.n) % 10 == 0)
    fewer = replace(
        holdout,
        **{
            name: getattr(holdout, name)[kept]
            for name in ("labels", "days", "candidate", "champion", "baseline")
        },
        slices={},
        weights=np.where(holdout.labels == 1, 1.0, 10.0)[kept],
    )
    evidence = replace(healthy(), holdout=fewer, sampling=Sampling(declared="sampled", odds=0.1))
    assert verdict(evidence).ruling == "pass"
    assert verdict(replace(evidence, holdout=replace(fewer, weights=None))).ruling == "fail"


def test_days_whose_labels_are_not_all_known_are_not_compared() -> None:
    """Outcomes that come late would look like rows that were thinned."""
    days = healthy().data
    recent = np.arange(days.rows.size) >= 150
    late = replace(days, labelled=np.where(recent, days.positive, days.labelled))
    unripe = replace(late, ripe=np.where(recent & (np.arange(days.rows.size) < 172), 0.0, late.ripe))
    assert verdict(replace(healthy(), data=unripe)).ruling == "pass"
    none = replace(days, ripe=np.zeros(days.rows.size))
    assert verdict(replace(healthy(), data=none)).ruling == "insufficient"


def test_scores_that_are_all_nothing_have_no_odds_and_it_is_said_so() -> None:
    """Rather than that something was divided by 0."""
    holdout = healthy().holdout
    declared = Sampling(declared="kept are 1 of the rows with the outcome and 0.1 without", odds=0.1)
    nothing = replace(holdout, candidate=np.zeros(holdout.n))
    found = sampling.CHECK.judge(replace(healthy(), sampling=declared, holdout=nothing))[0]
    assert found.ruling == "error"
    assert "every score is 0, or every one is 1" in found.reason


def test_an_outcome_of_a_single_day_has_no_interval() -> None:
    """Resampled days that lack it would be left out, and the rest would look sure."""
    holdout = healthy().holdout
    rare = np.where(holdout.days == holdout.days.min(), holdout.labels, 0.0)
    declared = Sampling(declared="kept are 1 of the rows with the outcome and 0.1 without", odds=0.1)
    found = sampling.CHECK.judge(
        replace(healthy(), sampling=declared, holdout=replace(holdout, labels=rare))
    )[0]
    assert found.ruling == "insufficient"
    assert "one outcome is too rare" in found.reason
