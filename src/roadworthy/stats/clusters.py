"""Means over many groups of rows at once, with how sure they are when rows of one day are not independent.

Not here: resampling (`resampling`), which any metric can have; a mean needs none, and there may be hundreds of groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class GroupMeans:
    """One number a group; arrays of shape (n_groups,).

    rows     rows of the group
    blocks   days on which it has rows
    value    weighted mean; NaN without rows
    error    its standard error over days; infinite with fewer than two
    """

    rows: Ints
    blocks: Ints
    value: Floats
    error: Floats

    def above(self, bound: float) -> Floats:
        """Probability of a mean as high as found, or higher, if the true one were `bound`; 1 where nothing is known.

        Student's t with one degree of freedom fewer than there are days.
        """
        known = np.isfinite(self.error)
        chance = np.ones(self.value.shape)
        distance = self.value[known] - bound
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(self.error[known] > 0, distance / self.error[known], np.sign(distance) * np.inf)
        chance[known] = stdtr(self.blocks[known] - 1.0, -np.nan_to_num(t, posinf=1e9, neginf=-1e9))
        return chance

    def apart(self, bound: float) -> Floats:
        """As `above`, for a mean as far from `bound` on either side; 1 where nothing is known."""
        higher = self.above(bound)
        chance: Floats = np.where(np.isfinite(self.error), 2.0 * np.minimum(higher, 1.0 - higher), 1.0)
        return chance

    def interval(self, group: int, level: float = 0.95) -> tuple[float, float]:
        """The range that the true mean of a group lies in with probability `level`."""
        if self.blocks[group] < 2:
            return -np.inf, np.inf
        reach = float(stdtrit(self.blocks[group] - 1.0, (1.0 + level) / 2) * self.error[group])
        return float(self.value[group]) - reach, float(self.value[group]) + reach


def group_means(
    values: Floats, groups: Ints, blocks: Ints, count: int, weights: Floats | None = None
) -> GroupMeans:
    """The mean of `values` in each of `count` groups, and its error over blocks.

    values, blocks   arrays of shape (n_rows,); blocks are whole numbers such as days
    groups           int64 (n_rows,), 0 to count - 1, or -1 for rows of none
    weights          how much each row counts; None = alike

    The error is that of a ratio of sums over independent clusters (Cochran 1977, Sampling Techniques, 6.4): rows of
    a day may depend on each other in any way.

    >>> days = np.repeat(np.arange(10), 3)
    >>> found = group_means(days * 1.0, np.zeros(30, dtype=np.int64), days, 1)
    >>> round(float(found.value[0]), 2), round(float(found.error[0]), 2)
    (4.5, 0.96)
    """
    held = groups >= 0
    groups, values = groups[held], values[held]
    kinds, day = np.unique(blocks[held], return_inverse=True)
    each = np.ones(groups.size) if weights is None else weights[held]
    cell, shape = groups * kinds.size + day, (count, kinds.size)
    length = count * kinds.size
    weight = np.bincount(cell, weights=each, minlength=length).reshape(shape)
    total = np.bincount(cell, weights=each * values, minlength=length).reshape(shape)
    present = np.bincount(cell, minlength=length).reshape(shape) > 0
    days, whole = present.sum(axis=1), weight.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = total.sum(axis=1) / whole
        residual = np.where(present, total - value[:, None] * weight, 0.0)
        error = np.sqrt(np.square(residual).sum(axis=1) * days / np.maximum(days - 1, 1)) / whole
    error = np.where((days > 1) & np.isfinite(value), error, np.inf)
    return GroupMeans(np.bincount(groups, minlength=count), days, value, error)


def false_discoveries(chances: Floats, share: float) -> npt.NDArray[np.bool_]:
    """Which of many tests to believe, so that at most `share` of those believed are by chance.

    chances   probability of each test's result by chance, shape (n_tests,)

    Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57(1).

    >>> false_discoveries(np.array([0.001, 0.04, 0.03, 0.9]), 0.05).tolist()
    [True, False, False, False]
    """
    believed = np.zeros(chances.shape, dtype=bool)
    if chances.size == 0:
        return believed
    order = np.argsort(chances, kind="stable")
    below = np.flatnonzero(chances[order] <= share * np.arange(1, chances.size + 1) / chances.size)
    if below.size:
        believed[order[: below[-1] + 1]] = True
    return believed
