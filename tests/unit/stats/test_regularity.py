"""Days are odd beside the same weekdays around them, and nothing is odd where volume is wild."""

from __future__ import annotations

import numpy as np
import pytest

from roadworthy.stats.rates import odd_rates, odds_change
from roadworthy.stats.regularity import odd_days


def weeks(count: int = 12) -> np.ndarray:
    """Days with quiet weekends, varying a little."""
    chance = np.random.default_rng(2)
    days = np.arange(count * 7)
    return chance.poisson(np.where(days % 7 >= 5, 120, 400)).astype(np.float64)


def test_weekends_seasons_and_growth_are_not_odd() -> None:
    """A weekday is compared with itself, and with the days around it."""
    days = np.arange(84)
    assert odd_days(weeks()) == []
    assert odd_days(weeks() * np.exp(days / 40)) == []
    assert odd_days(weeks() * (1.5 + np.sin(days / 20))) == []


@pytest.mark.parametrize("before_only", [False, True])
def test_a_day_without_rows_with_few_and_with_twice_as_many_is_odd(before_only: bool) -> None:
    """Each is said, with what is usual then; the last day may be cut and is not judged."""
    rows = weeks()
    rows[60], rows[66], rows[70] = 0, 90, 900
    rows[83] = 5
    found = odd_days(rows, before_only=before_only)
    assert [(each.day, each.kind) for each in found] == [(60, "missing"), (66, "short"), (70, "crowded")]
    assert found[0].usual == pytest.approx(400, rel=0.1)


def test_a_weekday_that_never_has_rows_is_not_missing() -> None:
    """A shop that is closed on Sundays."""
    rows = weeks()
    rows[6::7] = 0
    assert odd_days(rows) == []


def test_where_volume_is_wild_a_short_day_is_usual() -> None:
    """Campaigns come in bursts."""
    chance = np.random.default_rng(3)
    rows = np.round(chance.lognormal(5, 1.5, 200))
    assert [each.kind for each in odd_days(rows)].count("short") == 0


def test_days_that_are_no_counts_are_refused() -> None:
    """A NaN would compare as usual."""
    with pytest.raises(ValueError, match="finite numbers"):
        odd_days([1.0, float("nan")])


def test_a_rate_is_odd_beyond_all_before_and_what_was_odd_is_no_measure() -> None:
    """Or the second broken day would look usual beside the first."""
    hits, rows = [10, 30, 20, 15, 90, 91, 12], [100] * 7
    assert [each.at for each in odd_rates(hits, rows, times=3.0, earlier=4)] == [4, 5]
    assert odd_rates(hits, [40] * 7, times=3.0, earlier=4) == []


def test_a_share_near_one_is_odd_only_when_it_falls_to_a_half() -> None:
    """Its odds would leap at every breath."""
    hits, rows = [990, 999, 985, 998, 850, 400], [1000] * 6
    assert [each.at for each in odd_rates(hits, rows, times=2.0, earlier=4, falls_only=True)] == [5]


def test_days_that_differ_make_a_change_of_odds_less_sure() -> None:
    """The variance is that between days where it is larger than that of chance."""
    rows, now, before = np.full(40, 100.0), slice(20, 40), slice(0, 20)
    calm = np.full(40, 20.0)
    wild = np.tile([5.0, 35.0], 20)
    assert odds_change(rows, calm, now, before)[0] == odds_change(rows, wild, now, before)[0] == 0.0
    assert odds_change(rows, wild, now, before)[1] > 5 * odds_change(rows, calm, now, before)[1]
