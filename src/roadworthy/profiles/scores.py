"""The fixed cells for probabilities: fine where probabilities are rare, so that a model of a 0.1 % event is seen too.

Not here: the counts. The edges never change: a histogram of last year adds to one of today.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

#: Cells of equal width in arcsin(sqrt(p)), the scale on which a share's sampling error is the same everywhere.
SCORE_CELLS = 128
SCORE_EDGES: Floats = np.sin(np.linspace(0.0, np.pi / 2, SCORE_CELLS + 1)) ** 2
#: Cells of equal width in p for the reliability curve and the calibration error.
RELIABILITY_CELLS = 15
#: Probabilities are summed in whole units of 2^-32: whole numbers add to the same sum in any order.
SCORE_UNIT = 2.0**-32
#: An output is clipped to this before it is summed, so that a broken one shows and overflows nothing.
LARGEST_OUTPUT = 2.0**8


def score_cell(p: Floats) -> Integers:
    """The cell of each finite output, shape (n,); outside [0, 1] the nearest cell."""
    return np.clip(np.searchsorted(SCORE_EDGES, p, side="right") - 1, 0, SCORE_CELLS - 1).astype(np.int64)


def reliability_cell(p: Floats) -> Integers:
    """The reliability cell of each finite output, shape (n,)."""
    inside = np.clip(p, 0.0, 1.0)
    return np.minimum((inside * RELIABILITY_CELLS).astype(np.int64), RELIABILITY_CELLS - 1)


def score_units(p: Floats) -> Integers:
    """Each finite output in whole units, shape (n,)."""
    clipped = np.clip(p, -LARGEST_OUTPUT, LARGEST_OUTPUT)
    return np.rint(clipped / SCORE_UNIT).astype(np.int64)


def score_quantile(counts: npt.ArrayLike, share: float) -> float:
    """The output below which `share` of the rows lie, to within one cell; NaN without rows.

    >>> round(score_quantile(np.bincount(score_cell(np.linspace(0, 1, 1001))), 0.5), 2)
    0.5
    """
    held = np.asarray(counts, dtype=np.float64)
    total = held.sum()
    if total == 0:
        return float("nan")
    below = np.concatenate([[0.0], np.cumsum(held)])
    cell = int(np.clip(np.searchsorted(below, share * total, side="left") - 1, 0, held.size - 1))
    inside = (share * total - below[cell]) / held[cell] if held[cell] else 0.0
    low, high = SCORE_EDGES[cell], SCORE_EDGES[cell + 1]
    return float(low + (high - low) * min(max(inside, 0.0), 1.0))


def binned_auc(positives: npt.ArrayLike, negatives: npt.ArrayLike) -> Floats:
    """Area under the ROC curve from score histograms, ties within a cell counted one half.

    positives, negatives   counts of shape (..., SCORE_CELLS)
    returns shape (...); NaN where either class is absent

    >>> float(binned_auc([0, 1], [1, 0]))
    1.0
    """
    up, down = np.asarray(positives, dtype=np.float64), np.asarray(negatives, dtype=np.float64)
    below = np.cumsum(down, axis=-1) - down / 2
    pairs = up.sum(axis=-1) * down.sum(axis=-1)
    with np.errstate(invalid="ignore"):
        area: Floats = (up * below).sum(axis=-1) / np.where(pairs > 0, pairs, np.nan)
    return area
