"""Who is treated otherwise, and how surely."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gate_evidence import healthy
from roadworthy.gate import groups
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.groups_facts import Groups
from roadworthy.stats.resampling import difference_interval
from roadworthy.verdict import Limit, Verdict

LIMITS = {"groups_tpr_gap": Limit.parse("<= 0.15"), "groups_calibration_gap": Limit.parse("<= 0.06")}


def unfair(less: float) -> Evidence:
    """Scores of one group in three are lowered; nothing else differs."""
    evidence = healthy()
    holdout, facts = evidence.holdout, evidence.groups
    assert holdout is not None
    assert facts is not None
    scores = np.where(facts.values["age"] == "young", holdout.candidate * (1.0 - less), holdout.candidate)
    return replace(evidence, holdout=replace(holdout, candidate=scores), limits=LIMITS)


def by_measure(evidence: Evidence) -> dict[str, Verdict]:
    """The verdicts by measure."""
    return {found.subject.split()[-1]: found for found in groups.CHECK.judge(evidence)}


def test_groups_that_are_treated_alike_keep_the_limits() -> None:
    """They differ by chance, which the interval covers."""
    assert {found.ruling for found in by_measure(unfair(0.0)).values()} == {"pass"}


def test_a_group_whose_scores_are_lowered_is_named() -> None:
    """Fewer of its rows with the outcome are called, and its scores say too little."""
    found = by_measure(unfair(0.5))
    assert {verdict.ruling for verdict in found.values()} == {"fail"}
    assert "age=" in found["tpr"].reason
    assert found["tpr"].reason.startswith("true positive rate of age=young at cut")
    assert "minus that of all others: -0." in found["tpr"].reason
    assert "beyond limit <= 0.15" in found["tpr"].reason
    assert found["calibration"].reason.startswith("mean score of age=young, minus its rate: -0.")


def test_without_limits_the_largest_gaps_are_told_and_nothing_blocks() -> None:
    """Which gap is too large is for the owner to say."""
    found = by_measure(replace(unfair(0.5), limits={}))
    assert {verdict.ruling for verdict in found.values()} == {"pass"}
    assert all("no limit is declared" in verdict.reason for verdict in found.values())
    assert found["tpr"].measured == by_measure(unfair(0.5))["tpr"].measured


def test_a_gap_that_may_keep_its_limit_or_not_is_too_little_evidence() -> None:
    """The limit lies within the interval."""
    gap = by_measure(unfair(0.2))["tpr"]
    near = replace(unfair(0.2), limits={"groups_tpr_gap": Limit.parse(f"<= {gap.measured:.4f}")})
    assert by_measure(near)["tpr"].ruling == "insufficient"


def test_a_group_with_few_rows_is_named_and_not_judged() -> None:
    """Three rows of a group show nothing about it; the others are judged."""
    evidence = unfair(0.0)
    assert evidence.groups is not None
    ages = evidence.groups.values["age"].astype("<U8")
    ages[:3] = "ancient"
    found = by_measure(replace(evidence, groups=Groups(values={"age": ages})))
    assert {verdict.ruling for verdict in found.values()} == {"pass"}
    assert all("too few rows to judge: ancient" in verdict.reason for verdict in found.values())


def test_calls_are_made_at_the_declared_cut_or_where_as_many_are_called_as_are() -> None:
    """A cut of a half would call nobody where the outcome is rare."""
    evidence = unfair(0.0)
    holdout, facts = evidence.holdout, evidence.groups
    assert holdout is not None
    assert facts is not None
    share = float((holdout.candidate >= by_measure(evidence)["tpr"].evidence["cut"]).mean())
    assert share == pytest.approx(float(holdout.labels.mean()), abs=0.001)
    declared = replace(evidence, groups=replace(facts, cut=0.9))
    assert by_measure(declared)["tpr"].evidence["cut"] == 0.9


def test_where_nothing_is_protected_the_check_says_that_it_does_not_apply() -> None:
    """And where nobody looked, that is no pass."""
    found = groups.CHECK.judge(replace(healthy(), groups=Groups()))[0]
    assert (found.ruling, found.reason[:14]) == ("pass", "does not apply")
    assert groups.CHECK.judge(replace(healthy(), groups=None))[0].ruling == "insufficient"


def test_more_groups_make_each_interval_wider() -> None:
    """Among twenty groups one is odd by chance."""
    evidence = unfair(0.2)
    assert evidence.groups is not None
    many = {f"half{number}": np.roll(evidence.groups.values["age"], number) for number in range(10)}
    one = by_measure(evidence)["tpr"].evidence["groups"]["young"]
    among = replace(evidence, groups=Groups(values={"age": evidence.groups.values["age"], **many}))
    same = groups.CHECK.judge(among)[0].evidence["groups"]["young"]
    assert same[0] == one[0]
    assert same[2] - same[1] > 1.2 * (one[2] - one[1])


def test_an_interval_of_a_difference_holds_the_true_one_about_as_often_as_it_says() -> None:
    """Days differ from each other, for both sides alike; 200 trials at 90 %."""
    chance = np.random.default_rng(4)
    days, inside = np.arange(600) // 20, np.arange(600) % 3 == 0
    held = 0
    for _ in range(200):
        values = chance.normal(size=30)[days] + 0.3 * inside + chance.normal(size=600)
        found = difference_interval(values, inside, days, chance, resamples=200, level=0.9)
        held += found.low <= 0.3 <= found.high
    assert 0.84 <= held / 200 <= 0.96


def sampled(evidence: Evidence) -> Evidence:
    """One row without the outcome in ten is kept, and stands for ten; scores say what they say among all."""
    holdout, facts = evidence.holdout, evidence.groups
    assert holdout is not None
    assert facts is not None
    kept = (holdout.labels == 1.0) | (np.arange(holdout.n) % 10 == 0)
    rows = {
        name: getattr(holdout, name)[kept] for name in ("labels", "days", "candidate", "champion", "baseline")
    }
    weights = np.where(rows["labels"] == 1.0, 1.0, 10.0)
    ages = {name: values[kept] for name, values in facts.values.items()}
    return replace(
        evidence, holdout=replace(holdout, **rows, slices={}, weights=weights), groups=Groups(values=ages)
    )


def test_rows_count_as_many_as_they_stand_for() -> None:
    """Without that every group of a sampled history would be scored far too low, and called far too seldom."""
    found, whole = by_measure(sampled(unfair(0.0))), by_measure(unfair(0.0))
    assert {verdict.ruling for verdict in found.values()} == {"pass"}
    assert found["calibration"].measured < 0.04
    assert found["tpr"].evidence["cut"] == pytest.approx(whole["tpr"].evidence["cut"], abs=0.02)


def test_a_group_with_nobody_beside_it_does_not_keep_the_others_from_being_judged() -> None:
    """All but three rows are of one group: of that attribute nothing is said, of the other all."""
    evidence = replace(unfair(0.5), limits={})
    assert evidence.groups is not None
    alike = np.where(np.arange(evidence.groups.values["age"].size) < 3, "rare", "usual")
    both = replace(evidence, groups=Groups(values={"sex": alike, **evidence.groups.values}))
    found = {verdict.subject.partition(" ")[2]: verdict for verdict in groups.CHECK.judge(both)}
    assert list(found) == ["sex tpr", "sex calibration", "age tpr", "age calibration"]
    assert found["sex tpr"].reason.startswith(
        "does not apply: no limit is declared, and there are not 200 rows"
    )
    assert found["age tpr"].measured > 0.1
    limited = {
        verdict.subject.partition(" ")[2]: verdict.ruling
        for verdict in groups.CHECK.judge(replace(both, limits=LIMITS))
    }
    assert limited == {
        "sex tpr": "insufficient", "sex calibration": "insufficient", "age tpr": "fail", "age calibration": "fail",
    }  # fmt: skip
