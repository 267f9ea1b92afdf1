"""Cut rows into parts: by time, by outcome in equal shares, or by groups that stay together; and into days.

Training cuts by time and never by chance: rows of one day know each other's outcomes, and a model meets later rows. The
other cuts are for what has no time, such as a set that was labelled once: with few rows chance alone parts outcomes
unevenly, and rows of one group on both sides know each other. What may be in a part besides (only rows whose label was
known by then) is for whoever trains.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from roadworthy.clock import DAY_MICROS, instant, micros
from roadworthy.errors import DefinitionError, TooFewSamples

Integers = npt.NDArray[np.int64]


def time_split(times: Integers, boundaries: Sequence[datetime]) -> Integers:
    """The part that each row falls into: part i holds boundaries[i - 1] <= time < boundaries[i].

    times        microseconds since 1970 UTC, (n,)
    boundaries   strictly ascending instants with a timezone; k of them make k + 1 parts
    returns      0 to k, (n,)
    raises       DefinitionError for boundaries that do not ascend

    >>> time_split(np.array([0, 5, 9]), [instant(5)]).tolist()
    [0, 1, 1]
    """
    cuts = np.array([micros(boundary) for boundary in boundaries], dtype=np.int64)
    if (np.diff(cuts) <= 0).any():
        named = ", ".join(boundary.isoformat() for boundary in boundaries)
        raise DefinitionError(f"boundaries {named} do not ascend: write each later than the one before")
    return np.searchsorted(cuts, times, side="right").astype(np.int64)


def day_boundaries(times: Integers, shares: Sequence[float]) -> list[datetime]:
    """Midnights (UTC) that cut `times` into parts holding about `shares` of the rows, none of them empty.

    times    microseconds since 1970 UTC, (n,), in any order
    shares   shares of the rows in each part, in the order of time; above 0, adding up to 1
    returns  one boundary fewer than shares, for `time_split`
    raises   TooFewSamples when there are fewer days than parts; DefinitionError for shares that do not add up

    >>> days = np.arange(10) * 86_400_000_000
    >>> [boundary.day for boundary in day_boundaries(days, [0.8, 0.2])]
    [9]
    """
    _check_shares(shares)
    days, counts = np.unique(day_number(times), return_counts=True)
    if len(days) < len(shares):
        raise TooFewSamples(
            f"{len(days)} days with rows cannot be cut into {len(shares)} parts of whole days"
        )
    before = np.concatenate([[0], np.cumsum(counts)])
    cuts: list[int] = []
    for part, target in enumerate(np.cumsum(shares)[:-1], 1):
        lowest, highest = (cuts[-1] if cuts else 0) + 1, len(days) - (len(shares) - part)
        nearest = int(np.argmin(np.abs(before - target * len(times))))
        cuts.append(min(max(nearest, lowest), highest))
    return [instant(int(days[cut]) * DAY_MICROS) for cut in cuts]


def stratified_split(strata: npt.NDArray[Any], shares: Sequence[float], rng: np.random.Generator) -> Integers:
    """A part for each row such that every stratum, such as the outcome, is shared out alike.

    strata   equal values are one stratum, (n,)
    shares   of the rows in each part; above 0, adding up to 1
    rng      decides which rows of a stratum go where
    returns  0 to k - 1, (n,); a stratum's counts are its shares to within one row, and so are the parts' sizes
    raises   TooFewSamples for a stratum with fewer rows than parts; DefinitionError for shares that do not add up

    30 positives in 100 examples, split 60/20/20, are 18/6/6; splits by chance gave 21/2/7.

    >>> outcome = np.repeat([1, 0], [30, 70])
    >>> parts = stratified_split(outcome, [0.6, 0.2, 0.2], np.random.default_rng(1))
    >>> np.bincount(parts).tolist(), np.bincount(parts[outcome == 1]).tolist()
    ([60, 20, 20], [18, 6, 6])
    """
    _check_shares(shares)
    parts = np.empty(len(strata), dtype=np.int64)
    owed = np.zeros(len(shares))  # rows that parts are short of by rounding so far
    for value, count in zip(*np.unique(strata, return_counts=True), strict=True):
        if count < len(shares):
            raise TooFewSamples(
                f"{count} rows with {value!s} cannot be in each of {len(shares)} parts: take fewer parts, or more rows"
            )
        rows = np.flatnonzero(strata == value)
        exact = np.asarray(shares) * count + owed
        counts = np.floor(exact).astype(np.int64)
        first = np.argsort(counts - exact, kind="stable")
        counts[first[: count - int(counts.sum())]] += 1
        owed = exact - counts
        parts[rng.permutation(rows)] = np.repeat(np.arange(len(shares)), counts)
    return parts


def group_split(groups: npt.NDArray[Any], shares: Sequence[float], rng: np.random.Generator) -> Integers:
    """A part for each row such that the rows of a group, such as a patient, are all in one.

    groups   equal values are one group, (n,)
    shares   of the rows in each part, met as nearly as whole groups allow; above 0, adding up to 1
    rng      decides the order in which groups of equal size are dealt
    returns  0 to k - 1, (n,); no part is empty
    raises   TooFewSamples for fewer groups than parts; DefinitionError for shares that do not add up

    >>> parts = group_split(np.array(["a", "a", "b", "c", "c", "d"]), [0.5, 0.5], np.random.default_rng(0))
    >>> np.bincount(parts).tolist(), bool(parts[0] == parts[1])
    ([3, 3], True)
    """
    _check_shares(shares)
    names, of_row, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < len(shares):
        raise TooFewSamples(f"{len(names)} groups cannot be in {len(shares)} parts: take fewer parts")
    wanted = np.asarray(shares) * len(groups)
    part_of = np.empty(len(names), dtype=np.int64)
    order = rng.permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]  # large ones first, small ones even the parts out
    held = np.zeros(len(shares))
    for left, group in zip(range(len(names), 0, -1), order, strict=True):
        empty = np.flatnonzero(held == 0)
        open_to = empty if left <= len(empty) else np.arange(len(shares))
        part = open_to[np.argmax((wanted - held)[open_to])]
        part_of[group] = part
        held[part] += sizes[group]
    return part_of[of_row.reshape(-1)]


def day_number(times: Integers) -> Integers:
    """Days since 1970-01-01 UTC of each instant: rows of one number are one block, for they share weather and queues.

    times   microseconds since 1970 UTC, (n,)

    >>> day_number(np.array([-1, 0, 86_400_000_000])).tolist()
    [-1, 0, 1]
    """
    return np.floor_divide(times, DAY_MICROS)


def _check_shares(shares: Sequence[float]) -> None:
    if not shares or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
        raise DefinitionError(f"shares {list(shares)} must be above 0 and add up to 1, such as [0.8, 0.2]")
