"""Distances between histograms, on counts small enough to check by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from roadworthy.errors import TooFewSamples
from roadworthy.stats.distance import jensen_shannon, jensen_shannon_rows, psi, total_variation

EVERY = (jensen_shannon, psi, total_variation)
COUNTS = arrays(np.int64, 6, elements=st.integers(0, 1_000)).filter(lambda counts: counts.sum() > 0)


@pytest.mark.parametrize("distance", EVERY)
@given(p=COUNTS, q=COUNTS)
def test_distances_are_symmetric_and_never_negative(distance, p, q) -> None:
    """Which side is the reference makes no difference to how far apart they are."""
    assert distance(p, q) == pytest.approx(distance(q, p), abs=1e-9)
    assert distance(p, q) >= 0


@pytest.mark.parametrize("distance", [jensen_shannon, total_variation])
@given(p=COUNTS, factor=st.integers(2, 50))
def test_the_same_shares_in_other_amounts_are_no_distance(distance, p, factor) -> None:
    """A week is compared with half a year."""
    assert distance(p, factor * p) == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("distance", [jensen_shannon, total_variation])
def test_disjoint_bins_are_as_far_apart_as_can_be(distance) -> None:
    """The bound is 1."""
    assert distance(np.array([3, 0]), np.array([0, 8])) == 1.0


def test_psi_of_an_empty_bin_is_finite() -> None:
    """A new category gives a large number, not infinity."""
    assert 1.0 < psi(np.array([100, 0]), np.array([50, 50])) < 10.0


@pytest.mark.parametrize("distance", EVERY)
def test_a_side_without_rows_has_no_distance(distance) -> None:
    """An empty window is not far from the reference, it is unknown."""
    with pytest.raises(TooFewSamples, match="q_counts counts none"):
        distance(np.array([1, 2]), np.array([0, 0]))


@pytest.mark.parametrize("distance", EVERY)
def test_malformed_counts_are_refused(distance) -> None:
    """Other bins, negative counts, NaN."""
    with pytest.raises(ValueError, match="same bins"):
        distance(np.array([1, 2]), np.array([1, 2, 3]))
    for wrong in (-1.0, np.nan):
        with pytest.raises(ValueError, match="finite counts"):
            distance(np.array([1.0, 2.0]), np.array([1.0, wrong]))


@given(p=arrays(np.int64, (5, 6), elements=st.integers(1, 1_000)), q=COUNTS)
def test_distances_of_many_rows_are_those_of_each(p, q) -> None:
    """A season of days is measured at once."""
    found = jensen_shannon_rows(p, np.tile(q, (5, 1)))
    assert found == pytest.approx([jensen_shannon(row, q) for row in p], abs=1e-12)


def test_rows_over_other_bins_are_refused() -> None:
    """One histogram is not compared with many by accident."""
    with pytest.raises(ValueError, match="rows over the same bins"):
        jensen_shannon_rows(np.ones((2, 3)), np.ones((1, 3)))
