"""Thresholds learned from days: they hold their budget and know that bad days come together."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import gumbel_r

from roadworthy.monitoring.null import (
    LEAST_REFERENCE_DAYS,
    Series,
    autoregression,
    autoregressive,
    learn,
    rare_quantile,
)


def series(length: int, memory: float, seed: int, spread: float = 0.4) -> Series:
    """An autoregressive series with sampling variance a tenth of its own."""
    noise = np.random.default_rng(seed).standard_normal(length + 50)
    value = np.asarray(lfilter([1.0], [1.0, -memory], noise))[50:] * spread
    return Series(np.arange(length), value, np.full(length, spread**2 / 10))


def test_bad_days_that_come_together_widen_the_weeks_not_the_days() -> None:
    """With memory 0.5 a week's mean varies as if it had a third of the days: the long-run variance is 3 times."""
    calm = learn(series(400, 0.0, 1), windows=(7,), side="both", per_year=0.2)
    stormy = learn(series(400, 0.5, 1), windows=(7,), side="both", per_year=0.2)
    assert calm is not None
    assert stormy is not None
    assert calm.inflation == pytest.approx(1.0, abs=0.35)
    assert stormy.inflation == pytest.approx(3.0, rel=0.4)
    assert dict(stormy.limits)[7] > 1.4 * dict(calm.limits)[7]


def test_a_healthy_year_crosses_the_threshold_as_rarely_as_promised() -> None:
    """60 healthy years at a budget of 0.2 a year: 12 expected; more than 22 would happen once in 500 times."""
    crossed = 0
    for seed in range(60):
        whole = series(180 + 365, 0.5, 100 + seed)
        past = Series(whole.days[:180], whole.value[:180], whole.variance[:180])
        null = learn(past, windows=(7, 28, 91), side="both", per_year=0.2)
        assert null is not None
        crossed += any(score.beyond > 1 for day in range(180, 545, 3) for score in null.score(whole, day))
    assert 1 <= crossed <= 22


def test_a_binomial_threshold_would_break_the_promise_every_month() -> None:
    """The claim of this module: rows alone say nothing about how much healthy weeks differ."""
    whole = series(180 + 365, 0.5, 7)
    binomial = 4.0 * np.sqrt(whole.variance[0] / 100 / 7)  # 4 standard errors of a week of 1,000 rows
    weeks = np.abs(whole.value[180:].reshape(-1)[: 52 * 7].reshape(52, 7).mean(axis=1))
    assert (weeks > binomial).sum() > 12


def test_a_lasting_shift_is_found_in_the_long_window_first() -> None:
    """Half a standard deviation cannot be seen in a week, and must not be missed over a quarter."""
    past = series(180, 0.3, 9)
    null = learn(past, windows=(7, 28, 91), side="both", per_year=0.2)
    assert null is not None
    later = series(91, 0.3, 10)
    shifted = Series(later.days, later.value + 0.6 * past.value.std() - later.value.mean(), later.variance)
    scores = {score.window: score.beyond for score in null.score(shifted, 90)}
    assert scores[91] > 1.0
    assert scores[91] > scores[28]


def test_never_seen_is_not_impossible() -> None:
    """A constant reference gets the sampling variance, so one odd row in a thousand is no alarm; many are."""
    constant = Series(np.arange(180), np.zeros(180), np.full(180, 0.01))
    null = learn(constant, windows=(1,), side="above", per_year=0.01)
    assert null is not None
    (few,) = null.score(Series(np.array([200]), np.array([0.2]), np.array([0.01])), 200)
    (many,) = null.score(Series(np.array([200]), np.array([1.5]), np.array([0.01])), 200)
    assert few.beyond < 1.0 < many.beyond


def test_two_odd_days_do_not_put_the_threshold_out_of_reach() -> None:
    """A tail extrapolated from two outages would allow nearly everything; the cap keeps an alarm possible."""
    value = np.zeros(180)
    value[[40, 90]] = 0.3
    odd = Series(np.arange(180), value, np.full(180, 1e-3))
    today = Series(np.array([200]), np.array([1.1]), np.array([1e-3]))
    free = learn(odd, windows=(1,), side="above", per_year=0.004)
    capped = learn(odd, windows=(1,), side="above", per_year=0.004, cap=0.8)
    assert free is not None
    assert capped is not None
    assert free.score(today, 200)[0].beyond < 1.0 < capped.score(today, 200)[0].beyond


