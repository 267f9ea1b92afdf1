"""Cutting rows by time, by outcome and by group."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.clock import instant, micros, parse_instant
from roadworthy.data.split import day_boundaries, day_number, group_split, stratified_split, time_split
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


def test_the_published_split_has_eighteen_six_and_six_positives_whatever_the_seed() -> None:
    """30 of 100, 60/20/20: a split by chance gave 21, 2 and 7."""
    outcome = np.random.default_rng(0).permutation(np.repeat([1, 0], [30, 70]))
    for seed in range(20):
        parts = stratified_split(outcome, [0.6, 0.2, 0.2], np.random.default_rng(seed))
        assert np.bincount(parts[outcome == 1]).tolist() == [18, 6, 6]
        assert np.bincount(parts).tolist() == [60, 20, 20]
    assert not np.array_equal(parts, stratified_split(outcome, [0.6, 0.2, 0.2], np.random.default_rng(0)))


@given(
    sizes=st.lists(st.integers(3, 40), min_size=1, max_size=6),
    shares=st.sampled_from([(0.6, 0.2, 0.2), (0.8, 0.1, 0.1), (0.34, 0.33, 0.33)]),
    seed=st.integers(0, 99),
)
def test_every_stratum_is_shared_out_to_within_one_row(
    sizes: list[int], shares: tuple[float, ...], seed: int
) -> None:
    """And so are all rows together, though each stratum is rounded."""
    strata = np.repeat(np.arange(len(sizes)), sizes)
    parts = stratified_split(strata, shares, np.random.default_rng(seed))
    for stratum, size in enumerate(sizes):
        counts = np.bincount(parts[strata == stratum], minlength=3)
        assert counts.sum() == size
        assert np.abs(counts - np.array(shares) * size).max() < 2
    assert np.abs(np.bincount(parts, minlength=3) - np.array(shares) * sum(sizes)).max() < 1 + 1e-9


@given(sizes=st.lists(st.integers(1, 9), min_size=3, max_size=30), seed=st.integers(0, 99))
def test_a_group_is_in_one_part_and_no_part_is_empty(sizes: list[int], seed: int) -> None:
    """Rows of one patient know each other."""
    groups = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    parts = group_split(groups, [0.6, 0.2, 0.2], np.random.default_rng(seed))
    assert all(len(set(parts[groups == group])) == 1 for group in range(len(sizes)))
    assert set(parts) == {0, 1, 2}


def test_splits_that_cannot_be_are_refused() -> None:
    """Too few of one kind, too few groups, shares that do not add up."""
    chance = np.random.default_rng(0)
    with pytest.raises(TooFewSamples, match="2 rows with 1 cannot be in each of 3 parts"):
        stratified_split(np.array([1, 1, 0, 0, 0]), [0.6, 0.2, 0.2], chance)
    with pytest.raises(TooFewSamples, match="2 groups cannot be in 3 parts"):
        group_split(np.array([1, 1, 0]), [0.6, 0.2, 0.2], chance)
    with pytest.raises(DefinitionError, match="add up to 1"):
        group_split(np.array([1, 0]), [0.6, 0.2], chance)
