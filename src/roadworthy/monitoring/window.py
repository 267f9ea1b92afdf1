"""What a job calls: one day's statistics, today's verdicts without labels, and verdicts on what has matured.

Not here: reading the log and storing verdicts (jobs), and opening and closing alarms (the registry). Everything is a
pure function of days: re-judging a window whose outcomes were revised is calling it again with the revised days.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from roadworthy.errors import DefinitionError
from roadworthy.features.batch import Batch
from roadworthy.monitoring import calibration, coverage, drift, performance, predictions, volume
from roadworthy.monitoring.budget import Budget
from roadworthy.monitoring.null import Null, learn
from roadworthy.monitoring.watch import Watched, judge
from roadworthy.profiles.counting import States, count_days
from roadworthy.profiles.reference import Reference
from roadworthy.profiles.summary import (
    DayStatistics,
    FeatureSummary,
    InputSummary,
    LabelSummary,
    OutputSummary,
    Profile,
)
from roadworthy.verdict import Verdict

__all__ = ["DAILY", "MATURED", "DayStatistics", "Thresholds", "day_statistics", "judge_day", "judge_matured"]

Floats = npt.NDArray[np.float64]
Family = Callable[[Reference], list[Watched]]

#: Judged every day, without labels: check → what it watches. A new check is one file and one line.
DAILY: Mapping[str, Family] = {
    "volume": volume.watched,
    "missing": coverage.missing,
    "unknown": coverage.unknown,
    "prediction_mean": predictions.mean,
    "prediction_p50": predictions.median,
    "prediction_p99": predictions.top,
    "prediction_distance": drift.predictions,
    "input_distance": drift.inputs,
}

#: Judged on days whose outcomes have matured.
MATURED: Mapping[str, Family] = {
    "calibration": calibration.gap,
    "calibration_error": calibration.error,
    "performance": performance.watched,
}

#: A day is judged once this share of its rows has had its outcome window.
RIPE = 0.99


class Thresholds:
    """What healthy looks like for everything that is watched, learned from one reference when first asked for."""

    def __init__(self, reference: Reference, budget: Budget) -> None:
        if not reference.days:
            raise DefinitionError("a reference without days cannot be compared with: train the version again")
        self.reference = reference
        self.budget = budget
        self._learned: dict[str, list[tuple[Watched, list[Null | None]]]] = {}

    @classmethod
    def of(cls, reference: Reference, budget: Budget) -> Thresholds:
        """The thresholds of this reference; learned once per process for equal references."""
        return _thresholds(reference, budget)

    def watched(self, check: str) -> list[tuple[Watched, list[Null | None]]]:
        """Everything that `check` watches, with what healthy looks like through each lens."""
        if check not in self._learned:
            family = (DAILY.get(check) or MATURED[check])(self.reference)
            parts = max(sum(len(watched.lenses) for watched in family), 1)
            per_year = self.budget.of(check) / parts
            self._learned[check] = [(watched, self._nulls(watched, per_year)) for watched in family]
        return self._learned[check]

    def _nulls(self, watched: Watched, per_year: float) -> list[Null | None]:
        nulls = []
        for lens in watched.lenses:
            days = self.reference.days[1:-1] if lens.trim else self.reference.days
            series = lens.read(self.reference, days, True)
            nulls.append(learn(series, windows=lens.windows, side=lens.side, per_year=per_year, cap=lens.cap))
        return nulls


@lru_cache(maxsize=4)
def _thresholds(reference: Reference, budget: Budget) -> Thresholds:
    return Thresholds(reference, budget)


def day_statistics(
    reference: Reference,
    day: int,
    inputs: Batch,
    states: States,
    outputs: Floats,
    labels: Floats | None = None,
    matured: npt.NDArray[np.bool_] | None = None,
) -> DayStatistics:
    """The statistics of one day of one version, from its rows in the log; a day without rows has them too.

    day       days since 1970 (UTC) of the event time
    inputs    raw inputs of the n rows of that day
    states    feature → int8 (n,): 0 present, 1 missing, 2 unknown
    outputs   float64 (n,)
    labels    float64 (n,) of 0 and 1, NaN where not known (yet); None when none is
    matured   bool (n,): whether the outcome window had elapsed; None: all rows, if labels are given
    """
    if inputs.n == 0:
        return _empty(reference, day)
    days = np.full(inputs.n, day, dtype=np.int64)
    return count_days(reference.cells, inputs, states, outputs, days, labels, matured)[0]


def judge_day(
    reference: Reference,
    history: Sequence[DayStatistics],
    today: DayStatistics,
    *,
    subject: str = "model",
    budget: Budget | None = None,
) -> list[Verdict]:
    """Verdicts on one whole day without labels: volume, coverage, predictions, drift.

    history   earlier days, in any order; the last 27 are enough, later ones are ignored
    subject   such as `flight-delay@1`
    """
    days = _ascending([*(day for day in history if day.day < today.day), today])
    return _judge(DAILY, reference, days, today.day, subject, budget)


def judge_matured(
    reference: Reference,
    days: Sequence[DayStatistics],
    *,
    subject: str = "model",
    budget: Budget | None = None,
) -> list[Verdict]:
    """Verdicts on calibration and performance of the windows that end with the last matured day among `days`.

    days   statistics with labels, in any order; the last 97 are enough. Days of which less than 99 % of the rows
           had their outcome window are left out, so nothing is judged before its time. Give revised days again to
           judge them again.
    """
    ripe = _ascending([day for day in days if day.profile.n and day.matured >= RIPE * day.profile.n])
    last = ripe[-1].day if ripe else max((day.day for day in days), default=reference.days[-1].day)
    return _judge(MATURED, reference, ripe, last, subject, budget)


def _judge(
    checks: Mapping[str, Family],
    reference: Reference,
    days: list[DayStatistics],
    day: int,
    subject: str,
    budget: Budget | None,
) -> list[Verdict]:
    thresholds = Thresholds.of(reference, budget or Budget())
    return [
        judge(watched, nulls, thresholds.reference, days, day, subject)
        for check in checks
        for watched, nulls in thresholds.watched(check)
    ]


def _ascending(days: Sequence[DayStatistics]) -> list[DayStatistics]:
    ordered = sorted(days, key=lambda day: day.day)
    twice = {left.day for left, right in itertools.pairwise(ordered) if left.day == right.day}
    if twice:
        raise DefinitionError(f"day {min(twice)} is given twice: add its parts with + before judging")
    return ordered


def _empty(reference: Reference, day: int) -> DayStatistics:
    inputs = {name: InputSummary(0, (0,) * cells.size) for name, cells in reference.cells.items()}
    features = {name: FeatureSummary(0, 0) for name in reference.profile.features}
    return DayStatistics(day, Profile(0, inputs, features, OutputSummary()), 0, LabelSummary())
