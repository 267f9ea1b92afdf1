"""What single checks catch and let pass; what all of them owe stands in tests/conformance."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from importlib import import_module

import numpy as np
import pytest

from gate_evidence import APPROVED, JULY, healthy
from roadworthy.gate import (
    batch_invariance,
    better_than_baseline,
    calibration,
    champion,
    champion_rows,
    constant_output,
    goldens,
    later_rows,
    limits,
)
from roadworthy.gate.batch_invariance_facts import Padding
from roadworthy.gate.catalogue import CHECKS
from roadworthy.gate.documentation import limits_read
from roadworthy.gate.evidence import Arrangement, Evidence, Staging
from roadworthy.model import AT_MOST, LIMIT_NAMES
from roadworthy.stats.resampling import Interval
from roadworthy.verdict import Limit


def with_scores(**scores: np.ndarray | None) -> Evidence:
    """The healthy candidate with other scores on the same rows."""
    holdout = healthy().holdout
    assert holdout is not None
    return replace(healthy(), holdout=replace(holdout, **scores))


def logit_moved(by: float) -> np.ndarray:
    """The candidate's scores, moved by `by` on the logit scale."""
    holdout = healthy().holdout
    assert holdout is not None
    return 1 / (1 + np.exp(-(np.log(holdout.candidate / (1 - holdout.candidate)) + by)))


def test_each_limit_is_a_verdict_of_its_own() -> None:
    """One sentence a limit, in the order in which the owner declared them."""
    evidence = replace(healthy(), limits={"brier": Limit.parse("<= 0.3"), "auc": Limit.parse(">= 0.9")})
    verdicts = limits.CHECK.judge(evidence)
    assert [(verdict.subject, verdict.ruling) for verdict in verdicts] == [
        ("flight-delay@2 brier", "pass"),
        ("flight-delay@2 auc", "fail"),
    ]


def test_a_limit_inside_the_interval_is_not_decided() -> None:
    """AUC 0.69 with an interval around 0.69 neither keeps nor breaks a limit of 0.69."""
    verdict = limits.CHECK.judge(replace(healthy(), limits={"auc": Limit.parse(">= 0.69")}))[0]
    assert verdict.ruling == "insufficient"
    assert "may keep limit >= 0.69 or not" in verdict.reason


def test_a_limit_on_the_gap_bounds_it_on_both_sides() -> None:
    """A model that says far too little does not keep `calibration_gap <= 0.02` by being negative."""
    evidence = replace(
        with_scores(candidate=logit_moved(-1.0)), limits={"calibration_gap": Limit.parse("<= 0.02")}
    )
    verdict = limits.CHECK.judge(evidence)[0]
    assert verdict.ruling == "fail"
    assert verdict.measured > 0.1


def test_a_limit_on_an_unknown_metric_is_an_error_and_the_others_are_still_judged() -> None:
    """A misspelt limit does not silently guard nothing."""
    evidence = replace(healthy(), limits={"acu": Limit.parse(">= 0.6"), "auc": Limit.parse(">= 0.6")})
    assert [verdict.ruling for verdict in limits.CHECK.judge(evidence)] == ["error", "pass"]
    assert "known are auc" in limits.CHECK.judge(evidence)[0].reason


def test_the_margin_against_the_champion_is_no_limit_of_the_model() -> None:
    """A model that declares nothing but its margin has declared no limit."""
    evidence = replace(healthy(), limits={"champion_log_loss": Limit.parse("<= 0.01")})
    assert limits.CHECK.judge(evidence)[0].ruling == "insufficient"


def test_every_limit_that_may_be_declared_is_judged_by_a_check() -> None:
    """A limit that no check reads would guard nothing; those that are no metric of `limits` are read elsewhere."""
    read = {name for check in CHECKS for name in limits_read(import_module(f"roadworthy.gate.{check.name}"))}
    assert read == set(LIMIT_NAMES)
    others = [check.name for check in CHECKS if check.name not in ("limits", "calibration")]
    elsewhere = {name for each in others for name in limits_read(import_module(f"roadworthy.gate.{each}"))}
    assert elsewhere == set(AT_MOST)


