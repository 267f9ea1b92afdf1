"""Better on average and worse for a group is caught; a group that is merely unlucky is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gate_evidence import healthy
from roadworthy.gate import slices
from roadworthy.gate.evidence import Evidence
from roadworthy.stats import metrics
from roadworthy.verdict import Limit, Verdict


def logit(p: np.ndarray) -> np.ndarray:
    """The logit of a probability."""
    return np.log(p / (1 - p))


def harmed(by: float, **changes: object) -> Evidence:
    """The healthy candidate, its scores for one carrier of three moved by `by` on the logit scale."""
    holdout, facts = healthy().holdout, healthy().slices
    assert holdout is not None
    assert facts is not None
    group = facts.groupings[0].index == 1
    scores = 1 / (1 + np.exp(-(logit(holdout.candidate) + by * group)))
    return replace(healthy(), holdout=replace(holdout, candidate=scores), **changes)


def verdict(evidence: Evidence, part: str = "harm") -> Verdict:
    """The one verdict on that part."""
    (found,) = [one for one in slices.CHECK.judge(evidence) if one.subject.endswith(part)]
    return found


def test_a_group_that_surely_loses_fails_and_is_named_with_its_loss() -> None:
    """One carrier is answered half a logit too high; the others are as before."""
    found = verdict(harmed(0.9))
    assert found.ruling == "fail"
    assert found.evidence["harmed"] == ["carrier=EV"]
    assert (
        "1 of 8 slices surely lose more log loss against version 1 than limit 0.01: carrier=EV"
        in found.reason
    )


def test_better_on_average_does_not_make_up_for_a_group() -> None:
    """The other two carriers gain far more than this one loses."""
    evidence = harmed(1.0)
    holdout = evidence.holdout
    weak = np.where(evidence.slices.groupings[0].index == 1, holdout.champion, 0.5)
    evidence = replace(evidence, holdout=replace(holdout, champion=weak))
    losses = metrics.log_losses(evidence.holdout.candidate, holdout.labels)
    assert losses.mean() < metrics.log_losses(weak, holdout.labels).mean()
    assert verdict(evidence).ruling == "fail"
    assert verdict(evidence).evidence["slice"] == "carrier=EV"


def test_a_loss_within_the_limit_passes_and_the_owner_sets_the_limit() -> None:
    """The same loss, tolerated."""
    limits = {"slice_log_loss": Limit.parse("<= 0.2")}
    assert verdict(harmed(0.9, limits=limits)).ruling == "pass"
    assert verdict(harmed(0.9, limits={"slice_log_loss": Limit.parse(">= 0.2")})).ruling == "error"


def test_without_a_champion_no_slice_can_be_worse_and_the_table_still_tells_of_each() -> None:
    """A first release has nothing to be compared with."""
    holdout = replace(healthy().holdout, champion=None)
    found = verdict(replace(healthy(), champion_version=None, holdout=holdout))
    assert (found.ruling, found.n) == ("pass", 0)
    assert found.reason.startswith("does not apply: ")
    entry = next(entry for entry in found.evidence["slices"] if entry["slice"] == "carrier=EV")
    assert 0.2 < entry["rate"] < 0.4
    assert entry["worse_than_base_rate"] is False
    assert verdict(replace(healthy(), holdout=holdout)).ruling == "error"


def test_a_slice_that_is_worse_than_the_base_rate_is_told() -> None:
    """For reading: the rows may always have been like that."""
    found = verdict(harmed(2.5))
    assert "surely worse than the base rate: carrier=EV" in found.reason


def test_a_slice_that_must_be_perfect_fails_by_one_wrong_row() -> None:
    """And passes without; nobody there is too little evidence."""
    holdout, facts = healthy().holdout, healthy().slices
    right = (holdout.candidate >= 0.9) == (holdout.labels == 1)
    one_wrong = right.copy()
    one_wrong[np.flatnonzero(~right)[0]] = True
    rows = {"country=AQ": right, "country=NZ": one_wrong, "country=XX": np.zeros(holdout.n, dtype=bool)}
    evidence = replace(healthy(), slices=replace(facts, cut=0.9, perfect=rows))
    assert verdict(evidence, "country=AQ").ruling == "pass"
    found = verdict(evidence, "country=NZ")
    assert (found.ruling, found.measured) == ("fail", 1.0)
    assert found.evidence["rows"] == [np.flatnonzero(~right)[0]]
    assert verdict(evidence, "country=XX").ruling == "insufficient"


def test_weights_decide_how_much_a_row_counts_within_its_slice() -> None:
    """Where the harmed rows weigh nothing, there is no harm."""
    holdout = harmed(0.9).holdout
    wrong = np.abs(holdout.candidate - healthy().holdout.candidate) > 0.01
    assert verdict(replace(harmed(0.9), holdout=replace(holdout, weights=1.0 - wrong))).ruling == "pass"


@pytest.mark.parametrize("seed", range(3))
def test_small_slices_are_not_judged(seed: int) -> None:
    """Ninety rows are not judged, whatever is wrong with them."""
    facts, holdout = healthy().slices, healthy().holdout
    few = np.random.default_rng(seed).choice(holdout.n, 90, replace=False)
    index = np.zeros(holdout.n, dtype=np.int64)
    index[few] = 1
    scores = holdout.candidate.copy()
    scores[few] = 0.999
    grouping = replace(facts.groupings[0], values=("UA", "XX"), index=index)
    evidence = replace(
        healthy(), holdout=replace(holdout, candidate=scores), slices=replace(facts, groupings=(grouping,))
    )
    assert verdict(evidence).evidence["judged"] == 1


def test_a_number_a_little_beyond_the_limit_that_passes_says_why_in_the_limit_itself() -> None:
    """Nobody reads 0.0103 beside `<= 0.01` as a bug: what is not surely beyond it passes."""
    sure = verdict(harmed(0.9))
    near = {"slice_log_loss": Limit.parse(f"<= {sure.measured - 0.001:.4f}")}
    found = verdict(harmed(0.9, limits=near))
    assert (found.ruling, found.limit) == ("pass", f"not surely > {near['slice_log_loss'].value:g}")
    assert found.measured > near["slice_log_loss"].value
    assert (sure.ruling, sure.limit) == ("fail", "not surely > 0.01")


def test_a_champion_that_could_not_be_asked_is_told_with_the_reason() -> None:
    """In the words of the check `champion`, so that a report says it once."""
    holdout = replace(healthy().holdout, champion=None, unscored="it reads origin as text")
    found = verdict(replace(healthy(), holdout=holdout))
    assert "the champion, version 1, was not scored on these rows: it reads origin as text" in found.reason


def test_the_default_cut_counts_rows_as_many_as_they_stand_for() -> None:
    """One row without the outcome in ten is kept: as many rows of all are called positive as were in training."""
    holdout, facts = healthy().holdout, healthy().slices
    kept = (holdout.labels == 1.0) | (np.arange(holdout.n) % 10 == 0)
    names = ("labels", "days", "candidate", "champion", "baseline")
    rows = {name: getattr(holdout, name)[kept] for name in names}
    weights = np.where(rows["labels"] == 1.0, 1.0, 10.0)
    sampled = replace(holdout, **rows, slices={}, weights=weights)
    perfect = replace(facts, groupings=(), perfect={"all=1": np.full(sampled.n, True)})
    found = verdict(replace(healthy(), holdout=sampled, slices=perfect), "all=1")
    called = weights[sampled.candidate >= found.evidence["cut"]].sum() / weights.sum()
    assert called == pytest.approx(facts.trained_rate, abs=0.005)


def moved(by: float, outcomes: float = 0.0, rows: int = 1_500, **changes: object) -> Evidence:
    """Few rows; the scores of one carrier moved by `by` on the logit scale, and its outcomes by `outcomes`."""
    evidence = harmed(by, **changes)
    holdout, facts = evidence.holdout, evidence.slices
    few = np.sort(np.random.default_rng(3).choice(holdout.n, rows, replace=False))
    names = ("labels", "days", "candidate", "champion", "baseline")
    kept = replace(
        holdout,
        **{name: getattr(holdout, name)[few] for name in names},
        slices={name: values[few] for name, values in holdout.slices.items()},
    )
    groupings = tuple(replace(each, index=each.index[few]) for each in facts.groupings)
    group = groupings[0].index == 1
    drawn = np.random.default_rng(4).uniform(size=rows) < 1 / (1 + np.exp(-(logit(kept.champion) + outcomes)))
    labels = np.where(group, drawn, kept.labels).astype(np.float64)
    return replace(
        evidence, holdout=replace(kept, labels=labels), slices=replace(facts, groupings=groupings, perfect={})
    )


def test_a_group_that_moved_by_itself_fails_on_rows_too_few_to_be_sure_of_its_loss() -> None:
    """Some 500 rows: what they lose is not surely more than 0.01, and nobody has to wait for more."""
    evidence = moved(0.7)
    assert verdict(evidence).ruling == "pass"
    found = verdict(evidence, "moved")
    assert (found.ruling, found.limit) == ("fail", "not surely > 0.2")
    assert found.evidence["slice"] == "carrier=EV"
    assert found.reason.startswith(
        "carrier=EV moved apart from all rows: at one rate over all, its mean score is 0."
    )
    assert "sides with version 1 (n=" in found.reason
    assert found.evidence["slices"][0]["outcomes"] == "against"


def test_a_group_that_moved_to_where_its_outcomes_are_passes_and_is_told() -> None:
    """The world changed for one carrier, and the candidate has learned it."""
    found = verdict(moved(0.7, outcomes=0.7), "moved")
    assert found.ruling == "pass"
    assert "carrier=EV moved most" in found.reason
    assert "outcomes bear out the move of carrier=EV" in found.reason


def test_all_groups_that_move_together_are_no_move_of_one() -> None:
    """What moves everything is seen by the calibration and by the champion's check."""
    holdout = moved(0.0).holdout
    everywhere = 1 / (1 + np.exp(-(logit(holdout.champion) + 0.8)))
    found = verdict(replace(moved(0.0), holdout=replace(holdout, candidate=everywhere)), "moved")
    assert found.ruling == "pass"
    assert found.measured < 0.05


