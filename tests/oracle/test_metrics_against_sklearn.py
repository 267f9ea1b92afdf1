"""Other libraries as witnesses of the numbers: scikit-learn, SciPy and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from sklearn import metrics as witness
from sklearn.calibration import calibration_curve
from statsmodels.stats.weightstats import DescrStatsW

from roadworthy.stats import metrics
from roadworthy.stats.distance import jensen_shannon
from roadworthy.stats.resampling import block_interval


@st.composite
def scored(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Scores with and without ties, and outcomes of both kinds."""
    rows = draw(st.integers(2, 400))
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    p = np.round(chance.uniform(size=rows), draw(st.sampled_from([0, 1, 2, 16])))
    y = (chance.uniform(size=rows) < draw(st.sampled_from([0.02, 0.3, 0.9]))) * 1.0
    y[:2] = 0.0, 1.0
    return p, y


@given(scored())
def test_auc_is_scikit_learns(data) -> None:
    """Ties included."""
    p, y = data
    assert metrics.auc(p, y) == pytest.approx(witness.roc_auc_score(y, p), abs=1e-12)


@given(scored())
def test_log_loss_and_brier_are_scikit_learns(data) -> None:
    """Certain and wrong answers included."""
    p, y = data
    assert metrics.log_loss(p, y) == pytest.approx(witness.log_loss(y, p), rel=1e-9)
    assert metrics.brier(p, y) == pytest.approx(witness.brier_score_loss(y, p), abs=1e-12)


@given(scored(), st.floats(0.05, 0.95))
def test_the_confusion_matrix_is_scikit_learns(data, threshold) -> None:
    """Precision, recall and F1 too, where they exist."""
    p, y = data
    counts = metrics.confusion(p, y, threshold)
    called = (p >= threshold) * 1.0
    expected = witness.confusion_matrix(y, called)
    assert [
        [counts.true_negatives, counts.false_positives],
        [counts.false_negatives, counts.true_positives],
    ] == (expected.tolist())
    assert counts.accuracy == pytest.approx(witness.accuracy_score(y, called))
    assert counts.recall == pytest.approx(witness.recall_score(y, called))
    if counts.precision is not None:
        assert counts.precision == pytest.approx(witness.precision_score(y, called))
    assert counts.f1 == pytest.approx(witness.f1_score(y, called))


def test_calibration_error_is_the_weighted_gap_of_scikit_learns_calibration_curve() -> None:
    """Its curve gives the bins' rates and mean scores; the weights are the bins' shares."""
    chance = np.random.default_rng(5)
    p = chance.beta(2, 5, 5_000)
    y = (chance.uniform(size=p.size) < p**1.3) * 1.0
    rates, scores = calibration_curve(y, p, n_bins=15)
    sizes = np.histogram(p, np.linspace(0, 1, 16))[0]
    expected = (np.abs(rates - scores) * sizes[sizes > 0]).sum() / p.size
    assert metrics.calibration_error(p, y) == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=20))
def test_jensen_shannon_is_scipys(counts) -> None:
    """In base 2, as a distance."""
    p, q = np.array(counts).T
    if p.sum() and q.sum():
        assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q, base=2), abs=1e-7)


def test_the_interval_of_a_mean_over_days_of_one_row_is_students() -> None:
    """With independent normal rows the widened percentile interval agrees with statsmodels' t interval within 10 %."""
    values = np.random.default_rng(8).normal(5.0, 2.0, 40)
    found = block_interval(values, np.arange(40), np.random.default_rng(1), resamples=20_000)
    low, high = DescrStatsW(values).tconfint_mean()
    assert found.high - found.low == pytest.approx(high - low, rel=0.1)
