"""Intervals of a median by counting ranks: nothing is assumed of the distribution, however noisy the machine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr

from roadworthy.errors import TooFewSamples
from roadworthy.stats.resampling import Interval

Floats = npt.NDArray[np.float64]

#: Probability with which the true median lies below the interval, and the same above it.
TAIL = 0.005


def median_interval(values: Floats, tail: float = TAIL) -> Interval:
    """The median with an interval between two order statistics.

    values   shape (n,), independent of each other
    tail     probability in (0, 0.5) that the interval lies wholly above the true median, and the same below
    raises   TooFewSamples when even the smallest value is not low enough: n < 8 at the default

    Values that are as likely above 1 as below it, as ratios of two equal things, give a `low` above 1 with probability
    `tail` at most, whatever their distribution. Hahn, Meeker (1991), Statistical Intervals, 5.2.

    >>> found = median_interval(np.arange(1.0, 17.0))
    >>> found.low, found.value, found.high, found.blocks
    (3.0, 8.5, 14.0, 16)
    """
    n = values.size
    below = bdtr(np.arange(n + 1), n, 0.5)  # P(X <= k): so likely at most k of n values lie below the median
    rank = int(np.searchsorted(below, tail, side="right")) - 1  # the largest k with P(X <= k) <= tail
    if rank < 0:
        raise TooFewSamples(f"{n} measurements are too few for an interval of their median")
    ordered = np.sort(values)
    low, high = float(ordered[rank]), float(ordered[n - 1 - rank])
    return Interval(float(np.median(ordered)), low, high, 1 - 2 * tail, n)