def test_a_move_within_the_owners_limit_passes() -> None:
    """It may be meant."""
    assert verdict(moved(0.7, limits={"slice_move": Limit.parse("<= 0.8")}), "moved").ruling == "pass"


def test_a_move_that_so_few_outcomes_cannot_tell_from_chance_is_not_judged_by_them() -> None:
    """Outcomes of some hundred rows would side with either version by the throw of a coin."""
    found = verdict(moved(0.7, rows=330), "moved")
    entry = next(entry for entry in found.evidence["slices"] if entry["slice"] == "carrier=EV")
    assert (found.ruling, entry["outcomes"]) == ("pass", "cannot tell")
    assert entry["low"] > 0.2


def rare(before: float, after: float, positives: int) -> Evidence:
    """4,000 rows in two groups, each answered alike: version 1 says `before` of the first, the candidate `after`.

    positives   of the 500 rows of the first group; of the others, 40
    """
    n, few = 4_000, 500
    day, group = np.arange(n) % 20, (np.arange(n) < few).astype(np.int64)
    labels = np.zeros(n)
    labels[:positives] = labels[few : few + 40] = 1.0
    names = ("champion", "candidate")
    scores = {name: np.where(group, said, 0.011) for name, said in zip(names, (before, after), strict=True)}
    chance = np.random.default_rng(5).normal(0.0, 0.05, n)  # not all rows of a group are alike
    scores = {name: 1 / (1 + np.exp(-(logit(each) + chance))) for name, each in scores.items()}
    holdout = replace(healthy().holdout, labels=labels, days=day, baseline=None, slices={}, **scores)
    grouping = replace(healthy().slices.groupings[0], values=("UA", "EV"), index=group)
    return replace(healthy(), holdout=holdout, slices=replace(healthy().slices, groupings=(grouping,)))


