"""The weekly table: Mondays, intervals from days, and no interval where there are too few."""

from __future__ import annotations

import pytest

from monitored_days import days
from roadworthy.monitoring.calibration import together
from roadworthy.monitoring.watch import date
from roadworthy.monitoring.weekly import weekly

HELD = days(28, seed=12)


def test_weeks_begin_on_mondays_and_hold_every_row() -> None:
    """28 days from a Friday touch five weeks."""
    table = weekly(HELD)
    assert [week.start % 7 for week in table] == [4] * 5  # day 4 of 1970 was a Monday
    assert date(4) == "1970-01-05"
    assert sum(week.n for week in table) == sum(day.labels.n for day in HELD)


def test_the_numbers_are_those_of_the_added_days() -> None:
    """Witness: the sum of the week's day statistics."""
    week = weekly(HELD)[1]
    labels = together([day for day in HELD if week.start <= day.day < week.start + 7])
    assert week.gap == pytest.approx(labels.gap)
    assert week.auc == pytest.approx(labels.auc)


def test_intervals_hold_the_value_and_widen_with_inflation_and_level() -> None:
    """Bad days that come together make a week's mean less sure than its seven days look."""
    week, wide, sure = weekly(HELD)[1], weekly(HELD, inflation=3.0)[1], weekly(HELD, level=0.99)[1]
    assert week.gap_low is not None
    assert week.gap_high is not None
    assert wide.gap_low is not None
    assert sure.gap_low is not None
    assert week.gap_low < week.gap < week.gap_high
    assert week.gap - wide.gap_low == pytest.approx((week.gap - week.gap_low) * 3**0.5)
    assert sure.gap_low < week.gap_low


def test_two_days_have_no_interval() -> None:
    """Between-day variance of two days is a guess."""
    (week,) = weekly(HELD[3:5])
    assert (week.days, week.gap_low, week.auc_low) == (2, None, None)


def test_the_interval_is_between_day_and_not_binomial() -> None:
    """The reason for this module: days differ by more than their rows' chance."""
    widths, binomial = [], []
    for week in weekly(days(140, seed=14)):
        if week.days == 7 and week.gap_low is not None:
            widths.append(week.gap - week.gap_low)
            binomial.append(1.96 * (week.observed * (1 - week.observed) / week.n) ** 0.5)
    assert sum(widths) > 1.5 * sum(binomial)
