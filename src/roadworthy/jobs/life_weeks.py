"""A model's predictions against its outcomes, week by week and by predicted probability, from days that were kept.

Not here: verdicts. The band in which a healthy week stays is the threshold that the monitors learned from the
version's own training weeks; an alarm looks at longer windows too.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from roadworthy.jobs.life import Life
from roadworthy.monitoring.budget import Budget
from roadworthy.monitoring.calibration import together
from roadworthy.monitoring.null import Null, Score
from roadworthy.monitoring.watch import Watched
from roadworthy.monitoring.weekly import WEEK, Week, weekly
from roadworthy.monitoring.window import Thresholds
from roadworthy.profiles.reference import Reference
from roadworthy.profiles.scores import SCORE_UNIT
from roadworthy.profiles.summary import DayStatistics

#: Cells of the reliability curve with fewer labelled rows are left out.
LEAST_IN_CELL = 30


class JudgedWeek(msgspec.Struct, frozen=True):
    """A week of a version with the gaps, least to most, in which a healthy week stays; None without a threshold.

    middle   of the days it has, days since 1970: two versions that share a week have different ones
    """

    version: int
    week: Week
    middle: float
    least: float | None
    most: float | None

    @property
    def beyond(self) -> bool:
        """Whether the week's gap lies outside."""
        return (
            self.least is not None and self.most is not None and not self.least <= self.week.gap <= self.most
        )


class Cell(msgspec.Struct, frozen=True):
    """Rows of a version that were predicted about alike: mean prediction, observed rate with interval over days."""

    version: int
    n: int
    predicted: float
    observed: float
    low: float
    high: float


class Totals(msgspec.Struct, frozen=True):
    """All labelled rows of a version together; `auc` is None where a class is absent."""

    version: int
    n: int
    predicted: float
    observed: float
    calibration_error: float
    auc: float | None


def weeks(life: Life) -> list[JudgedWeek]:
    """Every week with matured outcomes, of every version, ascending by week."""
    found = []
    for version in life.days:
        ripe = life.ripe(version)
        if not ripe:
            continue
        reference = life.references.get(version)
        watched, null = _threshold(reference) if reference is not None else (None, None)
        for week in weekly(ripe):
            least, most = None, None
            if reference is not None and watched is not None and null is not None:
                least, most = _band(watched, null, reference, ripe, week)
            inside = [day.day for day in ripe if week.start <= day.day < week.start + WEEK]
            middle = sum(inside) / len(inside) + 0.5
            found.append(JudgedWeek(version, week, middle, least, most))
    return sorted(found, key=lambda each: (each.week.start, each.version))


def totals(life: Life) -> list[Totals]:
    """What every version said and what happened, where outcomes matured."""
    found = []
    for version in life.days:
        ripe = life.ripe(version)
        labels = together(ripe) if ripe else None
        if labels is None or not labels.n:
            continue
        auc = None if math.isnan(labels.auc) else labels.auc
        n = labels.n
        found.append(
            Totals(version, n, labels.expected / n, labels.observed / n, labels.calibration_error, auc)
        )
    return found


def reliability(life: Life) -> list[Cell]:
    """Cells of every version that hold enough labelled rows, ascending by prediction.

    The interval is of 95 % and between days: rates of days vary more than their rows alone would let them.
    """
    found = []
    for version in life.days:
        ripe = life.ripe(version)
        if len(ripe) < 3:
            continue
        rows, totals, events = (
            np.array([getattr(day.labels, part) for day in ripe], dtype=np.float64)
            for part in ("rows", "totals", "events")
        )
        n = rows.sum(axis=0)
        for at in np.flatnonzero(n >= LEAST_IN_CELL):
            rate = float(events[:, at].sum() / n[at])
            spread = np.square(events[:, at] - rate * rows[:, at]).sum() * len(ripe) / (len(ripe) - 1)
            reach = 1.96 * float(np.sqrt(spread) / n[at])
            predicted = float(totals[:, at].sum() * SCORE_UNIT / n[at])
            found.append(
                Cell(version, int(n[at]), predicted, rate, max(rate - reach, 0.0), min(rate + reach, 1.0))
            )
    return found


def _threshold(reference: Reference) -> tuple[Watched, Null | None]:
    [(watched, nulls)] = Thresholds.of(reference, Budget()).watched("calibration")
    return watched, nulls[0]


def _band(
    watched: Watched, null: Null, reference: Reference, days: list[DayStatistics], week: Week
) -> tuple[float | None, float | None]:
    """The gaps in which a healthy week stays, given what was predicted: limits on odds ratios, turned into gaps."""
    inside = [day for day in days if week.start <= day.day < week.start + WEEK]
    last = inside[-1].day
    series = watched.lenses[0].read(reference, inside, False)
    score: Score | None = next((each for each in null.score(series, last) if each.window == WEEK), None)
    if score is None or not 0.0 < week.predicted < 1.0:
        return None, None
    odds = week.predicted / (1.0 - week.predicted)

    def gap_at(log_ratio: float) -> float:
        observed = odds * math.exp(log_ratio) / (1.0 + odds * math.exp(log_ratio))
        return week.predicted - observed

    return gap_at(score.high), gap_at(score.low)
