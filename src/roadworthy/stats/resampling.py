"""Intervals by resampling whole days, because the rows of one day share its weather and are not independent.

Not here: always-valid intervals for looking again and again (`sequential`). The data is reduced once to sums per
block; a resample is then a row of block weights times these sums, so 500 resamples of half a year and 170,000 rows
take a fraction of a second. Point estimates are always exact, from the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtrit

from roadworthy.errors import TooFewSamples
from roadworthy.stats import metrics

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]

Metric = Literal["auc", "log_loss", "brier", "calibration_error", "calibration_gap"]

METRICS: tuple[Metric, ...] = ("auc", "log_loss", "brier", "calibration_error", "calibration_gap")

#: The exact number from rows that each metric's interval is put around.
EXACT: Mapping[Metric, Callable[[Floats, Floats], float]] = {
    "auc": metrics.auc,
    "log_loss": metrics.log_loss,
    "brier": metrics.brier,
    "calibration_error": metrics.calibration_error,
    "calibration_gap": metrics.calibration_gap,
}

#: What each metric can be; an interval never leaves it.
RANGE: Mapping[Metric, tuple[float, float]] = {
    "auc": (0.0, 1.0),
    "log_loss": (0.0, float("inf")),
    "brier": (0.0, 1.0),
    "calibration_error": (0.0, 1.0),
    "calibration_gap": (-1.0, 1.0),
}

#: Fewer blocks than this say next to nothing about how much blocks differ.
MIN_BLOCKS = 5

#: Scores are kept apart in at most so many bins when AUC is resampled; ties within a bin count one half.
SCORE_BINS = 1_024


@dataclass(frozen=True, slots=True)
class Interval:
    """A number with the range it may have had on other days of the same kind.

    value      exact, from all rows
    low, high  bounds of the interval; low <= value <= high
    level      probability in (0, 1) with which such an interval holds the true number
    blocks     number of independent blocks (days) it rests on
    """

    value: float
    low: float
    high: float
    level: float
    blocks: int

    def excludes(self, number: float) -> bool:
        """Whether `number` lies outside the interval."""
        return not self.low <= number <= self.high


@dataclass(frozen=True, slots=True)
class BlockSums:
    """All that resampling needs of one model's predictions, per block; arrays have shape (n_blocks, ...).

    rows, log_loss, brier, gap      sums over the rows of a block
    bin_gaps                        sum of p - y in each calibration bin
    positives, negatives            rows of either outcome in each score bin, ascending
    """

    rows: Floats
    log_loss: Floats
    brier: Floats
    gap: Floats
    bin_gaps: Floats
    positives: Floats
    negatives: Floats

    def resampled(self, metric: Metric, weights: Floats) -> Floats:
        """The metric under each row of block weights, shape (resamples,); NaN where it does not exist."""
        if metric == "auc":
            return self._auc(weights)
        rows = weights @ self.rows
        if metric == "calibration_error":
            return _divided(np.abs(weights @ self.bin_gaps).sum(axis=1), rows)
        sums = {"log_loss": self.log_loss, "brier": self.brier, "calibration_gap": self.gap}[metric]
        return _divided(weights @ sums, rows)

    def calibration_noise(self, weights: Floats) -> Floats:
        """Calibration error that chance alone adds at most, by the gaps of resamples around the gaps found."""
        found = self.bin_gaps.sum(axis=0) / self.rows.sum()
        drawn = (weights @ self.bin_gaps) / (weights @ self.rows)[:, None]
        noise: Floats = np.abs(drawn - found).sum(axis=1)
        return noise

    def _auc(self, weights: Floats) -> Floats:
        positives, negatives = weights @ self.positives, weights @ self.negatives
        below = np.cumsum(negatives, axis=1) - negatives / 2
        ranked: Floats = np.einsum("rb,rb->r", positives, below)
        return _divided(ranked, positives.sum(axis=1) * negatives.sum(axis=1))


def block_sums(p: Floats, y: Floats, blocks: Ints, weights: Floats | None = None) -> BlockSums:
    """Reduce rows to sums per block.

    p, y     arrays of shape (n_samples,) as in `metrics`
    blocks   whole numbers of shape (n_samples,), such as the day of each row; equal numbers are one block
    weights  how many rows each stands for, finite and at least 0; None = one
    raises   ValueError for malformed arrays
    """
    p, y = metrics.checked(p, y)
    each = _weights(weights, p.size)
    index, count = _numbered(blocks, p.size)
    scores = _score_bins(p)
    width, bins = int(scores.max()) + 1, metrics.CALIBRATION_BINS
    cell = index * width + scores

    def summed(values: Floats) -> Floats:
        return np.bincount(index, weights=each * values, minlength=count).astype(np.float64)

    total = np.bincount(cell, weights=each, minlength=count * width).astype(np.float64)
    positives = np.bincount(cell, weights=each * y, minlength=count * width).astype(np.float64)
    gaps = np.bincount(index * bins + metrics.bin_of(p, bins), weights=each * (p - y), minlength=count * bins)
    return BlockSums(
        rows=np.bincount(index, weights=each, minlength=count).astype(np.float64),
        log_loss=summed(metrics.log_losses(p, y)),
        brier=summed(np.square(p - y)),
        gap=summed(p - y),
        bin_gaps=gaps.reshape(count, bins).astype(np.float64),
        positives=positives.reshape(count, width),
        negatives=(total - positives).reshape(count, width),
    )


def metric_intervals(
    p: Floats,
    y: Floats,
    blocks: Ints,
    rng: np.random.Generator,
    *,
    resamples: int = 500,
    level: float = 0.95,
    names: Sequence[Metric] = METRICS,
    weights: Floats | None = None,
) -> dict[Metric, Interval]:
    """Metrics of one model, each with its interval over resampled blocks.

    p, y, blocks, weights   as in `block_sums`
    rng           decides the resamples; equal generators give equal intervals
    raises        TooFewSamples with fewer than 5 blocks, or where a metric needs more rows; ValueError for
                  malformed arrays

    The percentiles are widened for few blocks as Hesterberg (2015), The American Statistician 69(4),
    proposes. Calibration error, a sum of absolute gaps, is above 0 by chance alone; by the triangle inequality it
    exceeds the true one by at most the absolute noise of its bins, so its lower bound is the value less the upper
    percentile of that noise. It is never called too large for what chance explains.

    >>> rng = np.random.default_rng(1)
    >>> p = rng.uniform(size=3_000)
    >>> found = metric_intervals(p, (rng.uniform(size=3_000) < p) * 1.0, np.arange(3_000) // 100, rng)
    >>> found["auc"].low < found["auc"].value < found["auc"].high
    True
    """
    sums = block_sums(p, y, blocks, weights)
    drawn = resampling_weights(sums.rows.size, resamples, rng)
    found = {}
    for name in names:
        value = _exact(name, p, y, sums, weights)
        interval = _interval(value, sums.resampled(name, drawn), sums.rows.size, level)
        low, high = max(interval.low, RANGE[name][0]), min(interval.high, RANGE[name][1])
        if name == "calibration_error":
            noise = np.quantile(sums.calibration_noise(drawn), 1.0 - _tail(interval.blocks, level))
            low = max(interval.value - float(noise), 0.0)
        found[name] = Interval(interval.value, low, high, level, interval.blocks)
    return found


def paired_intervals(
    p_new: Floats,
    p_old: Floats,
    y: Floats,
    blocks: Ints,
    rng: np.random.Generator,
    *,
    resamples: int = 500,
    level: float = 0.95,
    names: Sequence[Metric] = METRICS,
    weights: Floats | None = None,
) -> dict[Metric, Interval]:
    """Difference of each metric, new minus old, on the same rows and the same resampled blocks.

    p_new, p_old, y, blocks  arrays of shape (n_samples,), rows in the same order; p_old may be several, of shape
                             (n_rivals, n_samples): then the mean of their metrics is what is compared with
    weights                  as in `block_sums`
    raises                   as `metric_intervals`

    >>> rng = np.random.default_rng(1)
    >>> p = rng.uniform(size=3_000)
    >>> y, days = (rng.uniform(size=3_000) < p) * 1.0, np.arange(3_000) // 100
    >>> same = paired_intervals(p, p, y, days, rng)["log_loss"]
    >>> (same.low, same.value, same.high)
    (0.0, 0.0, 0.0)
    """
    rivals = np.atleast_2d(p_old)
    new, olds = block_sums(p_new, y, blocks, weights), [block_sums(p, y, blocks, weights) for p in rivals]
    drawn = resampling_weights(new.rows.size, resamples, rng)
    return {
        name: _interval(
            _exact(name, p_new, y, new, weights)
            - sum(_exact(name, p, y, old, weights) for p, old in zip(rivals, olds, strict=True)) / len(olds),
            new.resampled(name, drawn) - np.mean([old.resampled(name, drawn) for old in olds], axis=0),
            new.rows.size,
            level,
        )
        for name in names
    }


def block_interval(
    values: Floats,
    blocks: Ints,
    rng: np.random.Generator,
    *,
    resamples: int = 500,
    level: float = 0.95,
    weights: Floats | None = None,
) -> Interval:
    """Mean of any number per row, with its interval over resampled blocks.

    values, blocks  arrays of shape (n_samples,); values finite
    weights         as in `block_sums`
    raises          TooFewSamples without rows or with fewer than 5 blocks; ValueError for malformed arrays

    >>> block_interval(np.repeat([1.0, 2.0], 50), np.arange(100), np.random.default_rng(1)).value
    1.5
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(f"values must be one-dimensional and finite, got shape {values.shape}")
    if values.size == 0:
        raise TooFewSamples("an interval needs at least one row, got none")
    index, count = _numbered(blocks, values.size)
    each = _weights(weights, values.size)
    sums = np.bincount(index, weights=each * values, minlength=count)
    rows = np.bincount(index, weights=each, minlength=count)
    drawn = resampling_weights(count, resamples, rng)
    return _interval(_mean(values, each), _divided(drawn @ sums, drawn @ rows), count, level)


def difference_interval(
    values: Floats,
    inside: Marks,
    blocks: Ints,
    rng: np.random.Generator,
    *,
    resamples: int = 500,
    level: float = 0.95,
    weights: Floats | None = None,
) -> Interval:
    """Mean of a number among some rows minus that among all others, with its interval over resampled blocks.

    values, inside, blocks  arrays of shape (n_samples,); values finite, inside whether a row is one of those
    weights                 as in `block_sums`
    raises                  TooFewSamples where either side has no rows, or with fewer than 5 blocks

    >>> inside = np.tile([True, False], 50)
    >>> difference_interval(inside * 0.5, inside, np.arange(100) // 10, np.random.default_rng(1)).value
    0.5
    """
    if not np.isfinite(values).all():
        raise ValueError("values must be finite")
    if inside.all() or not inside.any():
        raise TooFewSamples("a difference needs rows on both sides")
    index, count = _numbered(blocks, values.size)
    each = _weights(weights, values.size)
    drawn = resampling_weights(count, resamples, rng)
    value, resampled = 0.0, np.zeros(resamples)
    for side, sign in ((inside, 1.0), (~inside, -1.0)):
        sums = np.bincount(index[side], weights=(each * values)[side], minlength=count)
        rows = np.bincount(index[side], weights=each[side], minlength=count)
        value += sign * _mean(values[side], each[side])
        resampled += sign * _divided(drawn @ sums, drawn @ rows)
    return _interval(value, resampled, count, level)


def resampling_weights(blocks: int, resamples: int, rng: np.random.Generator) -> Floats:
    """How often each block is drawn in each resample, shape (resamples, blocks); every row sums to `blocks`."""
    if blocks < MIN_BLOCKS:
        raise TooFewSamples(
            f"an interval over blocks needs at least {MIN_BLOCKS} of them (days), got {blocks}: take a longer period"
        )
    if resamples < 100:
        raise ValueError(f"resamples must be at least 100 for percentiles to mean anything, got {resamples}")
    return rng.multinomial(blocks, np.full(blocks, 1.0 / blocks), size=resamples).astype(np.float64)


def _exact(name: Metric, p: Floats, y: Floats, sums: BlockSums, weights: Floats | None) -> float:
    """The number from rows; weighted rows give it by their sums (AUC to within its score bins)."""
    if weights is None:
        return EXACT[name](p, y)
    value = float(sums.resampled(name, np.ones((1, sums.rows.size)))[0])
    if np.isnan(value):
        raise TooFewSamples(f"{name} does not exist where all rows of an outcome weigh nothing")
    return value


def _mean(values: Floats, weights: Floats) -> float:
    if not weights.any():
        raise TooFewSamples("a mean does not exist where all rows weigh nothing")
    return float(np.average(values, weights=weights))


def _weights(weights: Floats | None, rows: int) -> Floats:
    if weights is None:
        return np.ones(rows)
    each = np.asarray(weights, dtype=np.float64)
    if each.shape != (rows,) or not (np.isfinite(each) & (each >= 0)).all():
        raise ValueError(
            f"weights must be finite and at least 0, one a row of {rows:,}, got shape {each.shape}"
        )
    return each


def _interval(value: float, drawn: Floats, blocks: int, level: float) -> Interval:
    """Percentiles of the resamples, moved so that their median is the exact value."""
    known = drawn[np.isfinite(drawn)]
    if known.size < 0.95 * drawn.size:
        raise TooFewSamples(
            f"the metric does not exist in {drawn.size - known.size} of {drawn.size} resamples of {blocks} blocks: "
            "one outcome is too rare; take a longer period"
        )
    tail = _tail(blocks, level)
    low, middle, high = (float(number) for number in np.quantile(known, [tail, 0.5, 1.0 - tail]))
    return Interval(value, value - (middle - low), value + (high - middle), level, blocks)


def _tail(blocks: int, level: float) -> float:
    """Share of resamples left out on either side, smaller than (1 - level) / 2 for few blocks."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must be in (0, 1), got {level}")
    return float(ndtr(-np.sqrt(blocks / (blocks - 1)) * stdtrit(blocks - 1, (1.0 + level) / 2)))


def _numbered(blocks: Ints, rows: int) -> tuple[Ints, int]:
    """Blocks renumbered 0, 1, ... without gaps, and how many there are."""
    blocks = np.asarray(blocks)
    if blocks.shape != (rows,) or not np.issubdtype(blocks.dtype, np.integer):
        raise ValueError(
            f"blocks must be whole numbers, one a row of {rows:,}, got {blocks.dtype} of shape {blocks.shape}"
        )
    kinds, index = np.unique(blocks, return_inverse=True)
    return index.astype(np.int64), kinds.size


def _score_bins(p: Floats) -> Ints:
    """The bin of each score: its own where few differ, else one of 1,024 that hold equally many rows."""
    kinds, index, counts = np.unique(p, return_inverse=True, return_counts=True)
    if kinds.size <= SCORE_BINS:
        return index.astype(np.int64)
    middle_rank = np.cumsum(counts) - counts / 2
    bins: Ints = np.minimum((middle_rank * SCORE_BINS / p.size).astype(np.int64), SCORE_BINS - 1)
    return bins[index]


def _divided(numerators: Floats, denominators: Floats) -> Floats:
    """Quotients, NaN where the denominator is 0."""
    nothing = np.full_like(numerators, np.nan)
    quotients: Floats = np.divide(numerators, denominators, out=nothing, where=denominators > 0)
    return quotients