def test_a_gap_interval_across_zero_has_an_absolute_lower_bound_of_zero() -> None:
    """And one on the negative side is mirrored."""
    assert limits.absolute(Interval(-0.1, -0.3, 0.2, 0.95, 9)) == Interval(0.1, 0.0, 0.3, 0.95, 9)
    assert limits.absolute(Interval(-0.2, -0.3, -0.1, 0.95, 9)) == Interval(0.2, 0.1, 0.3, 0.95, 9)


def test_the_baseline_itself_is_not_better_than_the_baseline() -> None:
    """Exactly the base rate fails: nothing was learned."""
    holdout = healthy().holdout
    assert holdout is not None
    verdict = better_than_baseline.CHECK.judge(with_scores(candidate=holdout.baseline.copy()))[0]
    assert verdict.ruling == "fail"


def test_shuffled_scores_are_worse_than_the_baseline() -> None:
    """A model that learned noise is refused though its answers vary."""
    holdout = healthy().holdout
    assert holdout is not None
    shuffled = np.random.default_rng(2).permutation(holdout.candidate)
    assert better_than_baseline.CHECK.judge(with_scores(candidate=shuffled))[0].ruling == "fail"


@pytest.mark.parametrize(
    ("low", "high", "limit", "ruling"),
    [
        (-0.010, -0.001, "<= 0.005", "pass"),
        (-0.004, 0.004, "<= 0.005", "pass"),
        (0.001, 0.004, "<= 0.005", "pass"),
        (-0.001, 0.006, "<= 0.005", "insufficient"),
        (0.001, 0.006, "<= 0.005", "fail"),
        (0.006, 0.009, "<= 0.005", "fail"),
        (0.0, 0.0, "<= 0", "pass"),
        (-0.001, 0.001, "<= 0", "insufficient"),
        (0.001, 0.002, "<= 0", "fail"),
        (-0.003, -0.001, "<= -0.005", "fail"),
        (-0.008, -0.001, "<= -0.005", "insufficient"),
    ],
)
def test_the_champions_margin_is_a_test_of_non_inferiority(low, high, limit, ruling) -> None:
    """Within the margin for certain passes, worse for certain fails, anything else is too little evidence."""
    assert (
        champion.against_champion(Interval((low + high) / 2, low, high, 0.95, 30), Limit.parse(limit))
        == ruling
    )


def test_a_retrained_model_with_the_same_answers_passes() -> None:
    """Equal is good enough."""
    holdout = healthy().holdout
    assert holdout is not None
    verdict = champion.CHECK.judge(with_scores(champion=holdout.candidate.copy()))[0]
    assert (verdict.ruling, verdict.measured) == ("pass", 0.0)


def test_a_candidate_worse_for_certain_says_so() -> None:
    """Where the estimate alone would keep the margin, the sentence tells why it still fails."""
    holdout = healthy().holdout
    assert holdout is not None
    swapped = with_scores(candidate=holdout.champion, champion=holdout.candidate)
    verdict = champion.CHECK.judge(replace(swapped, limits={"champion_log_loss": Limit.parse("<= 0.012")}))[0]
    assert verdict.ruling == "fail"
    assert "worse even at best, and at worst beyond limit 0.012" in verdict.reason


def test_a_margin_that_is_no_upper_bound_is_an_error() -> None:
    """`>= 0.005` would demand a loss."""
    evidence = replace(healthy(), limits={"champion_log_loss": Limit.parse(">= 0.005")})
    assert champion.CHECK.judge(evidence)[0].ruling == "error"


def test_a_champion_that_was_not_scored_is_an_error() -> None:
    """There is a champion, so its absence from the evidence is a fault of the job and no first release."""
    evidence = replace(with_scores(champion=None), first_release=APPROVED)
    assert champion.CHECK.judge(evidence)[0].ruling == "error"


