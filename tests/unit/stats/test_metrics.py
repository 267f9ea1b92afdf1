"""Metrics on inputs small enough to check by hand; other libraries are witnesses in tests/oracle."""

from __future__ import annotations

import numpy as np
import pytest

from roadworthy.errors import TooFewSamples
from roadworthy.stats import metrics

EVERY = (metrics.auc, metrics.log_loss, metrics.brier, metrics.calibration_error, metrics.calibration_gap)


@pytest.mark.parametrize("metric", EVERY)
def test_a_probability_that_is_nan_names_its_row(metric) -> None:
    """One NaN is never averaged away."""
    p = np.full(200, 0.5)
    p[17] = np.nan
    with pytest.raises(ValueError, match=r"got nan in row 17 \(1 of 200 rows\)"):
        metric(p, np.arange(200) % 2.0)


@pytest.mark.parametrize("metric", EVERY)
def test_an_outcome_between_0_and_1_is_refused(metric) -> None:
    """Labels are outcomes, not rates; a NaN label is no outcome either."""
    for wrong in (0.5, np.nan):
        y = np.arange(200) % 2.0
        y[3] = wrong
        with pytest.raises(ValueError, match=r"outcomes 0 or 1.*row 3"):
            metric(np.full(200, 0.5), y)


@pytest.mark.parametrize("metric", EVERY)
def test_a_probability_outside_0_to_1_is_refused(metric) -> None:
    """A score that is no probability has no log loss."""
    with pytest.raises(ValueError, match="probabilities in"):
        metric(np.full(200, 1.5), np.arange(200) % 2.0)


@pytest.mark.parametrize("metric", EVERY)
def test_no_rows_give_no_number(metric) -> None:
    """Nothing measured is an error of its own, not 0."""
    with pytest.raises(TooFewSamples):
        metric(np.array([]), np.array([]))


@pytest.mark.parametrize("metric", EVERY)
def test_arrays_of_different_length_are_refused(metric) -> None:
    """Rows belong together one by one."""
    with pytest.raises(ValueError, match="equally long"):
        metric(np.full(200, 0.5), np.ones(199))


@pytest.mark.parametrize("metric", EVERY)
def test_metrics_do_not_change_their_inputs(metric) -> None:
    """What was measured can be measured again."""
    p, y = np.linspace(0.0, 1.0, 200), np.arange(200) % 2.0
    before = p.copy(), y.copy()
    metric(p, y)
    assert np.array_equal(p, before[0])
    assert np.array_equal(y, before[1])


def test_auc_without_one_of_the_outcomes_does_not_exist() -> None:
    """With positives only there is no pair to rank."""
    with pytest.raises(TooFewSamples, match="both outcomes"):
        metrics.auc(np.linspace(0, 1, 10), np.ones(10))


def test_auc_counts_a_tie_as_one_half() -> None:
    """Of four pairs two are right, one tied, one wrong: (2 + 1/2) / 4."""
    assert metrics.auc(np.array([0.1, 0.5, 0.5, 0.3]), np.array([0.0, 0.0, 1.0, 1.0])) == 2.5 / 4


def test_auc_turns_round_when_scores_do() -> None:
    """Ranking backwards gives one minus the area."""
    p, y = np.array([0.1, 0.2, 0.3, 0.9]), np.array([0.0, 1.0, 0.0, 1.0])
    assert metrics.auc(p, y) == pytest.approx(1 - metrics.auc(1 - p, y))


def test_a_certain_and_wrong_answer_costs_36_nats_and_not_infinity() -> None:
    """One such row must not hide all others."""
    assert metrics.log_loss(np.array([1.0]), np.array([0.0])) == pytest.approx(36.04, abs=0.01)


def test_calibration_error_needs_ten_rows_a_bin() -> None:
    """With fewer rows the error is mostly chance."""
    with pytest.raises(TooFewSamples, match="at least 150 rows, got 149"):
        metrics.calibration_error(np.full(149, 0.5), np.arange(149) % 2.0)


def test_a_probability_of_one_belongs_to_the_last_bin() -> None:
    """No row falls out of the picture."""
    assert metrics.bin_of(np.array([0.0, 0.1, 0.999, 1.0]), 10).tolist() == [0, 1, 9, 9]


def test_calibration_errors_of_opposite_sign_do_not_cancel() -> None:
    """A gap of +0.1 in one bin and -0.1 in another is an error of 0.1, and a gap of 0."""
    p = np.repeat([0.2, 0.8], 100)
    y = np.concatenate([np.repeat([1.0, 0.0], [30, 70]), np.repeat([1.0, 0.0], [70, 30])])
    assert metrics.calibration_error(p, y) == pytest.approx(0.1)
    assert metrics.calibration_gap(p, y) == pytest.approx(0.0)


def test_confusions_add_to_the_confusion_of_all_rows() -> None:
    """Counting files apart and adding is counting once."""
    chance = np.random.default_rng(3)
    p, y = chance.uniform(size=500), (chance.uniform(size=500) < 0.3) * 1.0
    parts = metrics.confusion(p[:200], y[:200], 0.4) + metrics.confusion(p[200:], y[200:], 0.4)
    assert parts == metrics.confusion(p, y, 0.4)
    assert parts.n == 500


def test_a_row_that_stands_for_ten_is_counted_ten_times() -> None:
    """Thinned negatives are as many false alarms as they were."""
    counts = metrics.confusion(
        np.array([0.9, 0.9, 0.1]), np.array([1.0, 0.0, 0.0]), 0.5, np.array([1.0, 10.0, 10.0])
    )
    assert (counts.true_positives, counts.false_positives, counts.true_negatives) == (1, 10, 10)


def test_precision_without_positive_calls_is_none() -> None:
    """0/0 is not 0: nothing was called positive, so nothing is known."""
    counts = metrics.confusion(np.array([0.1, 0.2]), np.array([0.0, 0.0]), 0.5)
    assert counts.precision is None
    assert counts.recall is None
    assert counts.f1 is None
    assert counts.accuracy == 1.0
