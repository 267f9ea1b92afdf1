"""Drift on days of few rows: sampling alone raises no alarm, and a distribution that moved does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

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
