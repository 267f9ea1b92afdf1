"""What `learned` may look at: what simple rivals of the candidate say of the same held-out rows.

Not here: how they were asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heuristic:
    """A declared rule.

    name           as it was declared
    scores         what it says of each held-out row, shape (n_rows,), NaN where it says nothing
    probabilities  whether the scores are probabilities; otherwise they only rank
    """

    name: str
    scores: Floats
    probabilities: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """Rivals on the rows of the holdout, in their order.

    shuffled    scores of the twins that were trained on shuffled labels, shape (n_twins, n_rows); None for a version
                that was trained without any
    heuristic   the declared rule; None where none is declared
    groups      number of the group that each row is ranked within, shape (n_rows,); None where none is declared
    cut         the declared cut from which on a score is called positive; None where none is declared
    trained_rate   share of positives among the training rows, which the default cut goes by
    """

    shuffled: Floats | None
    heuristic: Heuristic | None = None
    groups: Ints | None = None
    cut: float | None = None
    trained_rate: float
