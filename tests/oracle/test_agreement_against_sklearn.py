"""scikit-learn as witness of the agreement of raters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from roadworthy.errors import TooFewSamples
from roadworthy.stats.agreement import cohen_kappa, observed_agreement


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=60))
def test_cohens_kappa_is_that_of_scikit_learn(said: list[tuple[int, int]]) -> None:
    """Whatever two raters said, unless both always said the same one thing."""
    first, second = (np.array(column) for column in zip(*said, strict=True))
    assume(np.union1d(first, second).size > 1)
    assert cohen_kappa(first, second) == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)


def test_two_raters_who_always_say_the_same_one_thing_show_nothing() -> None:
    """Chance alone explains it; scikit-learn gives NaN there, which would be drawn as a number."""
    with pytest.raises(TooFewSamples, match="one and the same answer"):
        cohen_kappa(np.ones(9, dtype=np.int64), np.ones(9, dtype=np.int64))
    with pytest.raises(TooFewSamples, match="nothing was judged by both"):
        observed_agreement(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(3,\)"):
        cohen_kappa(np.ones(2, dtype=np.int64), np.ones(3, dtype=np.int64))
