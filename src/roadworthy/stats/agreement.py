"""How far people who judged the same things agree, beyond what chance alone would give.

Not here: what they judged.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from roadworthy.errors import TooFewSamples

Codes = npt.NDArray[np.int64]


def observed_agreement(first: Codes, second: Codes) -> float:
    """Share of things to which both gave the same answer.

    first, second   codes of the answers, shape (n_things,), in the same order
    returns         a share in [0, 1]
    raises          TooFewSamples without things, ValueError for shapes that differ

    >>> round(observed_agreement(np.array([1, 1, 1, 0, 0, 0]), np.array([1, 0, 1, 0, 0, 1])), 3)
    0.667
    """
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"two raters need as many answers each, got shapes {first.shape} and {second.shape}")
    if first.size == 0:
        raise TooFewSamples("nothing was judged by both")
    return float((first == second).mean())


def cohen_kappa(first: Codes, second: Codes) -> float:
    """Agreement of two raters beyond chance: 1 is perfect, 0 what independent raters with the same habits reach.

    first, second   codes of the answers, shape (n_things,), in the same order
    returns         (observed - expected) / (1 - expected), at most 1
    raises          TooFewSamples without things, and where both always say the same one thing, so that chance alone
                    explains everything; ValueError for shapes that differ

    Cohen (1960), Educational and Psychological Measurement 20, 37-46. Witness: truth and one inspector.

    >>> round(cohen_kappa(np.array([1, 1, 1, 0, 0, 0]), np.array([1, 0, 1, 0, 0, 1])), 3)
    0.333
    """
    observed = observed_agreement(first, second)
    kinds = np.union1d(first, second)
    expected = float(sum((first == kind).mean() * (second == kind).mean() for kind in kinds))
    if expected >= 1.0:
        raise TooFewSamples("both raters gave one and the same answer to everything")
    return (observed - expected) / (1.0 - expected)
