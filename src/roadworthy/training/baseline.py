"""The trivial predictor that a model must beat to be worth serving.

Not here: the comparison itself, which the gate makes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from roadworthy.errors import TooFewSamples
from roadworthy.features.batch import Floats


@dataclass(frozen=True, slots=True)
class Baseline:
    """Answers every row with the share of positives among the training rows.

    >>> Baseline(0.25).predict(2)
    array([0.25, 0.25])
    """

    rate: float

    @classmethod
    def fit(cls, y: Floats) -> Baseline:
        """The baseline of labels 0 and 1; TooFewSamples without any."""
        if not len(y):
            raise TooFewSamples("there are 0 training rows with a known outcome: train on a longer span")
        return cls(float(np.mean(y)))

    def predict(self, n: int) -> Floats:
        """The rate, `n` times."""
        return np.full(n, self.rate)
