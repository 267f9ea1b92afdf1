"""Rates that changed: one day's or week's beyond all before it, and one group's beside everybody else's.

Pure, from counts of rows. Not here: metrics of predictions (`metrics`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: Fewer rows have no rate to speak of.
MIN_ROWS = 50


@dataclass(frozen=True, slots=True)
class OddRate:
    """A rate far beyond all earlier ones; `lowest` and `highest` are those of before."""

    at: int
    rate: float
    lowest: float
    highest: float


def odd_rates(
    hits: Sequence[float] | Floats,
    rows: Sequence[float] | Floats,
    *,
    times: float,
    earlier: int,
    falls_only: bool = False,
) -> list[OddRate]:
    """Places whose odds are `times` as far as the most extreme before, in order; what was odd is no measure for others.

    hits, rows   counts in the order of time, shape (n,); places with fewer than 50 rows are left out
    times        how far beyond the lowest and highest odds of before is odd, above 1
    earlier      so many places must have been there before one is judged
    falls_only   compare rates and not odds, and downwards only, as for a share that is usually close to 1

    >>> [each.at for each in odd_rates([20, 25, 30, 22, 0, 24], [100] * 6, times=3.0, earlier=3)]
    [4]
    """
    found: list[OddRate] = []
    before: list[float] = []
    for at, (k, n) in enumerate(zip(hits, rows, strict=True)):
        if n < MIN_ROWS:
            continue
        rate = (k + 0.5) / (n + 1.0)
        if len(before) >= earlier and _is_far(rate, min(before), max(before), times, falls_only):
            found.append(OddRate(at, float(k / n), min(before), max(before)))
        else:
            before.append(rate)
    return found


def _is_far(rate: float, lowest: float, highest: float, times: float, falls_only: bool) -> bool:
    if falls_only:
        return rate * times < lowest
    odds, low, high = (each / (1 - each) for each in (rate, lowest, highest))
    return odds * times < low or odds > high * times


def odds_change(rows: Floats, hits: Floats, now: slice, before: slice) -> tuple[float, float]:
    """By how much the log odds of a rate changed between two stretches of days, and the variance of that.

    rows, hits   counts by day, shape (n_days,)
    returns      log odds now minus before, and their variance by how much days of a stretch differ from each other

    >>> change, variance = odds_change(np.full(20, 100.0), np.repeat([10.0, 20.0], 10), slice(10, 20), slice(0, 10))
    >>> round(change, 2), variance > 0
    (0.81, True)
    """
    (new, one), (old, other) = (_log_odds(rows[when], hits[when]) for when in (now, before))
    return new - old, one + other


def _log_odds(rows: Floats, hits: Floats) -> tuple[float, float]:
    total, all_hits = float(rows.sum()) + 1.0, float(hits.sum()) + 0.5
    rate = all_hits / total
    by_day = float(((hits - rate * rows) ** 2).sum())
    by_chance = total * rate * (1 - rate)
    return float(np.log(rate / (1 - rate))), max(by_day, by_chance) / by_chance**2