def test_outcomes_that_did_not_come_say_little_where_they_are_rare() -> None:
    """None of 500 came: as likely as not where one in a thousand does, and no scatter between days shows it."""
    found = verdict(rare(0.001, 0.0016, positives=0), "moved")
    (entry,) = [each for each in found.evidence["slices"] if each["slice"] == "carrier=EV"]
    assert (found.ruling, entry["outcomes"]) == ("pass", "cannot tell")
    assert entry["low"] > 0.2


def test_rare_outcomes_are_judged_at_the_scores_that_expect_more_of_them() -> None:
    """None of 500 is no wonder at one in 10,000, and one time in five at three in a thousand: that proves nothing."""
    assert verdict(rare(0.0001, 0.003, positives=0), "moved").ruling == "pass"
    assert verdict(rare(0.003, 0.06, positives=2), "moved").ruling == "fail"
    assert verdict(rare(0.06, 0.003, positives=30), "moved").ruling == "fail"


def test_a_group_that_weighs_nothing_is_not_judged() -> None:
    """Its mean is that of no rows."""
    evidence = moved(0.7)
    weights = 1.0 - (evidence.slices.groupings[0].index == 1)
    evidence = replace(evidence, holdout=replace(evidence.holdout, weights=weights))
    for part in ("harm", "moved"):
        assert verdict(evidence, part).ruling == "pass"
        assert verdict(evidence, part).evidence["judged"] == verdict(moved(0.7), part).evidence["judged"] - 1


