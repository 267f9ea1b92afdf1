"""Volume: rows a day, against the same weekday of the reference."""

from __future__ import annotations

import numpy as np

from roadworthy.monitoring.null import Series
from roadworthy.monitoring.watch import Days, Lens, Watched
from roadworthy.profiles.reference import Reference

#: Rows that differ by less than this share are never an alarm, however sure it is.
SMALLEST = 0.2


def watched(reference: Reference) -> list[Watched]:
    """Rows of the day and of the week; too many are as telling as too few (a batch sent twice)."""
    return [
        Watched(
            "volume",
            "",
            (Lens(_read, (1, 7), "both", trim=True),),
            "{measured} times the rows of the same weekday in the reference",
            lambda value: float(np.exp(value)),
            material=lambda score, days: abs(float(np.expm1(score.mean))) >= SMALLEST,
        )
    ]


def _read(reference: Reference, days: Days, own: bool) -> Series:
    usual = _weekday_medians(reference)
    rows = np.array([day.profile.n for day in days], dtype=np.float64)
    number = np.array([day.day for day in days], dtype=np.int64)
    expected = usual[(number + 3) % 7]
    return Series(number, np.log((rows + 1.0) / (expected + 1.0)), 1.0 / (expected + 1.0))


def _weekday_medians(reference: Reference) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Median rows by weekday, Monday first (day 0 was a Thursday); of all days where a weekday has none."""
    whole = reference.days[1:-1] or reference.days
    rows = np.array([day.profile.n for day in whole], dtype=np.float64)
    weekday = np.array([(day.day + 3) % 7 for day in whole])
    overall = float(np.median(rows))
    return np.array(
        [float(np.median(rows[weekday == at])) if (weekday == at).any() else overall for at in range(7)]
    )
