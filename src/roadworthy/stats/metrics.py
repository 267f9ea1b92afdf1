"""Quality of probabilities against outcomes: exact numbers from rows, without uncertainty.

Not here: intervals (`resampling`), limits and rulings (the gate and the monitors). NumPy only, so that whoever
needs one number does not import a statistics library.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from roadworthy.errors import TooFewSamples

Floats = npt.NDArray[np.float64]

#: Probabilities are kept this far from 0 and 1 before their logarithm is taken, as scikit-learn does for float64.
LOG_LOSS_CLIP = float(np.finfo(np.float64).eps)

CALIBRATION_BINS = 15


def auc(p: Floats, y: Floats) -> float:
    """Probability that a random positive is scored above a random negative; a tie counts one half.

    p, y    arrays of shape (n_samples,); p any finite score in [0, 1], y in {0, 1}; no NaN
    returns a number in [0, 1]; 0.5 for a constant score
    raises  TooFewSamples when either class is absent; ValueError for malformed arrays

    Hanley and McNeil (1982), Radiology 143(1): the area is the Mann-Whitney U statistic over its maximum.

    >>> auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([0.0, 0.0, 1.0, 1.0]))
    0.875
    """
    p, y = checked(p, y)
    order = np.argsort(p)
    starts = np.flatnonzero(np.diff(p[order], prepend=-1.0))
    positives = np.add.reduceat(y[order], starts)
    negatives = np.diff(starts, append=p.size) - positives
    if not 0.0 < y.sum() < y.size:
        raise TooFewSamples(
            f"AUC needs rows of both outcomes: got {int(y.sum()):,} positive of {y.size:,} rows; take a longer period"
        )
    below = np.cumsum(negatives) - negatives
    return float(positives @ (below + negatives / 2) / (positives.sum() * negatives.sum()))


def log_loss(p: Floats, y: Floats) -> float:
    """Mean negative log likelihood in nats; lower is better, a constant base rate scores its entropy.

    p, y    arrays of shape (n_samples,); p in [0, 1], y in {0, 1}; no NaN. Probabilities are clipped by 2.2e-16,
            so one certain and wrong row costs 36 nats and not infinity
    raises  TooFewSamples without rows; ValueError for malformed arrays

    >>> round(log_loss(np.full(4, 0.25), np.array([0.0, 0.0, 0.0, 1.0])), 4)
    0.5623
    """
    return float(log_losses(*checked(p, y)).mean())


def log_losses(p: Floats, y: Floats) -> Floats:
    """The log loss of every row, shape (n_samples,), for arrays that were checked before."""
    kept = np.clip(p, LOG_LOSS_CLIP, 1.0 - LOG_LOSS_CLIP)
    losses: Floats = -np.log(np.where(y == 1.0, kept, 1.0 - kept))
    return losses


def brier(p: Floats, y: Floats) -> float:
    """Mean squared distance of the probability from the outcome, in [0, 1]; lower is better.

    p, y    as in `log_loss`

    Brier (1950), Monthly Weather Review 78(1), for two classes and one of them counted.

    >>> brier(np.full(4, 0.25), np.array([0.0, 0.0, 0.0, 1.0]))
    0.1875
    """
    p, y = checked(p, y)
    return float(np.square(p - y).mean())


def calibration_error(p: Floats, y: Floats, bins: int = CALIBRATION_BINS) -> float:
    """Mean gap between predicted probability and observed rate over equal-width bins, weighted by bin size.

    p, y    arrays of shape (n_samples,); p in [0, 1], y in {0, 1}; no NaN
    bins    number of bins of equal width; bin k holds [k / bins, (k + 1) / bins), the last one also 1
    returns a probability in [0, 1]; 0 is perfectly calibrated
    raises  TooFewSamples when n_samples < 10 * bins; ValueError for malformed arrays

    Naeini, Cooper, Hauskrecht (2015), AAAI, eq. 3.

    >>> round(calibration_error(np.full(1000, 0.3), np.repeat([1.0, 0.0], [250, 750])), 3)
    0.05
    """
    p, y = checked(p, y)
    if p.size < 10 * bins:
        raise TooFewSamples(
            f"calibration error over {bins} bins needs at least {10 * bins:,} rows, got {p.size:,}: "
            "take a longer period or fewer bins"
        )
    index = bin_of(p, bins)
    gaps = np.bincount(index, weights=p, minlength=bins) - np.bincount(index, weights=y, minlength=bins)
    return float(np.abs(gaps).sum() / p.size)


def calibration_gap(p: Floats, y: Floats) -> float:
    """Mean prediction minus observed rate, in [-1, 1]; above 0 the model predicts too much.

    p, y    as in `log_loss`

    >>> calibration_gap(np.full(4, 0.5), np.array([0.0, 0.0, 0.0, 1.0]))
    0.25
    """
    p, y = checked(p, y)
    return float(p.mean() - y.mean())


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of predicted against actual classes; they add with `+`.

    A ratio is None where its denominator is 0, because nothing was measured then.

    >>> counts = Confusion(true_negatives=905, false_positives=9, false_negatives=18, true_positives=68)
    >>> round(counts.precision, 4), round(counts.recall, 4), round(counts.f1, 4), counts.accuracy
    (0.8831, 0.7907, 0.8344, 0.973)
    """

    true_negatives: int
    false_positives: int
    false_negatives: int
    true_positives: int

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(
            self.true_negatives + other.true_negatives,
            self.false_positives + other.false_positives,
            self.false_negatives + other.false_negatives,
            self.true_positives + other.true_positives,
        )

    @property
    def n(self) -> int:
        """Number of rows counted."""
        return self.true_negatives + self.false_positives + self.false_negatives + self.true_positives

    @property
    def precision(self) -> float | None:
        """Share of the rows called positive that are."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float | None:
        """Share of the positive rows that were called so."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall."""
        return _ratio(2 * self.true_positives, self.n + self.true_positives - self.true_negatives)

    @property
    def accuracy(self) -> float | None:
        """Share of rows that were called right."""
        return _ratio(self.true_positives + self.true_negatives, self.n)


