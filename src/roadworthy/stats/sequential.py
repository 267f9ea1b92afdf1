"""Always-valid inference: an interval for a mean that may be looked at after every block without paying for it.

Not here: the between-block variance, which is known from a reference period, and what is decided with the interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import lambertw

from roadworthy.errors import TooFewSamples

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ConfidenceSequence:
    """The estimate and its interval after each block; arrays of shape (n_blocks,).

    value       mean of all blocks so far, weighted by the inverse of their variance
    low, high   the interval; all of them together hold the true mean with probability `level`
    level       probability in (0, 1)
    """

    value: Floats
    low: Floats
    high: Floats
    level: float

    def excludes(self, mean: float) -> npt.NDArray[np.bool_]:
        """After which blocks the interval does not hold `mean`; shape (n_blocks,)."""
        outside: npt.NDArray[np.bool_] = (self.low > mean) | (self.high < mean)
        return outside


def confidence_sequence(
    values: Floats, variances: Floats | float, *, level: float = 0.95, tuned_for: int = 30
) -> ConfidenceSequence:
    """Interval for the mean of independent blocks, valid at every block and at any stopping time.

    values      block means in time order, shape (n_blocks,), such as the calibration gap of each day
    variances   known variance of each block's value around the true mean: between-day variance plus the sampling
                variance of the rows in that block; one number, or shape (n_blocks,)
    level       probability in (0, 1) that no interval ever misses the true mean
    tuned_for   number of blocks at which the interval is narrowest; chosen before the first look
    raises      TooFewSamples without blocks; ValueError for malformed arguments

    With weights w = 1 / variance, S = sum of w * (value - mean) and V = sum of w, the mixture of the likelihood
    ratios over a normal prior is a martingale, so with probability `level`, for all blocks at once,
    |S| < sqrt((V + rho) * ln((V + rho) / (rho * alpha^2))), alpha = 1 - level.

    Robbins (1970), Annals of Mathematical Statistics 41(5); Howard, Ramdas, McAuliffe, Sekhon (2021), Annals of
    Statistics 49(2), the two-sided normal mixture, with the rho that is best at `tuned_for`.

    >>> sequence = confidence_sequence(np.array([0.02, 0.04, 0.03]), 0.03**2)
    >>> bool(sequence.excludes(0.0).any())
    False
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(f"values must be one-dimensional and finite, got shape {values.shape}")
    if values.size == 0:
        raise TooFewSamples("a confidence sequence needs at least one block, got none")
    spread = np.broadcast_to(np.asarray(variances, dtype=np.float64), values.shape)
    if not ((spread > 0) & np.isfinite(spread)).all():
        raise ValueError(f"variances must be finite and above 0, got {spread.min()} to {spread.max()}")
    if not 0.0 < level < 1.0 or tuned_for < 1:
        raise ValueError(f"level must be in (0, 1) and tuned_for at least 1, got {level} and {tuned_for}")
    weights = 1.0 / spread
    information = np.cumsum(weights)
    centre = np.cumsum(weights * values) / information
    radius = normal_mixture_boundary(information, 1.0 - level, tuned_for * float(weights[0])) / information
    return ConfidenceSequence(centre, centre - radius, centre + radius, level)


def normal_mixture_boundary(information: Floats, alpha: float, tuned_for: float) -> Floats:
    """Bound that the absolute value of a standard Brownian motion crosses at any time with probability alpha.

    information  intrinsic time V, any shape
    alpha        probability in (0, 1) of ever crossing
    tuned_for    intrinsic time at which the bound, relative to sqrt(V), is lowest

    >>> bool(normal_mixture_boundary(np.array([1.0]), 0.05, 1.0)[0] > 1.96)
    True
    """
    rho = tuned_for / float(-lambertw(-(alpha**2) / np.e, -1).real - 1.0)
    bound: Floats = np.sqrt((information + rho) * np.log((information + rho) / (rho * alpha**2)))
    return bound
