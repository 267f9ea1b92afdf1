"""Published examples with their exact inputs; where the source prints a slip, the right number stands here."""

from __future__ import annotations

import numpy as np
import pytest

from roadworthy.stats import metrics
from roadworthy.stats.agreement import cohen_kappa, observed_agreement
from roadworthy.stats.metrics import Confusion


def test_the_published_confusion_matrix_gives_these_ratios() -> None:
    """1,000 rows, TN 905, FP 9, FN 18, TP 68. The source prints a precision of 89.2 %; 68/77 is 88.3 %."""
    counts = Confusion(true_negatives=905, false_positives=9, false_negatives=18, true_positives=68)
    assert counts.n == 1_000
    assert counts.precision == 68 / 77
    assert counts.recall == 68 / 86
    assert round(counts.precision, 4) == 0.8831
    assert round(counts.recall, 4) == 0.7907
    assert counts.f1 == pytest.approx(0.8344, abs=5e-5)
    assert counts.accuracy == 0.973


@pytest.mark.parametrize(("precision", "recall", "f1"), [(0.883, 0.791, 0.834), (0.970, 0.073, 0.136)])
def test_f1_is_the_harmonic_mean(precision, recall, f1) -> None:
    """Counts of these ratios give the published harmonic means of 83.4 % and 13.6 %."""
    true_positives = round(1_000_000 * recall)
    false_positives = round(true_positives / precision) - true_positives
    counts = Confusion(
        true_negatives=0,
        false_positives=false_positives,
        false_negatives=1_000_000 - true_positives,
        true_positives=true_positives,
    )
    assert counts.precision == pytest.approx(precision, abs=1e-5)
    assert round(counts.f1, 3) == f1


def test_an_inspector_reaches_this_much_of_the_truth() -> None:
    """Human-level performance: truth 1 1 1 0 0 0, inspector 1 0 1 0 0 1. They agree in 4 of 6; Cohen's kappa 1/3."""
    truth, inspector = np.array([1, 1, 1, 0, 0, 0]), np.array([1, 0, 1, 0, 0, 1])
    assert observed_agreement(truth, inspector) == 4 / 6
    assert cohen_kappa(truth, inspector) == pytest.approx(1 / 3)


def test_a_model_that_always_says_a_quarter_is_worth_this_much() -> None:
    """AUC 0.5, p50 = p99 = 0.25; at a base rate of 0.25 log loss 0.5623 and Brier 0.1875."""
    p, y = np.full(1_000, 0.25), np.repeat([1.0, 0.0], [250, 750])
    assert metrics.auc(p, y) == 0.5
    assert np.quantile(p, [0.5, 0.99]).tolist() == [0.25, 0.25]
    assert round(metrics.log_loss(p, y), 4) == 0.5623
    assert metrics.brier(p, y) == 0.1875
    assert metrics.calibration_error(p, y) == 0.0
