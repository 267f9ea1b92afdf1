"""Distances between two histograms over the same bins, given as counts.

Not here: how the bins are chosen (profiles) and how far is too far (monitoring learns its thresholds). Every
distance is above 0 between two samples of one distribution, the more so the fewer rows there are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from roadworthy.errors import TooFewSamples

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.float64] | npt.NDArray[np.int64]


def jensen_shannon(p_counts: Counts, q_counts: Counts) -> float:
    """Jensen-Shannon distance: square root of the divergence in bits; a metric in [0, 1], 1 for disjoint bins.

    p_counts, q_counts  arrays of shape (n_bins,) of non-negative counts over the same bins
    raises              TooFewSamples when either side is empty; ValueError for malformed counts

    Endres and Schindelin (2003), IEEE Transactions on Information Theory 49(7).

    >>> jensen_shannon(np.array([10, 0]), np.array([0, 10]))
    1.0
    """
    p, q = _shares(p_counts, q_counts)
    middle = (p + q) / 2
    return float(np.sqrt(max((_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2, 0.0)))


def psi(p_counts: Counts, q_counts: Counts) -> float:
    """Population stability index: sum of (p - q) * ln(p / q); 0 for equal shares, unbounded above.

    p_counts, q_counts  as in `jensen_shannon`; half a row is added to every bin of both sides, so that an empty
                        bin gives a large number and not infinity

    Siddiqi (2006), Credit Risk Scorecards, with Jeffreys' half count.

    >>> round(psi(np.array([500, 500]), np.array([600, 400])), 3)
    0.04
    """
    p, q = _shares(p_counts, q_counts, added=0.5)
    return float(((p - q) * np.log(p / q)).sum())


def total_variation(p_counts: Counts, q_counts: Counts) -> float:
    """Largest difference in probability that the two assign to any set of bins; in [0, 1].

    p_counts, q_counts  as in `jensen_shannon`

    >>> round(total_variation(np.array([500, 500]), np.array([600, 400])), 3)
    0.1
    """
    p, q = _shares(p_counts, q_counts)
    return float(np.abs(p - q).sum() / 2)


def _shares(p_counts: Counts, q_counts: Counts, added: float = 0.0) -> tuple[Floats, Floats]:
    p, q = np.asarray(p_counts, dtype=np.float64), np.asarray(q_counts, dtype=np.float64)
    if p.ndim != 1 or p.shape != q.shape:
        raise ValueError(
            f"counts must be one-dimensional over the same bins, got shapes {p.shape} and {q.shape}"
        )
    for name, counts in (("p_counts", p), ("q_counts", q)):
        if not (np.isfinite(counts) & (counts >= 0)).all():
            raise ValueError(
                f"{name} must be finite counts of at least 0, got {counts.min()} to {counts.max()}"
            )
        if counts.sum() == 0:
            raise TooFewSamples(f"a distance needs rows on both sides, {name} counts none")
    return (p + added) / (p + added).sum(), (q + added) / (q + added).sum()


def _relative_entropy(p: Floats, q: Floats) -> float:
    held = p > 0
    return float((p[held] * np.log2(p[held] / q[held])).sum())