def test_an_approved_first_release_names_who_and_why() -> None:
    """The approval stands in the report."""
    evidence = replace(with_scores(champion=None), champion_version=None, first_release=APPROVED)
    verdict = champion.CHECK.judge(evidence)[0]
    assert verdict.ruling == "pass"
    assert "approved by ada: replaces the spreadsheet" in verdict.reason


def test_the_champion_itself_has_nobody_to_be_compared_with() -> None:
    """It passes both comparisons, says since when it answers, and asks for no approval."""
    evidence = replace(with_scores(champion=None), champion_version=None, serves_since=JULY)
    compared, rows = champion.CHECK.judge(evidence)[0], champion_rows.CHECK.judge(evidence)[0]
    assert (compared.ruling, rows.ruling) == ("pass", "pass")
    assert "it is itself the champion, since 2013-07-01 00:00 UTC" in compared.reason


def test_the_slices_that_moved_most_come_first() -> None:
    """One carrier moved, and the report says which and by how much; a missing value is a slice too."""
    holdout = healthy().holdout
    assert holdout is not None
    moved = holdout.champion + 0.2 * (holdout.slices["carrier"] == "B6") * (1 - holdout.champion)
    verdict = champion_rows.CHECK.judge(with_scores(candidate=moved))[0]
    first = verdict.evidence["slices"][0]
    assert first["slice"] == "carrier=B6"
    assert first["mean"] > 0.1
    assert "carrier=B6 moved most" in verdict.reason
    assert "origin=(missing)" in {entry["slice"] for entry in verdict.evidence["slices"]}


def test_small_slices_are_not_ranked() -> None:
    """Five rows of a rare carrier would always move most."""
    holdout = healthy().holdout
    assert holdout is not None
    rare = np.where(np.arange(holdout.n) < 5, "XX", "UA")
    evidence = replace(healthy(), holdout=replace(holdout, slices={"carrier": rare}))
    verdict = champion_rows.CHECK.judge(evidence)[0]
    assert [entry["slice"] for entry in verdict.evidence["slices"]] == ["carrier=UA"]


def test_the_rows_that_moved_most_can_be_found_again() -> None:
    """By their number among the held-out rows, with both answers and the outcome; a unit could not be forgotten."""
    holdout = healthy().holdout
    assert holdout is not None
    row = champion_rows.CHECK.judge(healthy())[0].evidence["rows"][0]
    index = int(np.abs(holdout.candidate - holdout.champion).argmax())
    assert row["row"] == index
    assert row["candidate"] == holdout.candidate[index]


@pytest.mark.parametrize("value", [0.0, 0.25, 1.0])
def test_a_constant_is_refused_whatever_it_says(value) -> None:
    """The model that always said 25 % was deployed once."""
    verdict = constant_output.CHECK.judge(with_scores(candidate=np.full(8_000, value)))[0]
    assert (verdict.ruling, verdict.measured) == ("fail", 0.0)


def test_a_constant_with_dust_on_it_is_refused() -> None:
    """An untrained network answers 0.25 with noise in the third decimal."""
    dusty = 0.25 + np.random.default_rng(1).normal(0, 0.001, 8_000)
    assert constant_output.CHECK.judge(with_scores(candidate=dusty))[0].ruling == "fail"


def test_a_sound_model_of_a_rare_outcome_is_no_constant() -> None:
    """Scores from 0.005 to 0.1 vary little in absolute terms and a lot relative to their mean."""
    rare = np.random.default_rng(1).beta(2, 78, 8_000)
    assert constant_output.CHECK.judge(with_scores(candidate=rare))[0].ruling == "pass"


def test_scores_twice_too_high_are_miscalibrated() -> None:
    """As after training on down-sampled negatives."""
    verdict = calibration.CHECK.judge(replace(with_scores(candidate=logit_moved(1.2)), limits={}))[0]
    assert verdict.ruling == "fail"
    assert verdict.evidence["gap"]["low"] > 0.1


