"""Distinct values of a long integer array, without sorting where the values lie close together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]


def distinct(values: Integers) -> tuple[Integers, Integers]:
    """The distinct values in ascending order, and for each value its place among them.

    >>> distinct(np.array([7, 5, 7]))
    (array([5, 7]), array([1, 0, 1]))
    """
    if len(values) == 0:
        return values, values
    low, high = int(values.min()), int(values.max())
    if high - low >= 4 * len(values) + 65_536:
        found, places = np.unique(values, return_inverse=True)
        return found, places.reshape(-1).astype(np.int64, copy=False)
    shifted = values - low
    present = np.zeros(high - low + 1, dtype=np.bool_)
    present[shifted] = True
    found = np.flatnonzero(present).astype(np.int64, copy=False)
    table = np.empty(len(present), dtype=np.int64)
    table[found] = np.arange(len(found))
    return found + low, table[shifted]
