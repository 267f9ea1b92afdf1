"""Cutting rows by time."""

from __future__ import annotations

import numpy as np
import pytest

from roadworthy.clock import instant, micros, parse_instant
from roadworthy.data.split import day_boundaries, day_number, time_split
from roadworthy.errors import DefinitionError, TooFewSamples

DAY = 86_400_000_000


def test_a_row_at_a_boundary_falls_after_it() -> None:
    """Parts are half open: no row falls into two."""
    assert time_split(np.array([9, 10, 11, 20, 99]), [instant(10), instant(20)]).tolist() == [0, 1, 1, 2, 2]
    assert time_split(np.array([1, 2]), []).tolist() == [0, 0]


def test_boundaries_must_ascend_and_have_a_timezone() -> None:
    """Otherwise a part would be empty without saying so."""
    with pytest.raises(DefinitionError, match="do not ascend"):
        time_split(np.array([1]), [instant(5), instant(5)])
    with pytest.raises(DefinitionError, match="no timezone"):
        time_split(np.array([1]), [instant(5).replace(tzinfo=None)])


def test_a_day_is_a_day_in_utc() -> None:
    """An evening in New York belongs to the next day."""
    times = [
        micros(parse_instant(text))
        for text in ("2013-07-01T23:59:59", "2013-07-01T20:00-04:00", "1969-12-31")
    ]
    assert day_number(np.array(times)).tolist() == [15_887, 15_888, -1]


def test_shares_are_cut_at_midnights_nearest_to_them() -> None:
    """Rows of one day stay together, in whatever order they come."""
    times = np.random.default_rng(0).permutation(np.repeat(np.arange(10) * DAY, 7) + 5)
    boundaries = day_boundaries(times, [0.6, 0.2, 0.2])
    assert boundaries == [parse_instant("1970-01-07"), parse_instant("1970-01-09")]
    assert np.bincount(time_split(times, boundaries)).tolist() == [42, 14, 14]


def test_no_part_is_empty_even_when_one_day_has_nearly_all_rows() -> None:
    """A day cannot be cut, so the parts are as unequal as the days."""
    times = np.concatenate([np.zeros(97), [DAY], [2 * DAY], [3 * DAY]]).astype(np.int64)
    assert np.bincount(time_split(times, day_boundaries(times, [0.5, 0.25, 0.25]))).tolist() == [97, 1, 2]


def test_too_few_days_and_shares_that_do_not_add_up_are_refused() -> None:
    """Three parts need three days."""
    with pytest.raises(TooFewSamples, match="2 days with rows cannot be cut into 3 parts"):
        day_boundaries(np.array([0, DAY]), [0.5, 0.25, 0.25])
    for shares in ([0.5, 0.4], [1.5, -0.5], []):
        with pytest.raises(DefinitionError, match="must be above 0 and add up to 1"):
            day_boundaries(np.array([0, DAY]), shares)
