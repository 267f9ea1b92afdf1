"""Exact sums over ranges of an array, from one pass over it.

A difference of two running float sums carries the rounding of everything before the range, and of how the running
sum was grouped. Here numbers are cut into digits of 32 bits on one absolute grid, so that running sums are integers
and exact: the sum of a range is a function of its members alone, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_DIGIT_BITS = 32
_MASK = (1 << _DIGIT_BITS) - 1
#: 2^-1152 is a multiple of 32 bits below the last bit of the smallest float, 2^-1126 as `frexp` counts it.
_LOWEST = 1_152


def range_sums(values: Floats, first: Integers, end: Integers) -> Floats:
    """Sum of `values[first[i]:end[i]]` for every i.

    values       shape (n,), finite; NaN is refused by an assertion, for whoever calls decides what a gap means
    first, end   shape (m,), 0 <= first <= end <= n
    returns      shape (m,), within one unit in the last place of the exact sum; 0 for an empty range

    >>> range_sums(np.array([1e300, 1.0, 2.0, -1e300]), np.array([1, 0]), np.array([3, 4]))
    array([3., 3.])
    """
    assert np.isfinite(values).all()
    total = np.zeros(len(first))
    carry = np.zeros(len(first), dtype=np.int64)
    half = 1 << (_DIGIT_BITS - 1)
    exponent = -_LOWEST
    for exponent, digits in _digits(values):
        running = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(digits)])
        here = running[end] - running[first] + carry
        carry = (here + half) >> _DIGIT_BITS
        total += np.ldexp((here - (carry << _DIGIT_BITS)).astype(np.float64), exponent)
    return total + np.ldexp(carry.astype(np.float64), exponent + _DIGIT_BITS)


def _digits(values: Floats) -> Iterator[tuple[int, Integers]]:
    """Every place of the grid from the lowest in use to the highest: its exponent of two, and each value's digit."""
    fraction, exponent = np.frexp(values)
    mantissa = np.ldexp(np.abs(fraction), 53).astype(np.int64)
    sign = np.sign(fraction).astype(np.int64)
    position, shift = np.divmod(exponent.astype(np.int64) - 53 + _LOWEST, _DIGIT_BITS)
    low = (mantissa & _MASK) << shift
    high = ((mantissa >> _DIGIT_BITS) << shift) + (low >> _DIGIT_BITS)
    parts = (sign * (low & _MASK), sign * (high & _MASK), sign * (high >> _DIGIT_BITS))
    used = position[mantissa != 0]
    if not len(used):
        return
    for place in range(int(used.min()), int(used.max()) + len(parts)):
        digits = np.zeros(len(values), dtype=np.int64)
        for offset, part in enumerate(parts):
            digits += np.where(position + offset == place, part, 0)
        yield place * _DIGIT_BITS - _LOWEST, digits
