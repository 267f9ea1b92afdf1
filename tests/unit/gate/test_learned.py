"""What a candidate must beat to have learned something."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gate_evidence import healthy
from roadworthy.gate import learned
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.learned_facts import Heuristic
from roadworthy.verdict import Verdict


def verdicts(evidence: Evidence) -> dict[str, Verdict]:
    """The verdicts by what they are about."""
    return {found.subject.split()[-1]: found for found in learned.CHECK.judge(evidence)}


def changed(**facts: object) -> Evidence:
    """The healthy candidate beside other rivals."""
    assert healthy().learned is not None
    return replace(healthy(), learned=replace(healthy().learned, **facts))


def scored(candidate: np.ndarray) -> Evidence:
    """The healthy evidence with other scores of the candidate."""
    assert healthy().holdout is not None
    return replace(healthy(), holdout=replace(healthy().holdout, candidate=candidate))


def test_a_candidate_that_learned_noise_is_no_better_than_its_twin() -> None:
    """Scores that vary and know nothing are not passed, in calls and in ranking alike."""
    noise = np.random.default_rng(3).permutation(healthy().holdout.candidate)
    found = verdicts(scored(noise))
    assert [part for part in found if found[part].ruling == "pass"] == []


def test_a_twin_that_knows_the_outcome_shows_that_the_judging_gives_it_away() -> None:
    """Nothing is better than that, so nothing passes."""
    knowing = np.clip(healthy().holdout.labels, 0.01, 0.99)
    assert verdicts(changed(shuffled=knowing[np.newaxis]))["shuffled"].ruling == "fail"


def test_a_rule_that_is_as_good_leaves_nothing_to_gain() -> None:
    """The candidate's own scores as a rule: the difference is 0, which is not better."""
    same = Heuristic(name="same", scores=healthy().holdout.candidate.copy(), probabilities=True)
    found = verdicts(changed(heuristic=same))["heuristic"]
    assert (found.measured, found.ruling) == (0.0, "fail")
    assert "log loss, this minus that of same: 0" in found.reason


def test_a_column_that_ranks_is_compared_by_ranking_alone() -> None:
    """Minutes, not probabilities: a monotone change of the column changes nothing."""
    minutes = np.random.default_rng(4).normal(30.0, 10.0, healthy().holdout.n)
    as_they_are, stretched = (
        verdicts(changed(heuristic=Heuristic(name="queue", scores=values, probabilities=False)))["heuristic"]
        for values in (minutes, np.exp(minutes / 10))
    )
    assert as_they_are == stretched
    assert as_they_are.ruling == "pass"
    assert as_they_are.measured > 0.15


def test_rows_of_which_the_rule_says_nothing_are_left_out_and_a_silent_rule_is_too_little() -> None:
    """The comparison is on the same rows; a rule that hardly ever speaks cannot be beaten for certain."""
    half = np.where(np.arange(healthy().holdout.n) % 2, 0.27, np.nan)
    found = verdicts(changed(heuristic=Heuristic(name="half", scores=half, probabilities=True)))["heuristic"]
    assert (found.n, found.ruling) == (healthy().holdout.n // 2, "pass")
    silent = np.where(np.arange(healthy().holdout.n) < 100, 0.27, np.nan)
    found = verdicts(changed(heuristic=Heuristic(name="silent", scores=silent, probabilities=True)))[
        "heuristic"
    ]
    assert found.ruling == "insufficient"
    assert "silent says something of 100 rows" in found.reason


def test_what_is_not_declared_is_not_judged() -> None:
    """Without a rule and groups there is one verdict; without a twin there is nothing to pass."""
    assert list(verdicts(changed(heuristic=None, groups=None))) == ["shuffled"]
    untwinned = learned.CHECK.judge(changed(heuristic=None, groups=None, shuffled=None))
    assert [found.ruling for found in untwinned] == ["insufficient"]


def test_calls_are_counted_at_the_declared_cut_or_at_the_rate_of_the_training() -> None:
    """By default as many rows are called positive as were; a declared cut is taken as it is."""
    calls = verdicts(healthy())["shuffled"].evidence["calls"]
    called = calls["true_positives"] + calls["false_positives"]
    assert called / healthy().holdout.n == pytest.approx(0.27, abs=0.001)
    declared = verdicts(changed(cut=0.5))["shuffled"].evidence["calls"]
    assert declared["cut"] == 0.5
    above = healthy().holdout.candidate >= 0.5
    assert declared["true_positives"] == int(healthy().holdout.labels[above].sum())


def test_weights_count_rows_as_often_as_they_say() -> None:
    """Half of the rows weighed nothing is judging on the other half; weights of 2 change nothing."""
    holdout = healthy().holdout
    first = np.arange(holdout.n) < holdout.n // 2
    weighed = verdicts(replace(healthy(), holdout=replace(holdout, weights=first * 1.0)))["shuffled"]
    plain = verdicts(healthy())["shuffled"]
    doubled = verdicts(replace(healthy(), holdout=replace(holdout, weights=np.full(holdout.n, 2.0))))[
        "shuffled"
    ]
    assert doubled.measured == pytest.approx(plain.measured, abs=1e-3)
    assert abs(weighed.measured - plain.measured) > 1e-4


def test_calls_count_rows_as_many_as_they_stand_for() -> None:
    """One row without the outcome in ten is kept: the cut is that of all rows, and so is the precision."""
    holdout = healthy().holdout
    kept = (holdout.labels == 1.0) | (np.arange(holdout.n) % 10 == 0)
    columns = ("labels", "days", "candidate", "champion", "baseline")
    rows = {name: getattr(holdout, name)[kept] for name in columns}
    weights = np.where(rows["labels"] == 1.0, 1.0, 10.0)
    sampled = replace(holdout, **rows, slices={}, weights=weights)
    found = learned.calls_at(sampled, healthy().learned)
    whole = learned.calls_at(holdout, healthy().learned)
    assert found["cut"] == pytest.approx(whole["cut"], abs=0.02)
    assert found["precision"] == pytest.approx(whole["precision"], abs=0.05)
