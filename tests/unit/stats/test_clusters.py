"""Means of many groups with errors over days, and which of many tests to believe."""

from __future__ import annotations

import numpy as np
import pytest

from roadworthy.stats.clusters import false_discoveries, group_means
from roadworthy.stats.resampling import block_interval


def test_the_error_of_a_group_is_what_resampling_its_days_gives() -> None:
    """Witness: the bootstrap over days of `block_interval`, on days of different size and level."""
    chance = np.random.default_rng(3)
    days = np.repeat(np.arange(60), chance.integers(5, 60, 60))
    values = chance.normal(0.0, 1.0, days.size) + chance.normal(0.0, 0.5, 60)[days]
    groups = chance.integers(-1, 2, days.size)
    found = group_means(values, groups, days, 2)
    for group in (0, 1):
        held = groups == group
        slow = block_interval(values[held], days[held], chance, resamples=4_000)
        assert found.value[group] == pytest.approx(slow.value)
        low, high = found.interval(group)
        assert high - low == pytest.approx(slow.high - slow.low, rel=0.1)


def test_rows_of_one_day_are_not_taken_for_independent() -> None:
    """A hundred copies of each row make no mean surer."""
    days = np.arange(12)
    values = np.random.default_rng(1).normal(size=12)
    once = group_means(values, np.zeros(12, dtype=np.int64), days, 1)
    often = group_means(np.repeat(values, 100), np.zeros(1_200, dtype=np.int64), np.repeat(days, 100), 1)
    assert often.error == pytest.approx(once.error)


def test_a_weight_of_two_is_a_row_twice_and_one_day_knows_no_error() -> None:
    """Weighted by hand; an unknown error never makes a mean sure."""
    values, days = np.array([1.0, 4.0, 2.0]), np.array([0, 1, 1])
    found = group_means(values, np.array([0, 0, 1]), days, 3, np.array([2.0, 1.0, 1.0]))
    assert found.value[:2].tolist() == [2.0, 2.0]
    assert np.isnan(found.value[2])
    assert np.isinf(found.error[1:]).all()
    assert found.above(-10.0)[1:].tolist() == [1.0, 1.0]


def test_a_true_bound_is_exceeded_as_often_as_chance_allows() -> None:
    """Over 400 groups whose true mean is the bound, 5 % of the chances are below 5 %, about."""
    chance = np.random.default_rng(5)
    groups, days = np.repeat(np.arange(400), 280), np.tile(np.repeat(np.arange(28), 10), 400)
    values = chance.normal(0.3, 1.0, groups.size) + np.repeat(chance.normal(0.0, 0.3, 400 * 28), 10)
    below = (group_means(values, groups, days, 400).above(0.3) < 0.05).mean()
    assert 0.02 < below < 0.08


def test_false_discoveries_are_held_as_by_hand() -> None:
    """Benjamini and Hochberg's own example: four of fifteen are believed at 5 %."""
    chances = np.array(
        [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
         0.7590, 1.0000]
    )  # fmt: skip
    assert false_discoveries(chances, 0.05).sum() == 4
    assert false_discoveries(chances[::-1], 0.05).tolist() == false_discoveries(chances, 0.05)[::-1].tolist()
    assert false_discoveries(np.empty(0), 0.05).size == 0


def test_a_mean_of_rows_that_weigh_nothing_is_apart_from_nothing() -> None:
    """Where nothing is known, no distance is unlikely; elsewhere either side counts."""
    days, groups = np.tile(np.arange(10), 3), np.repeat([0, 1, 2], 10)
    values = np.where(groups == 1, -2.0, 2.0) + np.random.default_rng(1).normal(0.0, 0.5, 30)
    found = group_means(values, groups, days, 3, np.where(groups == 2, 0.0, 1.0))
    high, low, unknown = found.apart(0.0)
    assert (high < 0.001, low < 0.001, unknown) == (True, True, 1.0)
