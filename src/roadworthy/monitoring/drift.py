"""Drift: how far the distribution of an input, or of the predictions, is from the reference's.

Not a fault by itself: seasons move temperatures. It is reported with its distance, as a warning, when a day or a week
is further from the reference than the reference's own days and weeks are from the rest of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from roadworthy.monitoring.null import Score, Series
from roadworthy.monitoring.watch import Days, Lens, Watched
from roadworthy.profiles.cells import labels
from roadworthy.profiles.reference import Reference
from roadworthy.profiles.summary import DayStatistics
from roadworthy.stats.distance import jensen_shannon

Floats = npt.NDArray[np.float64]
Counted = Callable[[DayStatistics], Sequence[int]]

WINDOWS = (1, 7)
#: A distance below this is never reported, however sure it is: about one row in ten in other cells.
SMALLEST = 0.1
#: The reference's own days are compared with the rest of it, less the days so near: neighbours resemble each other,
#: and a future day has no neighbours in the reference. Less where the reference is short.
NEIGHBOURS = 14


def inputs(reference: Reference) -> list[Watched]:
    """Every input whose values are counted in cells."""
    kept = [name for name, cells in reference.cells.items() if cells.size]
    return [
        _watched("input_distance", name, reference, _counts_of(name))
        for name in kept
        if any(reference.profile.inputs[name].counts)
    ]


def _counts_of(name: str) -> Counted:
    return lambda day: day.profile.inputs[name].counts


def predictions(reference: Reference) -> list[Watched]:
    """The predictions, in cells of about equal counts."""
    merge = _merged(np.array(reference.profile.output.counts, dtype=np.float64), 20)

    def counts(day: DayStatistics) -> Sequence[int]:
        return [int(total) for total in np.add.reduceat(np.array(day.profile.output.counts), merge)]

    return [_watched("prediction_distance", "", reference, counts)]


def _matters(score: Score, days: Days) -> bool:
    """Far by itself, and further than usual by half as much: one day is always far from a season."""
    now = float(np.exp(score.mean))
    return now >= SMALLEST and now - float(np.exp(score.usual)) >= SMALLEST / 2


def _watched(check: str, key: str, reference: Reference, counted: Counted) -> Watched:
    whole = np.sum([counted(day) for day in reference.days], axis=0).astype(np.float64)
    typical = float(np.median([sum(counted(day)) for day in reference.days if sum(counted(day))]))
    names = labels(reference.cells[key]) if key else []

    def most_moved(days: Days) -> dict[str, object]:
        now = np.sum([counted(day) for day in days], axis=0).astype(np.float64)
        if not names or not now.sum():
            return {}
        moved = now / now.sum() - whole / whole.sum()
        top = np.argsort(-np.abs(moved))[:3]
        return {"most_moved": {names[at]: round(float(moved[at]), 4) for at in top}}

    return Watched(
        check,
        key,
        tuple(
            Lens(_reader(counted, whole, typical * days, days), (1,), "above", pooled=days)
            for days in WINDOWS
        ),
        f"Jensen-Shannon distance of {'{key}' if key else 'predictions'} {{measured}}",
        lambda value: float(min(np.exp(value), 1.0)),
        unit="distance",
        material=_matters,
        evidence=most_moved,
    )


def _reader(
    counted: Counted, whole: Floats, typical: float, window: int
) -> Callable[[Reference, Days, bool], Series]:
    """Reads log distances of trailing windows of `window` days; the reference's own against the rest of it."""

    def read(reference: Reference, days: Days, own: bool) -> Series:
        number = np.array([day.day for day in days], dtype=np.int64)
        counts = np.array([counted(day) for day in days], dtype=np.float64)
        total = np.concatenate([np.zeros((1, counts.shape[1])), np.cumsum(counts, axis=0)])
        near = min(NEIGHBOURS, len(number) // 8)
        kept, value, variance = [], [], []
        for at, day in enumerate(number):
            start = int(np.searchsorted(number, day - window + 1))
            pooled = total[at + 1] - total[start]
            rest = (
                whole - (total[min(at + 1 + near, len(number))] - total[max(start - near, 0)])
                if own
                else whole
            )
            held = at + 1 - start
            if held < window or not pooled.sum() or not rest.sum():
                continue
            log_distance, noise = _log_distance(pooled, rest, typical)
            kept.append(day)
            value.append(log_distance)
            variance.append(noise)
        return Series(np.array(kept, dtype=np.int64), np.array(value), np.array(variance))

    return read


def _log_distance(pooled: Floats, rest: Floats, typical: float) -> tuple[float, float]:
    """Log of the distance as it would be with a typical number of rows, and the extra variance of having fewer.

    Between samples of one distribution over k cells the squared distance is about (k - 1) / (8 ln 2 rows).
    """
    degrees = max(int(((pooled + rest) > 0).sum()) - 1, 1)
    rows = float(pooled.sum())
    unit = 1.0 / (8.0 * np.log(2.0))
    usual = degrees * unit / typical
    squared = max(jensen_shannon(pooled, rest) ** 2 - max(degrees * unit / rows - usual, 0.0), usual / 4.0)
    more = max(rows**-2 - typical**-2, 0.0) * 2.0 * degrees * unit**2
    return float(0.5 * np.log(squared)), float(0.25 * more / squared**2 + 1e-4)


def _merged(counts: Floats, cells: int) -> npt.NDArray[np.int64]:
    """Starts of runs of cells that hold about equal counts."""
    share = (np.cumsum(counts) - counts / 2) / max(counts.sum(), 1.0)
    group = np.floor(share * cells).astype(np.int64)
    return np.flatnonzero(np.diff(group, prepend=-1))
