"""Intervals over days: exact values, honest coverage, speed, and refusals."""

from __future__ import annotations

import time

import numpy as np
import pytest

from roadworthy.errors import TooFewSamples
from roadworthy.stats import metrics
from roadworthy.stats.resampling import (
    EXACT,
    METRICS,
    Interval,
    block_interval,
    block_sums,
    difference_interval,
    metric_intervals,
    paired_intervals,
    resampling_weights,
)


def sample(rows: int = 4_000, days: int = 40, seed: int = 1, weather: float = 0.0):
    """Calibrated scores whose days differ by `weather`."""
    chance = np.random.default_rng(seed)
    day = np.sort(chance.integers(0, days, rows))
    p = chance.beta(2, 6, rows)
    moved = np.clip(p + chance.normal(0, weather, days)[day], 0, 1)
    return p, (chance.uniform(size=rows) < moved) * 1.0, day


@pytest.mark.parametrize("name", METRICS)
def test_the_value_of_an_interval_is_exact(name) -> None:
    """Resampling puts a range around the number; it never replaces it."""
    p, y, days = sample()
    found = metric_intervals(p, y, days, np.random.default_rng(1))[name]
    assert found.value == EXACT[name](p, y)
    assert found.low <= found.value <= found.high
    assert found.blocks == 40


@pytest.mark.parametrize("name", METRICS)
def test_sums_per_day_equal_the_slow_resample_of_rows(name) -> None:
    """Weighting the days' sums is the same as repeating the days' rows; scores tie here, so AUC is exact too."""
    p, y, days = sample()
    p = np.round(p, 2)
    weights = resampling_weights(40, 100, np.random.default_rng(5))
    fast = block_sums(p, y, days).resampled(name, weights)
    for resample in range(3):
        rows = np.repeat(np.arange(p.size), weights[resample].astype(int)[days])
        assert fast[resample] == pytest.approx(EXACT[name](p[rows], y[rows]), abs=1e-12)


def test_binning_moves_a_resampled_auc_by_less_than_a_thousandth() -> None:
    """170,000 distinct scores are resampled in 1,024 bins; that must be far below any interval's width."""
    p, y, days = sample(rows=20_000)
    one = np.ones((1, 40))
    assert block_sums(p, y, days).resampled("auc", one)[0] == pytest.approx(metrics.auc(p, y), abs=1e-5)


def test_equal_generators_give_equal_intervals() -> None:
    """A gate that is run twice says the same."""
    p, y, days = sample()
    first = metric_intervals(p, y, days, np.random.default_rng(9))
    assert first == metric_intervals(p, y, days, np.random.default_rng(9))
    assert first != metric_intervals(p, y, days, np.random.default_rng(10))


def test_days_that_differ_widen_the_interval() -> None:
    """Rows of a day share its weather: the interval of the gap is much wider than rows alone would say."""
    p, y, days = sample(weather=0.1)
    by_day = metric_intervals(p, y, days, np.random.default_rng(1))["calibration_gap"]
    by_row = metric_intervals(p, y, np.arange(p.size), np.random.default_rng(1))["calibration_gap"]
    assert by_day.high - by_day.low > 2 * (by_row.high - by_row.low)


def test_the_interval_of_a_gap_holds_the_truth_about_as_often_as_it_says() -> None:
    """95 % intervals over 20 differing days hold the true gap of 0 in 90 to 99 % of 300 repetitions."""
    held = 0
    for seed in range(300):
        p, y, days = sample(rows=2_000, days=20, seed=seed, weather=0.04)
        found = metric_intervals(p, y, days, np.random.default_rng(seed), names=["calibration_gap"])
        held += not found["calibration_gap"].excludes(0.0)
    assert 0.90 <= held / 300 <= 0.99


def test_chance_gaps_do_not_prove_miscalibration() -> None:
    """Calibration error is above 0 by chance alone; a calibrated model is called too large in at most 5 % of cases."""
    wrong = 0
    for seed in range(200):
        p, y, days = sample(rows=1_000, days=20, seed=seed, weather=0.04)
        found = metric_intervals(p, y, days, np.random.default_rng(seed), names=["calibration_error"])
        wrong += found["calibration_error"].low > 0.0
    assert wrong / 200 <= 0.05


def test_a_model_paired_with_itself_differs_by_exactly_nothing() -> None:
    """The A/A comparison is zero, not small."""
    p, y, days = sample()
    for found in paired_intervals(p, p.copy(), y, days, np.random.default_rng(1)).values():
        assert (found.low, found.value, found.high) == (0.0, 0.0, 0.0)


def test_pairing_is_sharper_than_two_intervals() -> None:
    """Both models see the same days, so what the days do cancels."""
    p, y, days = sample(weather=0.1)
    worse = np.clip(p + np.random.default_rng(2).normal(0, 0.05, p.size), 0.001, 0.999)
    alone = metric_intervals(worse, y, days, np.random.default_rng(1))["log_loss"]
    paired = paired_intervals(worse, p, y, days, np.random.default_rng(1))["log_loss"]
    assert paired.high - paired.low < (alone.high - alone.low) / 2
    assert paired.low > 0


