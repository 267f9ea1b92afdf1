"""NDCG within groups, beside scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from roadworthy.errors import TooFewSamples
from roadworthy.stats.ranking import ndcg_of_groups


def test_ndcg_is_scikit_learns_group_by_group_with_and_without_ties() -> None:
    """Witness: sklearn.metrics.ndcg_score, which shares discounts among ties as well."""
    chance = np.random.default_rng(1)
    groups = chance.permutation(np.repeat([4, 9, 2], [12, 5, 30]))
    scores = chance.integers(0, 5, groups.size) / 5.0
    gains = (chance.uniform(size=groups.size) < 0.4).astype(np.float64)
    kinds, found = ndcg_of_groups(scores, gains, groups)
    for group, value in zip(kinds, found, strict=True):
        held = groups == group
        assert value == pytest.approx(ndcg_score([gains[held]], [scores[held]], k=10))


def test_groups_without_anything_to_rank_are_left_out() -> None:
    """All alike, or alone: any order is perfect and says nothing."""
    groups = np.array([0, 0, 1, 1, 2])
    gains = np.array([1.0, 1.0, 0.0, 1.0, 1.0])
    kinds, _ = ndcg_of_groups(np.arange(5.0), gains, groups)
    assert kinds.tolist() == [1]
    with pytest.raises(TooFewSamples, match="no group of 2"):
        ndcg_of_groups(np.arange(2.0), np.ones(2), np.array([0, 1]))


def test_nan_scores_are_refused() -> None:
    """A number that is none has no place in an order."""
    with pytest.raises(ValueError, match="finite"):
        ndcg_of_groups(np.array([0.1, np.nan]), np.array([0.0, 1.0]), np.array([0, 0]))
