"""Drift on days of few rows: sampling alone raises no alarm, and a distribution that moved does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from roadworthy.monitoring import drift
from roadworthy.monitoring.budget import Budget
from roadworthy.monitoring.watch import judge
from roadworthy.monitoring.window import Thresholds
from roadworthy.profiles.cells import CategoryCells
from roadworthy.profiles.reference import Reference
from roadworthy.profiles.summary import DayStatistics, InputSummary, LabelSummary, OutputSummary, Profile

Rows = Callable[[int], float]
Shares = Mapping[str, tuple[float, ...]]

HEALTHY: Shares = {"coin": (0.5, 0.5), "country": (0.45, 0.3, 0.15, 0.1)}
PAST, YEAR = 40, 365


def every_day_thirty(day: int) -> float:
    """About thirty rows a day."""
    return 30.0


def quiet_weekends(day: int) -> float:
    """A sixth of the rows on two days of the week."""
    return 30.0 if day % 7 < 5 else 5.0


def counted(chance: np.random.Generator, day: int, rows: Rows, shares: Shares) -> DayStatistics:
    """A day whose rows are drawn independently."""
    n = max(int(chance.poisson(rows(day))), 1)
    drawn = {name: chance.multinomial(n, share) for name, share in shares.items()}
    inputs = {name: InputSummary(0, (*map(int, each), 0, 0)) for name, each in drawn.items()}
    return DayStatistics(day, Profile(n, inputs, {}, OutputSummary()), 0, LabelSummary())


def alarms(seed: int, rows: Rows, later: Shares, length: int) -> list[tuple[str, int]]:
    """Input and day of each distance found too far in `length` days that follow 40 healthy ones."""
    chance = np.random.default_rng(seed)
    cells = {name: CategoryCells(tuple("abcd"[: len(share)])) for name, share in HEALTHY.items()}
    past = Reference(cells, tuple(counted(chance, day, rows, HEALTHY) for day in range(PAST)))
    days = [counted(chance, day, rows, later) for day in range(PAST, PAST + length)]
    return [
        (watched.key, days[at].day)
        for watched, nulls in Thresholds(past, Budget()).watched("input_distance")
        for at in range(6, length)
        if judge(watched, nulls, past, days[at - 6 : at + 1], days[at].day, "model").ruling == "fail"
    ]


@pytest.mark.parametrize("rows", [every_day_thirty, quiet_weekends])
def test_years_of_few_independent_rows_a_day_stay_within_the_budget(rows: Rows) -> None:
    """Four years, at 0.1 a year: 0.4 expected; four or more would happen once in a thousand times."""
    found = [alarm for seed in range(4) for alarm in alarms(seed, rows, HEALTHY, YEAR)]
    assert len(found) <= 3, f"healthy days found too far: {found}"


@pytest.mark.parametrize(("name", "share"), [("coin", (0.8, 0.2)), ("country", (0.15, 0.25, 0.3, 0.3))])
def test_a_shift_over_a_week_of_few_rows_is_found(name: str, share: tuple[float, ...]) -> None:
    """210 rows are enough to tell a coin that falls on one side four times in five."""
    for seed in range(4):
        moved = alarms(seed, every_day_thirty, {**HEALTHY, name: share}, 7)
        assert name in {each for each, _ in moved}, f"seed {seed}"


def day_by_day(
    days: list[DayStatistics], whole: np.ndarray, typical: float, window: int, own: bool
) -> tuple[list[int], list[float]]:
    """A slow witness of `drift._reader`: days, and the log distance of the window that ends with each."""
    near, held, found = len(days) // 8, [], []
    for at, today in enumerate(days):
        start = min(place for place in range(at + 1) if days[place].day > today.day - window)
        pooled = sum(coins(day) for day in days[start : at + 1])
        around = days[max(start - near, 0) : at + 1 + near]
        rest = whole - sum(coins(day) for day in around) if own else whole
        if at + 1 - start < window or not pooled.sum() or not rest.sum():
            continue
        usual = drift.UNIT * max(((pooled + rest) > 0).sum() - 1, 1)
        fewer = max(usual / pooled.sum() - usual / typical, 0.0)
        squared = jensenshannon(pooled, rest, base=2) ** 2 - fewer
        held.append(today.day)
        found.append(float(np.log(max(squared, usual / typical / 4)) / 2))
    return held, found


def coins(day: DayStatistics) -> np.ndarray:
    """What a day counted of them."""
    return np.array(day.profile.inputs["coin"].counts, dtype=np.float64)


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("window", [1, 7])
def test_all_days_at_once_are_as_one_day_after_the_other(window: int, own: bool) -> None:
    """Where days are missing and days hold a handful of rows too."""
    chance = np.random.default_rng(window)
    days = [counted(chance, day, lambda day: day % 9 * 5.0, HEALTHY) for day in range(110) if day % 31 > 3]
    whole, typical = sum(coins(day) for day in days), 150.0
    got = drift._reader(coins, whole, typical, window)(Reference({}, tuple(days)), days, own)
    held, expected = day_by_day(days, whole, typical, window, own)
    assert got.days.tolist() == held
    assert len(held) > 60
    assert got.value == pytest.approx(expected, abs=1e-9)
