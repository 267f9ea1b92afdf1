"""Finds inputs that lie a fixed time from the instant at which the outcome became known: they are made from it.

A time, such as the hour at which a call was filed, or a length of time, such as the seconds that the call took, where
the outcome is known when it ends. Not here: what is made of it (gate.leakage).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from roadworthy.features.batch import Batch
from roadworthy.features.columns import NO_TIME, Times
from roadworthy.gate.leakage_facts import Followed

#: Column of the held-out rows with the instant at which each outcome became known.
OUTCOME_KNOWN_AT = "gate:outcome_known_at"

_SECOND = 1_000_000

#: Of what a number may count a length of time, in microseconds.
LENGTHS: Mapping[str, int] = {
    "milliseconds": 1_000,
    "seconds": _SECOND,
    "minutes": 60 * _SECOND,
    "hours": 3_600 * _SECOND,
    "days": 86_400 * _SECOND,
}

#: Instants nearer than this are one: a number that counts days says them no better in binary.
_SAME = 1_000

#: An input that follows the outcome in fewer rows than this share is not worth telling.
_SHARE = 0.05


def timed(known: Times, asked: Times) -> int:
    """Rows whose outcome became known at an instant of its own, not the same time after the question as in most rows.

    known, asked   microseconds since 1970 UTC, (n,); the first NO_TIME or the largest integer where never

    >>> timed(np.array([5, 6, 7]) * 10**6, np.zeros(3, dtype=np.int64))
    3
    >>> timed(np.array([5, 5, 7]) * 10**6, np.zeros(3, dtype=np.int64))
    1
    """
    return int(_timed(known, asked).sum())


def followed(inputs: Batch, known: Times, asked: Times) -> tuple[Followed, ...]:
    """Inputs of which some rows lie equally far from the instant the outcome became known, those that do so most first.

    An input that lies as far from the question itself, or has one value in most rows, follows nothing.
    """
    there = _timed(known, asked)
    found = []
    for name, column in inputs.columns.items():
        if not isinstance(column, np.ndarray):
            continue
        if column.dtype == np.int64:
            rows = there & (column != NO_TIME)
            found += _follows(name, "", column[rows], known[rows], asked[rows])
            continue
        rows = there & ~np.isnan(column)
        for unit, length in LENGTHS.items():
            lengths = column[rows] * length
            if lengths.size and np.abs(lengths).max() < 2**62:
                moments = asked[rows] + np.rint(lengths).astype(np.int64)
                found += _follows(name, unit, moments, known[rows], asked[rows])
    best: dict[str, Followed] = {}
    for each in sorted(found, key=lambda each: -each.fixed / each.rows):
        best.setdefault(each.column, each)
    return tuple(best.values())


def _follows(name: str, unit: str, moments: Times, known: Times, asked: Times) -> list[Followed]:
    if moments.size == 0 or _commonest(moments - asked)[0] > moments.size / 2:
        return []
    fixed, offset = _commonest(moments - known)
    if fixed < max(_SHARE * moments.size, 2):
        return []
    return [Followed(column=name, unit=unit, rows=int(moments.size), fixed=fixed, offset=offset / _SECOND)]


def _commonest(distances: Times) -> tuple[int, int]:
    """How many rows lie at the commonest distance, and which it is in microseconds."""
    rounded = np.floor_divide(distances + _SAME // 2, _SAME)
    kinds, counts = np.unique(rounded, return_counts=True)
    at = int(np.argmax(counts))
    return int(counts[at]), int(kinds[at]) * _SAME


def _timed(known: Times, asked: Times) -> npt.NDArray[np.bool_]:
    """Rows with an outcome, without those at the commonest time after the question where that is most of them."""
    there: npt.NDArray[np.bool_] = (known != NO_TIME) & (known != np.iinfo(np.int64).max)
    waits = known - asked
    rows = int(there.sum())
    if rows:
        common, wait = _commonest(waits[there])
        if common > rows / 2:
            there &= np.abs(waits - wait) > _SAME
    return there
