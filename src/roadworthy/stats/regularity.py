"""Days with too few or too many rows, as the same weekdays around them tell; weekends, seasons and growth are usual.

Pure, from counts by day. Not here: what a day's rows hold, and what follows from a day that is odd.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

Oddity = Literal["missing", "short", "crowded"]

#: Weeks on either side whose same weekday is compared with; of days before only, twice as many.
WEEKS = 4
#: Fewer comparable days say nothing.
MIN_COMPARED = 3
#: A weekday that usually has fewer rows may have none, or half of them, by chance.
MIN_USUAL = {"missing": 8.0, "short": 20.0, "crowded": 20.0}
#: A day is short below half of the usual rows, crowded above 1.6 times; both beyond all compared days by a fifth.
SHORT, CROWDED, BEYOND = 0.5, 1.6, 0.2
#: And so many times as far as days usually are: where volume is wild, nothing is odd.
SPREADS = 5.0


@dataclass(frozen=True, slots=True)
class OddDay:
    """A day whose number of rows is unlike that of the same weekdays around it.

    day     place in the counts that were given
    usual   median of the compared days
    """

    day: int
    kind: Oddity
    rows: float
    usual: float


def odd_days(rows: Sequence[float] | Floats, *, before_only: bool = False) -> list[OddDay]:
    """Days with rows unlike the same weekdays around them, in their order.

    rows          of consecutive days, 0 for a day without any, shape (n_days,)
    before_only   compare with earlier days only, as where a day has just come in

    A day without rows is odd where every compared day has some. The first and the last day are compared with and never
    judged: they may be cut.

    >>> counts = [100.0] * 70
    >>> counts[40], counts[50] = 0.0, 30.0
    >>> [(each.day, each.kind) for each in odd_days(counts)]
    [(40, 'missing'), (50, 'short')]
    """
    counts = np.asarray(rows, dtype=np.float64)
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise ValueError("rows of days must be finite numbers, none below 0")
    usual, lowest, highest = _compared(counts, before_only)
    spread = _spread(counts, usual)
    odd: list[OddDay] = []
    for day in range(1, counts.size - 1):
        if np.isnan(usual[day]):
            continue
        kind = _kind(counts[day], usual[day], lowest[day], highest[day], spread)
        if kind is not None:
            odd.append(OddDay(day, kind, float(counts[day]), float(usual[day])))
    return odd


def _compared(counts: Floats, before_only: bool) -> tuple[Floats, Floats, Floats]:
    """Median, least and most rows of the days that each day is compared with; NaN where they are too few."""
    found = np.full((3, counts.size), np.nan)
    weeks = np.arange(1, (2 if before_only else 1) * WEEKS + 1) * 7
    for day in range(counts.size):
        places = day - weeks if before_only else np.concatenate([day - weeks, day + weeks])
        inside = counts[places[(places >= 0) & (places < counts.size)]]
        if inside.size >= MIN_COMPARED:
            found[:, day] = np.median(inside), inside.min(), inside.max()
    return found[0], found[1], found[2]


def _spread(counts: Floats, usual: Floats) -> float:
    """How far days usually are from what was to be expected of them, as a logarithm; robust, at least 2 %."""
    judged = (counts > 0) & (usual > 0)
    if not judged.any():
        return np.inf
    off = np.log(counts[judged] / usual[judged])
    chance = float(np.median(np.sqrt(2.0 / usual[judged])))
    return max(1.4826 * float(np.median(np.abs(off - np.median(off)))), chance, 0.02)


def _kind(rows: float, usual: float, lowest: float, highest: float, spread: float) -> Oddity | None:
    if rows == 0:
        return "missing" if lowest > 0 and usual >= MIN_USUAL["missing"] else None
    far = SPREADS * spread
    off = float(np.log(rows / usual)) if usual > 0 else 0.0
    if rows < min(SHORT * usual, (1 - BEYOND) * lowest) and off < -far and usual >= MIN_USUAL["short"]:
        return "short"
    if rows > max(CROWDED * usual, (1 + BEYOND) * highest) and off > far and usual >= MIN_USUAL["crowded"]:
        return "crowded"
    return None
