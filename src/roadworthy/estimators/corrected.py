"""Probabilities learned from sampled rows, corrected to what they are among all rows.

Not here: where the factor comes from (training.sampling). Serving applies it inside the predictor, so that nobody
can score a version without it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from roadworthy.estimators.protocol import Floats, Predictor


def corrected(p: Floats, odds: float) -> Floats:
    """Probabilities whose odds are multiplied by `odds`; what is 0, 1 or NaN stays so.

    Elkan (2001), The Foundations of Cost-Sensitive Learning, IJCAI, theorem 2; King and Zeng (2001), Logistic
    Regression in Rare Events Data, Political Analysis 9(2).

    >>> corrected(np.array([0.5, 1.0]), 0.1).round(4).tolist()
    [0.0909, 1.0]
    """
    p = np.asarray(p, dtype=np.float64)
    result: Floats = odds * p / (odds * p + (1.0 - p))
    return result


@dataclass(frozen=True, slots=True)
class Corrected:
    """A predictor whose answers are corrected; as exact between batches as the one it asks, times the factor."""

    predictor: Predictor
    odds: float

    @property
    def width(self) -> int:
        """Number of columns it was fitted on."""
        return self.predictor.width

    @property
    def tolerance(self) -> float:
        """No correction by a factor moves two answers further apart than by it or its inverse."""
        return self.predictor.tolerance * max(self.odds, 1.0 / self.odds)

    def predict(self, matrix: Floats) -> Floats:
        """The corrected probability of every row."""
        return corrected(self.predictor.predict(matrix), self.odds)


def correcting(predictor: Predictor, odds: float | None) -> Predictor:
    """The predictor, corrected where there is something to correct."""
    return predictor if odds is None else Corrected(predictor, odds)
