"""Scores brought to another mean, so that versions can be compared without what moved all their rows alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

Floats = npt.NDArray[np.float64]

#: Scores and their mean are at least so far from 0 and 1, and move by at most so many logits.
CLIP, FARTHEST = 1e-9, 60.0

#: Halvings after which the number is known to the last digit; a library's root finding takes longer to load than all.
HALVINGS = 55


def levelled(scores: Floats, mean: float, weights: Floats | None = None) -> Floats:
    """Scores moved by one number, in logits, so that their mean is `mean`: a season is nobody's merit.

    scores    probabilities, shape (n_rows,); no rows are no rows
    mean      in [0, 1]
    weights   how much each row counts; None = alike

    >>> levelled(np.array([0.1, 0.2, 0.3]), 0.4).round(3).tolist()
    [0.239, 0.414, 0.547]
    """
    if not scores.size:
        return scores
    logits, wanted = logit(np.clip(scores, CLIP, 1.0 - CLIP)), float(np.clip(mean, CLIP, 1.0 - CLIP))

    low, high = -FARTHEST, FARTHEST
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = np.average(expit(logits + middle), weights=weights) < wanted
        low, high = (middle, high) if below else (low, middle)
    moved: Floats = expit(logits + (low + high) / 2)
    return moved
