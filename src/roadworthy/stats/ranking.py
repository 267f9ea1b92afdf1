"""Quality of a ranking within groups, such as the candidates of one request.

Not here: intervals (`resampling`): the numbers here are one a group, and groups are rows of a day.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from roadworthy.errors import TooFewSamples

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Nobody looks further down a list.
TOP = 10


def ndcg_of_groups(scores: Floats, gains: Floats, groups: Ints, top: int = TOP) -> tuple[Ints, Floats]:
    """Normalised discounted cumulative gain at `top` of every group in which there is something to rank.

    scores, gains   float64 (n_rows,): what rows are ranked by, and what they are worth, at least 0
    groups          int64 (n_rows,): the number of each row's group
    returns         the groups (sorted) that have rows of different worth, and the NDCG of each, in [0, 1]
    raises          TooFewSamples when no group has; ValueError for malformed arrays

    Järvelin and Kekäläinen (2002), ACM Transactions on Information Systems 20(4), with the logarithm of the position
    plus one; rows of equal score share the discounts of their positions (McSherry and Najork 2008, ECIR), so that a
    constant gets what chance gets.

    >>> kinds, found = ndcg_of_groups(np.array([0.9, 0.1, 0.5]), np.array([0.0, 1.0, 0.0]), np.array([7, 7, 7]))
    >>> kinds.tolist(), found.tolist()
    ([7], [0.5])
    """
    scores, gains = np.asarray(scores, dtype=np.float64), np.asarray(gains, dtype=np.float64)
    if not scores.shape == gains.shape == groups.shape or not np.isfinite(scores).all() or (gains < 0).any():
        raise ValueError(
            "scores must be finite, gains at least 0 and groups given for every row, got shapes "
            f"{scores.shape}, {gains.shape} and {groups.shape}"
        )
    kinds, index = np.unique(groups, return_inverse=True)
    sizes = np.bincount(index)
    totals = np.bincount(index, weights=gains)
    best = np.full(kinds.size, -np.inf)
    np.maximum.at(best, index, gains)
    apart = totals < best * sizes  # else all are worth the same
    if not apart.any():
        raise TooFewSamples(
            f"no group of {kinds.size:,} has rows of different outcome, so there is nothing to rank"
        )
    achieved = _gained(scores, gains, index, top)
    ideal = _gained(gains, gains, index, top)
    return kinds[apart], achieved[apart] / ideal[apart]


def _gained(scores: Floats, gains: Floats, index: Ints, top: int) -> Floats:
    """Discounted gain of every group when it is ranked by `scores`."""
    order = np.lexsort((-scores, index))
    group, ranked = index[order], scores[order]
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    place = np.arange(group.size) - np.repeat(starts, np.diff(starts, append=group.size))
    discount = np.where(place < top, 1.0 / np.log2(place + 2.0), 0.0)
    tie = np.cumsum((np.diff(group, prepend=-1) != 0) | (np.diff(ranked, prepend=np.nan) != 0)) - 1
    shared = (np.bincount(tie, weights=discount) / np.bincount(tie))[tie]
    gained: Floats = np.bincount(group, weights=shared * gains[order]).astype(np.float64)
    return gained
