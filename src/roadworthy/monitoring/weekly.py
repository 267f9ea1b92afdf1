"""The table that people read: predictions against outcomes by week, with intervals, from day statistics that add.

Not an alarm: its intervals hold for each week alone, looked at once. The alarms are in `calibration` and
`performance`, which pay for looking every day.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from roadworthy.monitoring.calibration import labelled, together
from roadworthy.profiles.summary import DayStatistics, LabelSummary

Floats = npt.NDArray[np.float64]

WEEK = 7


class Week(msgspec.Struct, frozen=True):
    """One week of one version; shares and areas in [0, 1], None where there is too little to say.

    start                 first day, days since 1970 (UTC); weeks begin on Mondays
    days                  days with enough labels
    n                     labelled rows
    predicted, observed   mean answer and observed rate of those rows
    gap, gap_low, gap_high   predicted minus observed, with its interval
    auc, auc_low, auc_high   area under the ROC curve of the whole week, with its interval
    """

    start: int
    days: int
    n: int
    predicted: float
    observed: float
    gap: float
    gap_low: float | None = None
    gap_high: float | None = None
    auc: float | None = None
    auc_low: float | None = None
    auc_high: float | None = None


def weekly(days: Sequence[DayStatistics], *, level: float = 0.95, inflation: float = 1.0) -> list[Week]:
    """One row for each week that has labelled rows, in ascending order.

    days        in any order; days with fewer than 10 labels are left out
    level       probability that an interval holds its value, for days that are exchangeable within a week
    inflation   long-run over day-to-day variance, where bad days come together (`Null.inflation` of the reference)

    The interval is Student's over days left out one at a time (jackknife), so it is between-day and not binomial.

    Tukey (1958), Annals of Mathematical Statistics 29, p. 614.
    """
    by_week: dict[int, list[DayStatistics]] = {}
    for day in sorted(labelled(days), key=lambda day: day.day):
        by_week.setdefault((day.day + 3) // WEEK * WEEK - 3, []).append(day)
    return [_week(start, held, level, inflation) for start, held in by_week.items()]


def _week(start: int, days: list[DayStatistics], level: float, inflation: float) -> Week:
    labels = together(days)
    gap_low, gap_high = _interval(days, lambda summary: summary.gap, level, inflation)
    auc_low, auc_high = _interval(days, lambda summary: summary.auc, level, inflation)
    return Week(
        start,
        len(days),
        labels.n,
        labels.expected / labels.n,
        labels.observed / labels.n,
        labels.gap,
        gap_low,
        gap_high,
        None if np.isnan(labels.auc) else labels.auc,
        None if auc_low is None else max(auc_low, 0.0),
        None if auc_high is None else min(auc_high, 1.0),
    )


def _interval(
    days: list[DayStatistics], statistic: Callable[[LabelSummary], float], level: float, inflation: float
) -> tuple[float | None, float | None]:
    """The jackknife interval of a statistic of all days; none with fewer than three days."""
    k = len(days)
    if k < 3:
        return None, None
    whole = statistic(together(days))
    without = np.array([statistic(together(days[:at] + days[at + 1 :])) for at in range(k)])
    if not np.isfinite([whole, *without]).all():
        return None, None
    error = float(np.sqrt((k - 1) / k * np.square(without - without.mean()).sum() * max(inflation, 1.0)))
    reach = float(stdtrit(k - 1, (1.0 + level) / 2)) * error
    return whole - reach, whole + reach