def test_fewer_than_five_days_give_no_interval() -> None:
    """Four days say next to nothing about how days differ."""
    p, y, _ = sample()
    with pytest.raises(TooFewSamples, match="at least 5 of them"):
        metric_intervals(p, y, np.arange(p.size) % 4, np.random.default_rng(1))


def test_few_days_give_wider_intervals_than_their_percentiles() -> None:
    """With five days a plain percentile interval is too narrow; Student's t makes up for it."""
    values = np.repeat([0.0, 1.0, 2.0, 3.0, 4.0], 10)
    found = block_interval(values, np.repeat(np.arange(5), 10), np.random.default_rng(1), resamples=2_000)
    assert found.high - found.low > 2 * 1.96 * np.std([0, 1, 2, 3, 4]) / np.sqrt(5)


def test_an_outcome_too_rare_to_resample_is_said_to_be() -> None:
    """When one day holds all positives, many resamples have none and AUC does not exist there."""
    p, _, days = sample()
    y = np.zeros(p.size)
    y[np.flatnonzero(days == 3)[:5]] = 1.0
    with pytest.raises(TooFewSamples, match="too rare"):
        metric_intervals(p, y, days, np.random.default_rng(1), names=["auc"])


def test_blocks_must_be_whole_numbers_of_every_row() -> None:
    """A missing or fractional day is a mistake of the caller."""
    p, y, days = sample()
    for wrong in (days[:-1], days * 1.0):
        with pytest.raises(ValueError, match="whole numbers, one a row"):
            metric_intervals(p, y, wrong, np.random.default_rng(1))


def test_a_level_outside_0_to_1_and_too_few_resamples_are_refused() -> None:
    """95 means nothing; 0.95 does."""
    p, y, days = sample()
    with pytest.raises(ValueError, match="level"):
        metric_intervals(p, y, days, np.random.default_rng(1), level=95)
    with pytest.raises(ValueError, match="resamples"):
        metric_intervals(p, y, days, np.random.default_rng(1), resamples=10)


def test_an_interval_never_leaves_what_the_metric_can_be() -> None:
    """An AUC near 1 has no upper bound above 1, an error near 0 none below 0."""
    chance = np.random.default_rng(4)
    y = np.arange(600) % 2.0
    p = np.clip(y * 0.9 + chance.normal(0.05, 0.12, 600), 0, 1)
    found = metric_intervals(p, y, np.arange(600) // 100, chance)
    assert found["auc"].high <= 1.0
    assert found["calibration_error"].low >= 0.0


def test_half_a_year_of_rows_is_resampled_in_a_moment() -> None:
    """500 resamples of 180 days and 170,000 rows, all metrics, in two seconds of processor time at most."""
    p, y, days = sample(rows=170_000, days=180)
    started = time.process_time()
    metric_intervals(p, y, days, np.random.default_rng(1))
    assert time.process_time() - started < 2.0


def test_an_interval_excludes_what_lies_outside() -> None:
    """Both bounds belong to it."""
    found = Interval(0.2, 0.1, 0.3, 0.95, 10)
    assert found.excludes(0.31)
    assert not found.excludes(0.1)


def test_the_mean_of_any_number_can_have_an_interval() -> None:
    """NaN is refused, nothing is too few."""
    with pytest.raises(ValueError, match="finite"):
        block_interval(np.array([np.nan]), np.array([1]), np.random.default_rng(1))
    with pytest.raises(TooFewSamples):
        block_interval(np.array([]), np.array([], dtype=np.int64), np.random.default_rng(1))


def test_a_row_of_weight_two_is_a_row_twice_and_rows_of_no_weight_are_nobody() -> None:
    """Of a mean, and of a difference of means."""
    chance = np.random.default_rng(2)
    values, days, inside = chance.normal(size=300), np.arange(300) // 10, np.arange(300) % 3 == 0
    weights = chance.integers(1, 4, 300)
    again = np.repeat(np.arange(300), weights)

    def rng() -> np.random.Generator:
        return np.random.default_rng(7)

    once = block_interval(values, days, rng(), weights=weights.astype(np.float64))
    often = block_interval(values[again], days[again], rng())
    assert (once.value, once.low, once.high) == pytest.approx((often.value, often.low, often.high))
    once = difference_interval(values, inside, days, rng(), weights=weights.astype(np.float64))
    often = difference_interval(values[again], inside[again], days[again], rng())
    assert (once.value, once.low, once.high) == pytest.approx((often.value, often.low, often.high))
    with pytest.raises(TooFewSamples, match="weigh nothing"):
        block_interval(values, days, rng(), weights=np.zeros(300))