def test_outcomes_about_the_middle_bear_out_neither_version() -> None:
    """A hair nearer to the candidate is no proof that the group was right to move."""
    evidence = moved(0.7, outcomes=0.4)
    (entry,) = [
        each for each in verdict(evidence, "moved").evidence["slices"] if each["slice"] == "carrier=EV"
    ]
    assert (entry["before"] + entry["after"]) / 2 < entry["rate"] < entry["after"]
    assert entry["outcomes"] == "cannot tell"
    assert "bear out" not in verdict(evidence, "moved").reason


def test_moves_do_not_apply_without_a_champion() -> None:
    """There is nothing they could have moved from."""
    found = verdict(replace(healthy(), champion_version=None), "moved")
    assert (found.ruling, found.reason) == (
        "pass",
        "does not apply: no other version answers, so no slice moved (n=0)",
    )


def test_outcomes_that_are_all_the_same_side_with_nobody() -> None:
    """Not computable is no pass."""
    holdout = replace(healthy().holdout, labels=np.zeros(healthy().holdout.n))
    found = verdict(replace(healthy(), holdout=holdout), "moved")
    assert found.ruling == "insufficient"
    assert found.reason.startswith("all outcomes are the same, so they side with no version")


def undeclared(evidence: Evidence) -> Evidence:
    """The same slices, all of them found and none declared."""
    facts = evidence.slices
    groupings = tuple(replace(each, declared=False) for each in facts.groupings)
    return replace(evidence, slices=replace(facts, groupings=groupings))


def test_a_group_that_nobody_declared_is_named_and_blocks_nothing() -> None:
    """Of many slices that are found one moves now and then; the owner's are few, and meant."""
    evidence = moved(0.7)
    carrier, *others = evidence.slices.groupings
    other = replace(others[0], column="half", values=("a", "b"), index=np.arange(1_500) % 2, declared=True)
    facts = replace(evidence.slices, groupings=(replace(carrier, declared=False), other))
    found = verdict(replace(evidence, slices=facts), "moved")
    assert (found.ruling, found.evidence["judged"]) == ("pass", 2)
    assert "of those found, carrier=EV moved against the outcomes and blocks nothing" in found.reason


def test_without_declared_slices_moves_do_not_apply() -> None:
    """And one without rows enough is no pass."""
    assert verdict(undeclared(moved(0.7)), "moved").reason == "does not apply: no slices are declared (n=0)"
    evidence = moved(0.7)
    carrier, *others = undeclared(evidence).slices.groupings
    index = np.where(np.arange(1_500) < 50, 0, -1)
    small = replace(carrier, column="small", values=("x",), index=index, declared=True)
    facts = replace(evidence.slices, groupings=(small, carrier, *others))
    found = verdict(replace(evidence, slices=facts), "moved")
    assert (found.ruling, found.n) == ("insufficient", 1_500)
    assert found.reason.startswith("no declared slice has 100 rows on 5 days")
