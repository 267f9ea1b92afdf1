"""Drift: how far the distribution of an input, or of the predictions, is from the reference's.

Not a fault by itself: seasons move temperatures. It is reported with its distance, as a warning, when a day or a week
is further from the reference than the reference's own days and weeks are from the rest of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri

from roadworthy.monitoring.null import Score, Series
from roadworthy.monitoring.watch import Days, Lens, Watched
from roadworthy.profiles.cells import labels
from roadworthy.profiles.reference import Reference
from roadworthy.profiles.summary import DayStatistics
from roadworthy.stats.distance import jensen_shannon, jensen_shannon_rows

Floats = npt.NDArray[np.float64]
Counted = Callable[[DayStatistics], Sequence[int]]

WINDOWS = (1, 7)
#: A distance below this is never reported, however sure it is: about one row in ten in other cells.
SMALLEST = 0.1
#: The reference's own days are compared with the rest of it, less the days so near: neighbours resemble each other,
#: and a future day has no neighbours in the reference. Less where the reference is short.
NEIGHBOURS = 14
#: Between samples of one distribution the squared distance is this, over rows, times a chi-squared variable with one
#: degree of freedom less than there are cells.
UNIT = 1.0 / (8.0 * np.log(2.0))
#: Chance that sampling alone takes one window so far: once in a hundred years of daily looks.
HARDLY_EVER = 3e-5


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


def _matters(score: Score, now: Floats, whole: Floats) -> bool:
    """Far by itself, further than usual by half as much (one day is always far from a season), and than sampling."""
    distance = float(np.exp(score.mean))
    return (
        distance >= SMALLEST
        and distance - float(np.exp(score.usual)) >= SMALLEST / 2
        and jensen_shannon(now, whole) > _sampled(whole, 1.0 / now.sum() + 1.0 / whole.sum())
    )


def _sampled(whole: Floats, per_row: float) -> float:
    """A distance that samples of one distribution hardly ever reach; `per_row` is one over their rows, added up."""
    degrees = max(int((whole > 0).sum()) - 1, 1)
    return float(np.sqrt(UNIT * per_row * chdtri(degrees, HARDLY_EVER)))


def _watched(check: str, key: str, reference: Reference, counted: Counted) -> Watched:
    def pooled(days: Days) -> Floats:
        total: Floats = np.array([counted(day) for day in days], dtype=np.float64).sum(axis=0)
        return total

    whole = pooled(reference.days)
    names = labels(reference.cells[key]) if key else []

    def most_moved(days: Days) -> dict[str, object]:
        now = pooled(days)
        if not names or not now.sum():
            return {}
        moved = now / now.sum() - whole / whole.sum()
        top = np.argsort(-np.abs(moved))[:3]
        return {"most_moved": {names[at]: round(float(moved[at]), 4) for at in top}}

    return Watched(
        check,
        key,
        tuple(_lens(reference, counted, whole, days) for days in WINDOWS),
        f"Jensen-Shannon distance of {'{key}' if key else 'predictions'} {{measured}}",
        lambda value: float(min(np.exp(value), 1.0)),
        unit="distance",
        material=lambda score, days: _matters(score, pooled(days), whole),
        evidence=most_moved,
    )


def _lens(reference: Reference, counted: Counted, whole: Floats, window: int) -> Lens:
    """Windows of `window` days; twice the reference's furthest is far, where sampling hardly ever gets there."""
    held = np.convolve([sum(counted(day)) for day in reference.days], np.ones(window), "valid")
    typical = float(np.median(held[held > 0]))  # of weeks, not seven times a day's: weekends are quiet
    read = _reader(counted, whole, typical, window)
    own = read(reference, reference.days, True).value
    cap = np.inf
    if own.size:
        cap = np.log(max(2.0 * np.exp(own.max()), _sampled(whole, 1.0 / typical))) - own.mean()
    return Lens(read, (1,), "above", pooled=window, cap=float(cap))


def _reader(
    counted: Counted, whole: Floats, typical: float, window: int
) -> Callable[[Reference, Days, bool], Series]:
    """Reads log distances of trailing windows of `window` days; the reference's own against the rest of it."""

    def read(reference: Reference, days: Days, own: bool) -> Series:
        number = np.array([day.day for day in days], dtype=np.int64)
        counts = np.array([counted(day) for day in days], dtype=np.float64)
        total = np.concatenate([np.zeros((1, counts.shape[1])), np.cumsum(counts, axis=0)])
        near = min(NEIGHBOURS, len(number) // 8)
        end = np.arange(1, len(number) + 1)
        start = np.searchsorted(number, number - window + 1)
        pooled, rest = total[end] - total[start], np.broadcast_to(whole, counts.shape)
        if own:
            rest = whole - (total[np.minimum(end + near, len(number))] - total[np.maximum(start - near, 0)])
        kept = (end - start >= window) & (pooled.sum(axis=1) > 0) & (rest.sum(axis=1) > 0)
        return Series(number[kept], *_log_distances(pooled[kept], rest[kept], typical))

    return read


def _log_distances(pooled: Floats, rest: Floats, typical: float) -> tuple[Floats, Floats]:
    """Log of each row's distance as it would be with a typical number of rows, and the extra variance of having fewer.

    Far out, what chance finds among few rows is further by the square root of how many fewer they are; that step is
    the deviation. It never depends on the distance found: a small one by chance would call itself unsure, a large
    one sure.
    """
    degrees = np.maximum(((pooled + rest) > 0).sum(axis=1) - 1, 1)
    rows = pooled.sum(axis=1)
    usual = degrees * UNIT / typical
    fewer = np.maximum(degrees * UNIT / rows - usual, 0.0)
    squared = np.maximum(jensen_shannon_rows(pooled, rest) ** 2 - fewer, usual / 4.0)
    return 0.5 * np.log(squared), (0.5 * np.log(np.maximum(typical / rows, 1.0))) ** 2 + 1e-4


def _merged(counts: Floats, cells: int) -> npt.NDArray[np.int64]:
    """Starts of runs of cells that hold about equal counts."""
    share = (np.cumsum(counts) - counts / 2) / max(counts.sum(), 1.0)
    group = np.floor(share * cells).astype(np.int64)
    return np.flatnonzero(np.diff(group, prepend=-1))