def confusion(p: Floats, y: Floats, threshold: float, weights: Floats | None = None) -> Confusion:
    """Count the rows called positive (p >= threshold) against what they were.

    p, y      as in `log_loss`
    weights   how many rows each stands for, shape (n_samples,); counts are rounded to whole rows. None = one

    >>> confusion(np.array([0.2, 0.7, 0.7]), np.array([0.0, 0.0, 1.0]), 0.5).precision
    0.5
    """
    p, y = checked(p, y)
    cells = np.bincount(2 * y.astype(np.int64) + (p >= threshold), weights=weights, minlength=4)
    return Confusion(*(round(float(cell)) for cell in cells))


def bin_of(p: Floats, bins: int) -> npt.NDArray[np.int64]:
    """The equal-width bin of every probability, 0 to bins - 1; a probability of 1 belongs to the last."""
    index: npt.NDArray[np.int64] = np.minimum((p * bins).astype(np.int64), bins - 1)
    return index


def checked(p: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return p and y as float64 arrays that every metric can rely on.

    raises  ValueError naming what is malformed: shapes, NaN, probabilities outside [0, 1], outcomes that are not
            0 or 1; TooFewSamples without rows
    """
    p, y = np.asarray(p, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if p.ndim != 1 or p.shape != y.shape:
        raise ValueError(
            f"p and y must be one-dimensional and equally long, got shapes {p.shape} and {y.shape}"
        )
    if p.size == 0:
        raise TooFewSamples("a metric needs at least one row, got none")
    wrong = ~((p >= 0.0) & (p <= 1.0))
    if wrong.any():
        first = int(wrong.argmax())
        raise ValueError(
            f"p must be probabilities in [0, 1], got {p[first]} in row {first} "
            f"({int(wrong.sum()):,} of {p.size:,} rows)"
        )
    wrong = (y != 0.0) & (y != 1.0)
    if wrong.any():
        first = int(wrong.argmax())
        raise ValueError(
            f"y must be outcomes 0 or 1, got {y[first]} in row {first} "
            f"({int(wrong.sum()):,} of {y.size:,} rows)"
        )
    return p, y


def _ratio(numerator: int, denominator: int) -> float | None:
    return numerator / denominator if denominator else None
