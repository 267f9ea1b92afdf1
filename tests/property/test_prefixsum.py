"""Sums over ranges are exact to the last unit, and nothing outside a range touches them."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.data.prefixsum import range_sums

values = st.lists(
    st.floats(-1e300, 1e300) | st.sampled_from([0.0, 5e-324, 1e16, -1e16, 1.0, 2.0**-1022]), max_size=12
)


def sums(numbers: list[float], ranges: list[tuple[int, int]]) -> list[float]:
    """The sums as plain floats."""
    first, end = np.array(ranges, dtype=np.int64).reshape(-1, 2).T
    return range_sums(np.array(numbers, dtype=np.float64), first, end).tolist()


@given(values)
def test_a_sum_is_within_one_unit_of_the_exact_fraction(numbers: Any) -> None:
    """The witness is arithmetic in fractions, which rounds nothing."""
    ranges = [(first, end) for end in range(len(numbers) + 1) for first in range(end + 1)]
    for (first, end), got in zip(ranges, sums(numbers, ranges), strict=True):
        exact = sum(map(Fraction, numbers[first:end]), Fraction(0))
        assert abs(Fraction(got) - exact) <= Fraction(math.ulp(float(exact)))


@given(values, values, values)
def test_what_is_outside_the_range_does_not_change_a_bit(before: Any, inside: Any, after: Any) -> None:
    """A running sum in floats would carry the rounding of everything before."""
    here = len(before), len(before) + len(inside)
    assert sums([*before, *inside, *after], [here]) == sums(inside, [(0, len(inside))])