def test_the_reliability_picture_accounts_for_every_row() -> None:
    """Ten tenths of ascending score; a constant is one group."""
    tenths = calibration.CHECK.judge(healthy())[0].evidence["tenths"]
    assert len(tenths) == 10
    assert sum(tenth["n"] for tenth in tenths) == 8_000
    assert [tenth["score"] for tenth in tenths] == sorted(tenth["score"] for tenth in tenths)
    constant = calibration.CHECK.judge(with_scores(candidate=np.full(8_000, 0.25)))[0].evidence["tenths"]
    assert [tenth["n"] for tenth in constant] == [8_000]


def arranged(**got: np.ndarray) -> Evidence:
    """Arrangements of forty rows that should score 0.5."""
    return replace(
        healthy(),
        arrangements=tuple(
            Arrangement(name=name, expected=np.full(40, 0.5), got=values) for name, values in got.items()
        ),
    )


def test_one_row_that_answers_differently_in_a_batch_is_found() -> None:
    """The sentence names the arrangement; a tolerance of the format may allow it."""
    permuted = np.full(40, 0.5)
    permuted[7] += 2.0**-50
    evidence = arranged(alone=np.full(40, 0.5), permuted=permuted, padded=np.full(40, 0.5))
    verdict = batch_invariance.CHECK.judge(evidence)[0]
    assert verdict.ruling == "fail"
    assert "found permuted" in verdict.reason
    assert batch_invariance.CHECK.judge(replace(evidence, tolerance=1e-12))[0].ruling == "pass"


def test_batches_alone_do_not_replace_single_rows() -> None:
    """`alone`, `permuted` and `padded` must have been tried."""
    verdict = batch_invariance.CHECK.judge(arranged(permuted=np.full(40, 0.5)))[0]
    assert verdict.ruling == "insufficient"
    assert "alone" in verdict.reason


def test_an_arrangement_that_lost_rows_is_an_error() -> None:
    """There is nothing to subtract."""
    evidence = arranged(alone=np.full(39, 0.5), permuted=np.full(40, 0.5), padded=np.full(40, 0.5))
    assert "gave 39 scores for 40 rows" in batch_invariance.CHECK.judge(evidence)[0].reason


def test_a_model_that_reads_lists_must_have_been_asked_with_empty_ones() -> None:
    """That is where a padding collides with a real value."""
    evidence = replace(healthy(), padding=Padding(texts=3, lists=("been",)))
    verdict = batch_invariance.CHECK.judge(evidence)[0]
    assert (verdict.ruling, "empty lists" in verdict.reason) == ("insufficient", True)
    empty = Arrangement(name="empty lists", expected=np.full(40, 0.5), got=np.full(40, 0.5))
    tried = replace(evidence, arrangements=(*evidence.arrangements, empty))
    assert {found.ruling for found in batch_invariance.CHECK.judge(tried)} == {"pass"}


def test_a_padding_that_is_the_number_of_a_real_value_fails() -> None:
    """Though no score moved: training may have been as wrong as serving."""
    collides = Padding(texts=3, collisions={"been": "'JFK' is encoded as an empty list is"})
    verdict = batch_invariance.CHECK.judge(replace(healthy(), padding=collides))[1]
    assert verdict.ruling == "fail"
    assert "been: 'JFK' is encoded as an empty list is" in verdict.reason


def test_a_model_without_text_has_nothing_to_pad() -> None:
    """It passes because that was looked at."""
    verdict = batch_invariance.CHECK.judge(replace(healthy(), padding=Padding(texts=0)))[1]
    assert (verdict.ruling, verdict.n) == ("pass", 0)
    assert verdict.reason.startswith("does not apply: ")


def test_one_wrong_golden_answer_fails_and_is_named() -> None:
    """A zero denominator that the serving environment encodes otherwise."""
    answered = np.full(24, 0.5)
    answered[3] = 0.6
    staging = Staging(expected=np.full(24, 0.5), answered=answered)
    verdict = goldens.CHECK.judge(replace(healthy(), staging=staging))[0]
    assert verdict.ruling == "fail"
    assert "1 differ, the first is request 3" in verdict.reason


