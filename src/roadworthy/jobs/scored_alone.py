"""What one input would say by itself: the rate of the outcome among rows with such a value on other days.

Not here: which of them says too much (gate.too_good_alone). No model is fitted; cells as of a profile are counted.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from roadworthy.features.batch import Batch
from roadworthy.features.columns import Column, Lists
from roadworthy.profiles.cells import cell_of, learn_cells

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Rows at the rate of all that each cell starts with, so that a cell with two rows says little.
STARTING_ROWS = 10


def scored_alone(inputs: Batch, labels: Floats, days: Ints) -> dict[str, Floats]:
    """A score in [0, 1] for every row by each input alone, learned on every other day; shape (n,) each.

    inputs   raw input columns of n rows; lists and times, which have no cells of one value a row, are left out
    labels   outcomes 0 or 1, shape (n,)
    days     day of each row, shape (n,): rows of even days are scored by what odd days say, and the other way round

    >>> even = Batch({"x": np.array([0.0, 1.0, 0.0, 1.0])}, 4)
    >>> score = scored_alone(even, np.array([0.0, 1.0, 0.0, 1.0]), np.array([0, 0, 1, 1]))["x"]
    >>> bool(score[1] > score[0])
    True
    """
    found = {}
    rank = np.unique(days, return_inverse=True)[1]
    for name, column in inputs.columns.items():
        cells = None if isinstance(column, Lists) else _cells(column, labels.size)
        if cells is not None:
            found[name] = _rates(cells, labels, rank % 2)
    return found


def _cells(column: Column, n: int) -> Ints | None:
    """The cell of every row, a missing value in one of its own; None for what has no cells."""
    cells = learn_cells(column)
    if cells.size == 0:
        return None
    cell, row = cell_of(cells, column)
    found = np.full(n, cells.size, dtype=np.int64)
    found[row] = cell
    return found


def _rates(cells: Ints, labels: Floats, half: Ints) -> Floats:
    size = int(cells.max(initial=0)) + 1
    scores = np.full(labels.size, 0.5)
    for side in (0, 1):
        learned, scored = half != side, half == side
        if not learned.any():
            continue
        rate = float(labels[learned].mean())
        positive = np.bincount(cells[learned], weights=labels[learned], minlength=size)
        rows = np.bincount(cells[learned], minlength=size)
        # Less the rate of those days: halves of different rates are to be compared with each other.
        by_cell = (positive + STARTING_ROWS * rate) / (rows + STARTING_ROWS) - rate
        scores[scored] = (1.0 + by_cell[cells[scored]]) / 2
    return scores
