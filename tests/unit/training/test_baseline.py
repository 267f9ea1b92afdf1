"""The trivial predictor."""

from __future__ import annotations

import numpy as np
import pytest

from roadworthy.errors import TooFewSamples
from roadworthy.training.baseline import Baseline


def test_it_answers_every_row_alike() -> None:
    """One positive in four rows: 0.25 for everybody."""
    assert Baseline.fit(np.array([0.0, 0.0, 1.0, 0.0])).predict(3).tolist() == [0.25, 0.25, 0.25]


def test_no_rows_have_no_rate() -> None:
    """A share of nothing is not NaN, it is too little evidence."""
    with pytest.raises(TooFewSamples, match="0 training rows"):
        Baseline.fit(np.array([]))