def test_a_server_that_did_not_answer_is_an_error_with_its_reason() -> None:
    """It is no pass and no fail: nothing could be measured."""
    silent = Staging(
        expected=np.full(24, 0.5), answered=np.array([]), error="it ended with code 1 after 2.0 s"
    )
    verdict = goldens.CHECK.judge(replace(healthy(), staging=silent))[0]
    assert verdict.ruling == "error"
    assert "ended with code 1" in verdict.reason


def test_a_server_that_has_shown_that_it_computes_otherwise_is_a_fail_in_its_words() -> None:
    """It was measured, by the server itself: that is no error."""
    words = (
        "this node computes another m than was trained: 1 differences in 24 golden requests\n  golden request"
    )
    refused = Staging(expected=np.full(24, 0.5), answered=np.array([]), refused=words)
    (verdict,) = goldens.CHECK.judge(replace(healthy(), staging=refused))
    assert verdict.ruling == "fail"
    assert "refuses it: this node computes another m than was trained: 1 diff" in verdict.reason
    assert verdict.reason.endswith("golden requests golden request (n=24)")


def test_a_server_that_answered_some_is_an_error() -> None:
    """A missing answer is not a right one."""
    partly = Staging(expected=np.full(24, 0.5), answered=np.full(23, 0.5))
    assert "answered 23 of 24" in goldens.CHECK.judge(replace(healthy(), staging=partly))[0].reason


def test_rows_from_before_the_training_sets_end_do_not_count() -> None:
    """A model judged on what it has seen looks better than it will be."""
    training = healthy().training
    assert training is not None
    seen = replace(healthy(), training=replace(training, until=JULY + timedelta(hours=2)))
    verdict = later_rows.CHECK.judge(seen)[0]
    assert (verdict.ruling, verdict.measured) == ("fail", -2.0)


def test_a_slice_whose_scores_mean_something_else_is_named() -> None:
    """One carrier is answered 15 points too high; the other slices are not named."""
    holdout = healthy().holdout
    assert holdout is not None
    scores = np.clip(holdout.candidate + 0.15 * (holdout.slices["carrier"] == "B6"), 0.0, 1.0)
    found = calibration.CHECK.judge(with_scores(candidate=scores))[0]
    assert next(entry["slice"] for entry in found.evidence["slices"] if entry["differs"]) == "carrier=B6"
    assert "surely otherwise in carrier=B6" in found.reason
    assert "surely otherwise" not in calibration.CHECK.judge(healthy())[0].reason


def sampled() -> Evidence:
    """One row without the outcome in ten is kept, and stands for ten."""
    holdout = healthy().holdout
    assert holdout is not None
    kept = (holdout.labels == 1.0) | (np.arange(holdout.n) % 10 == 0)
    columns = ("labels", "days", "candidate", "champion", "baseline")
    rows = {name: getattr(holdout, name)[kept] for name in columns}
    weights = np.where(rows["labels"] == 1.0, 1.0, 10.0)
    return replace(healthy(), limits={}, holdout=replace(holdout, **rows, slices={}, weights=weights))


def test_the_reliability_picture_counts_rows_as_many_as_they_stand_for() -> None:
    """In a sampled history the rate of the rows is far above the scores, which are right among all rows."""
    drawn, whole = (calibration.CHECK.judge(given)[0] for given in (sampled(), healthy()))
    for tenth in drawn.evidence["tenths"]:
        assert tenth["rate"] == pytest.approx(tenth["score"], abs=0.15)
        assert tenth["low"] <= tenth["rate"] <= tenth["high"]
    assert drawn.limit == "<= 0.13"
    assert whole.measured is not None


def test_a_slice_of_rows_that_weigh_nothing_does_not_surely_differ() -> None:
    """Nothing is known of it."""
    holdout = healthy().holdout
    assert holdout is not None
    weightless = replace(holdout, weights=np.where(holdout.slices["carrier"] == "EV", 0.0, 1.0))
    found = calibration.CHECK.judge(replace(healthy(), holdout=weightless))[0]
    assert "carrier=EV" not in found.reason
    assert not any(each["differs"] for each in found.evidence["slices"] if each["slice"] == "carrier=EV")
