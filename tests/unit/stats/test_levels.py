"""Scores of two versions are compared at one level."""

from __future__ import annotations

import numpy as np
import pytest

from roadworthy.stats.levels import levelled


@pytest.mark.parametrize("mean", [1e-6, 0.03, 0.5, 0.999])
def test_the_mean_is_the_one_asked_for_and_the_order_stays(mean: float) -> None:
    """Every row moves by the same number of logits, scores of exactly 0 and 1 too."""
    scores = np.concatenate([[0.0, 1.0], np.random.default_rng(1).uniform(size=500)])
    found = levelled(scores, mean)
    assert found.mean() == pytest.approx(mean, rel=1e-6)
    assert (np.argsort(found, kind="stable") == np.argsort(scores, kind="stable")).all()


def test_rows_count_as_much_as_they_weigh() -> None:
    """A row of weight 3 is three rows."""
    scores, weights = np.array([0.1, 0.5, 0.9]), np.array([3.0, 1.0, 0.0])
    assert levelled(scores, 0.4, weights)[:2] == pytest.approx(
        levelled(np.array([0.1, 0.1, 0.1, 0.5]), 0.4)[[0, 3]]
    )


def test_no_rows_stay_none_and_a_mean_that_no_scores_have_is_come_near_to() -> None:
    """Whoever compares scores that are all 0 is not refused."""
    assert levelled(np.empty(0), 0.3).size == 0
    assert levelled(np.array([0.2, 0.4]), 0.0).max() < 1e-8
    assert levelled(np.array([0.2, 0.4]), 1.0).min() > 1 - 1e-8
