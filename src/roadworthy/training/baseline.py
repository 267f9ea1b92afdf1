"""The trivial predictor that a model must beat to be worth serving.

Not here: the comparison itself, which the gate makes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from roadworthy.errors import TooFewSamples
from roadworthy.estimators.corrected import corrected
from roadworthy.features.batch import Floats


@dataclass(frozen=True, slots=True)
class Baseline:
    """Answers every row with the share of positives among the training rows.

    >>> Baseline(0.25).predict(2)
    array([0.25, 0.25])
    """

    rate: float

    @classmethod
    def fit(cls, y: Floats, odds: float | None = None) -> Baseline:
        """The baseline of labels 0 and 1; TooFewSamples without any.

        odds   what its odds are multiplied by, where the rows were sampled
        """
        if not len(y):
            raise TooFewSamples("there are 0 training rows with a known outcome: train on a longer span")
        rate = np.array([np.mean(y)])
        return cls(float((rate if odds is None else corrected(rate, odds))[0]))

    def predict(self, n: int) -> Floats:
        """The rate, `n` times."""
        return np.full(n, self.rate)
