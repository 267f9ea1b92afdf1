"""The confidence sequence keeps its promise when it is looked at after every block."""

from __future__ import annotations

import numpy as np
import pytest

from roadworthy.errors import TooFewSamples
from roadworthy.stats.sequential import confidence_sequence, normal_mixture_boundary


def test_looking_after_every_block_raises_at_most_the_stated_share_of_false_alarms() -> None:
    """Of 1,000 sequences of 200 blocks at most 5 % ever exclude the truth; a plain 95 % interval does in half."""
    chance = np.random.default_rng(11)
    values = chance.normal(0.3, 0.2, size=(1_000, 200))
    ever = sum(bool(confidence_sequence(row, 0.2**2).excludes(0.3).any()) for row in values)
    means = values.cumsum(axis=1) / np.arange(1, 201)
    naive = (np.abs(means - 0.3) > 1.96 * 0.2 / np.sqrt(np.arange(1, 201))).any(axis=1).sum()
    assert ever / 1_000 <= 0.05
    assert naive / 1_000 > 0.3


def test_blocks_of_unequal_precision_keep_the_promise() -> None:
    """Small days count less; the share of false alarms stays below 10 % at level 0.9."""
    chance = np.random.default_rng(12)
    spread = chance.uniform(0.1, 0.5, 60)
    ever = 0
    for _ in range(500):
        ever += bool(
            confidence_sequence(chance.normal(0.0, spread), spread**2, level=0.9).excludes(0.0).any()
        )
    assert ever / 500 <= 0.1


def test_a_real_shift_is_found() -> None:
    """A mean of one standard deviation is excluded within 30 blocks nearly always."""
    chance = np.random.default_rng(13)
    found = [confidence_sequence(chance.normal(1.0, 1.0, 30), 1.0).excludes(0.0).any() for _ in range(100)]
    assert np.mean(found) > 0.9


def test_the_boundary_is_lowest_where_it_was_tuned() -> None:
    """Relative to the square root of time; tuning elsewhere is worse there."""
    at = np.array([50.0])
    tuned = normal_mixture_boundary(at, 0.05, 50.0)[0]
    assert tuned < normal_mixture_boundary(at, 0.05, 25.0)[0]
    assert tuned < normal_mixture_boundary(at, 0.05, 100.0)[0]


def test_the_mixture_martingale_stands_at_one_over_alpha_on_the_boundary() -> None:
    """The closed form solves sqrt(rho / (V + rho)) * exp(S^2 / (2 (V + rho))) = 1 / alpha, for some rho."""
    time = np.array([1.0, 10.0, 100.0])
    bound = normal_mixture_boundary(time, 0.05, 10.0)
    rhos = np.linspace(0.5, 3.0, 200_001)
    first = np.sqrt(rhos / (time[0] + rhos)) * np.exp(bound[0] ** 2 / (2 * (time[0] + rhos)))
    rho = rhos[np.abs(first - 20.0).argmin()]
    martingale = np.sqrt(rho / (time + rho)) * np.exp(bound**2 / (2 * (time + rho)))
    assert martingale == pytest.approx([20.0, 20.0, 20.0], rel=1e-3)


def test_intervals_narrow_and_centre_on_the_weighted_mean() -> None:
    """A block of half the variance counts twice."""
    found = confidence_sequence(np.array([0.0, 3.0]), np.array([1.0, 0.5]))
    assert found.value.tolist() == pytest.approx([0.0, 2.0])
    assert found.high[1] - found.low[1] < found.high[0] - found.low[0]


def test_malformed_arguments_are_refused() -> None:
    """No blocks, NaN, a variance of 0, a level of 95."""
    with pytest.raises(TooFewSamples):
        confidence_sequence(np.array([]), 1.0)
    with pytest.raises(ValueError, match="finite"):
        confidence_sequence(np.array([np.nan]), 1.0)
    with pytest.raises(ValueError, match="above 0"):
        confidence_sequence(np.array([1.0]), 0.0)
    with pytest.raises(ValueError, match="level"):
        confidence_sequence(np.array([1.0]), 1.0, level=95)
