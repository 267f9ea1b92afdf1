"""Distances between two histograms over the same bins, given as counts.

Not here: how the bins are chosen (profiles) and how far is too far (monitoring learns its thresholds). Every
distance is above 0 between two samples of one distribution, the more so the fewer rows there are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import rel_entr

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
    return float(jensen_shannon_rows(*_counts(p_counts, q_counts))[0])


def jensen_shannon_rows(p_counts: Counts, q_counts: Counts) -> Floats:
    """As `jensen_shannon` between every two rows, such as the histograms of many days; shape (n,).

    p_counts, q_counts  arrays of shape (n, n_bins)

    >>> jensen_shannon_rows(np.array([[10, 0], [5, 5]]), np.array([[0, 10], [7, 7]])).tolist()
    [1.0, 0.0]
    """
    p, q = _shares(p_counts, q_counts)
    middle = (p + q) / 2
    nats = (rel_entr(p, middle) + rel_entr(q, middle)).sum(axis=1) / 2
    distances: Floats = np.sqrt(np.maximum(nats / np.log(2.0), 0.0))
    return distances


def psi(p_counts: Counts, q_counts: Counts) -> float:
    """Population stability index: sum of (p - q) * ln(p / q); 0 for equal shares, unbounded above.

    p_counts, q_counts  as in `jensen_shannon`; half a row is added to every bin of both sides, so that an empty
                        bin gives a large number and not infinity

    Siddiqi (2006), Credit Risk Scorecards, with Jeffreys' half count.

    >>> round(psi(np.array([500, 500]), np.array([600, 400])), 3)
    0.04
    """
    p, q = _shares(*_counts(p_counts, q_counts), added=0.5)
    return float(((p - q) * np.log(p / q)).sum())


def total_variation(p_counts: Counts, q_counts: Counts) -> float:
    """Largest difference in probability that the two assign to any set of bins; in [0, 1].

    p_counts, q_counts  as in `jensen_shannon`

    >>> round(total_variation(np.array([500, 500]), np.array([600, 400])), 3)
    0.1
    """
    p, q = _shares(*_counts(p_counts, q_counts))
    return float(np.abs(p - q).sum() / 2)


def _counts(p_counts: Counts, q_counts: Counts) -> tuple[Floats, Floats]:
    """Two histograms as two tables of one row."""
    p, q = np.asarray(p_counts, dtype=np.float64), np.asarray(q_counts, dtype=np.float64)
    if p.ndim != 1 or p.shape != q.shape:
        raise ValueError(
            f"counts must be one-dimensional over the same bins, got shapes {p.shape} and {q.shape}"
        )
    return p[np.newaxis], q[np.newaxis]


def _shares(p_counts: Counts, q_counts: Counts, added: float = 0.0) -> tuple[Floats, Floats]:
    p, q = np.asarray(p_counts, dtype=np.float64), np.asarray(q_counts, dtype=np.float64)
    if p.ndim != 2 or p.shape != q.shape:
        raise ValueError(f"counts must be rows over the same bins, got shapes {p.shape} and {q.shape}")
    for name, counts in (("p_counts", p), ("q_counts", q)):
        if not (np.isfinite(counts) & (counts >= 0)).all():
            raise ValueError(
                f"{name} must be finite counts of at least 0, got {counts.min()} to {counts.max()}"
            )
        if not counts.sum(axis=1).all():
            raise TooFewSamples(f"a distance needs rows on both sides, {name} counts none")
    p, q = p + added, q + added
    return p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
