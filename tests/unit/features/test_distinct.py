"""Claims about distinct integers; the witness is numpy.unique."""

from __future__ import annotations

import numpy as np
import pytest

from roadworthy.features.distinct import distinct


@pytest.mark.parametrize("values", [[], [0], [5, -3, 5, 5], [0, 2**62, 7, 2**62], [-(2**62), 2**62 - 1]])
def test_distinct_gives_what_unique_gives(values: list[int]) -> None:
    """Whether values lie close together (a table) or far apart (sorting)."""
    array = np.array(values, dtype=np.int64)
    found, places = distinct(array)
    expected, inverse = np.unique(array, return_inverse=True)
    assert found.tolist() == expected.tolist()
    assert places.tolist() == inverse.tolist()