def test_slow_swings_that_an_autoregression_misses_widen_the_long_windows() -> None:
    """Two months up and two months down: next day's memory is small, a quarter's mean is not."""
    noise = series(360, 0.0, 3, spread=1.0)
    slow = 0.5 * np.sin(np.arange(360) * 2 * np.pi / 120)
    swinging = Series(noise.days, noise.value + slow, noise.variance)
    calm = learn(noise, windows=(28,), side="both", per_year=0.2)
    swung = learn(swinging, windows=(28,), side="both", per_year=0.2)
    assert calm is not None
    assert swung is not None
    assert swung.inflation > 1.2 * calm.inflation
    assert dict(swung.limits)[28] > dict(calm.limits)[28]


def test_few_rows_widen_the_limits() -> None:
    """A canary with a twentieth of the traffic is judged with its own noise, not with the champion's."""
    null = learn(series(180, 0.0, 2), windows=(7,), side="both", per_year=0.1)
    assert null is not None
    value = np.full(7, 0.8)
    (busy,) = null.score(Series(np.arange(7), value, np.full(7, 0.01)), 6)
    (quiet,) = null.score(Series(np.arange(7), value, np.full(7, 1.0)), 6)
    assert quiet.beyond < busy.beyond / 2


def test_a_few_very_unsure_days_do_not_make_the_others_look_sure() -> None:
    """Every seventh day with a sampling variance of 20: the other days still differ by what they differ by."""
    calm = series(180, 0.0, 2)
    unsure = np.where(calm.days % 7 == 0, 20.0, 1e-4)
    null = learn(Series(calm.days, calm.value, unsure), windows=(1,), side="above", per_year=0.1)
    assert null is not None
    sure = calm.value[unsure < 1.0]
    assert sure.std() / np.sqrt(null.between) == pytest.approx(1.0, abs=0.15)


def test_a_window_with_too_few_days_is_not_judged() -> None:
    """Half of the days must be there."""
    null = learn(series(180, 0.0, 2), windows=(7, 28), side="both", per_year=0.1)
    assert null is not None
    held = Series(np.arange(5), np.zeros(5), np.full(5, 0.01))
    assert [score.window for score in null.score(held, 4)] == [7]
    assert null.score(held, 40) == []


def test_the_side_that_is_not_watched_never_fires() -> None:
    """A performance that rises is no loss."""
    null = learn(series(180, 0.0, 2), windows=(1,), side="below", per_year=0.1)
    assert null is not None
    (score,) = null.score(Series(np.array([0]), np.array([99.0]), np.array([0.01])), 0)
    assert score.beyond < 0
    assert np.isinf(score.high)


def test_a_short_reference_teaches_nothing() -> None:
    """Under four weeks of days there is no threshold, rather than a bold one."""
    short = series(LEAST_REFERENCE_DAYS - 1, 0.0, 1)
    assert learn(short, windows=(1,), side="both", per_year=0.1) is None


def test_learning_is_repeatable() -> None:
    """Two runs decide the same."""
    first = learn(series(180, 0.4, 4), windows=(1, 7), side="both", per_year=0.05)
    assert first == learn(series(180, 0.4, 4), windows=(1, 7), side="both", per_year=0.05)


def test_autoregression_finds_order_and_coefficients() -> None:
    """Witness: the coefficients that the series was made with."""
    noise = np.random.default_rng(1).standard_normal(5_050)
    made = np.asarray(lfilter([1.0], [1.0, -0.5, 0.3], noise))[50:]
    found = autoregression((made - made.mean()) / made.std())
    assert found.size == 2
    assert found == pytest.approx([0.5, -0.3], abs=0.04)


def test_rare_quantiles_reach_beyond_the_drawn_years() -> None:
    """Witness: SciPy's Gumbel distribution, from 480 of whose draws the 1-in-250 quantile is asked."""
    drawn = gumbel_r.rvs(loc=3.0, scale=0.4, size=480, random_state=1)
    assert rare_quantile(drawn, 0.004) == pytest.approx(gumbel_r.ppf(0.996, 3.0, 0.4), rel=0.12)
    assert rare_quantile(drawn, 0.2) == pytest.approx(gumbel_r.ppf(0.8, 3.0, 0.4), rel=0.05)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_worlds_with_a_memory_are_those_of_a_linear_filter(order: int) -> None:
    """To the bit, row by row, where the days are fewer than the lags too; the witness is scipy.signal.lfilter."""
    chance = np.random.default_rng(order)
    coefficients = chance.normal(0.0, 0.2, (7, order))
    for days in (1, 3, 90):
        draws = chance.standard_normal((7, days))
        witness = [
            lfilter([1.0], [1.0, *-memory], row) for row, memory in zip(draws, coefficients, strict=True)
        ]
        np.testing.assert_array_equal(autoregressive(draws, coefficients), witness)
