"""Which rows of an estimator's arrays training never touched, and what such a row is given by a repair.

Not here: the judgement (gate) and the registering of a repaired version (jobs). A row is untrained when no labelled
row showed its entry, or when the estimator says what its arrays held before and the row is the same; a row that
weight decay shrank with all the others, and no example ever pulled, is untrained too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from roadworthy.estimators.protocol import Column, Fitted
from roadworthy.estimators.weights import Array, WeightArray
from roadworthy.features.batch import Floats
from roadworthy.features.vocabulary import RESERVED, UNKNOWN

#: Below this share of an array's largest number a number is 0.
_NOTHING = 1e-9
#: Rows that only decayed agree in how much within this.
_DECAY = 1e-4
_FEW = 3


class TrainedArray(msgspec.Struct, frozen=True):
    """What training did to one array; numbers of rows are numbers of its vocabulary.

    columns     encoded columns whose numbers pick its rows; () where none does
    seen        labelled training rows that showed each row; () without columns
    untrained   rows that training never touched
    repaired    those of them that a repair has set since
    changed     norm of its change, relative to its norm before training; None where that is not known
    """

    name: str
    columns: tuple[str, ...] = ()
    seen: tuple[int, ...] = ()
    untrained: tuple[int, ...] = ()
    repaired: tuple[int, ...] = ()
    changed: float | None = None


class TrainedWeights(msgspec.Struct, frozen=True):
    """What training did to every array that is known by name; kept beside the held-out rows, without any unit."""

    arrays: tuple[TrainedArray, ...] = ()

    def of(self, name: str) -> TrainedArray | None:
        """The array of this name."""
        return next((each for each in self.arrays if each.name == name), None)


def trained_weights(fitted: Fitted, encoded: Floats, columns: Sequence[Column]) -> TrainedWeights:
    """Compare the arrays with what they held before, and count which rows the training rows showed.

    encoded   the labelled training rows, shape (n, len(columns))
    """
    counts = {
        column.name: np.bincount(encoded[:, place].astype(np.int64), minlength=column.size)
        for place, column in enumerate(columns)
        if column.kind == "category"
    }
    return TrainedWeights(tuple(_array(each, fitted.initial, counts) for each in fitted.weights().arrays))


def finished(
    fitted: Fitted, encoded: Floats, columns: Sequence[Column], *, repair: bool
) -> tuple[Fitted, TrainedWeights]:
    """The estimator as it will serve, repaired if that is asked for, and what was done to its arrays."""
    return (
        repaired(fitted, encoded, columns) if repair else (fitted, trained_weights(fitted, encoded, columns))
    )


def repaired(fitted: Fitted, encoded: Floats, columns: Sequence[Column]) -> tuple[Fitted, TrainedWeights]:
    """The estimator with every untrained row set to the unknown entry's value, and what was done.

    Where the unknown entry was not trained itself, it becomes the average of the trained rows, each counted as often
    as training showed it. A row 0 (missing, padding) that holds nothing stays so.
    raises  Refused for trees
    """
    trained = trained_weights(fitted, encoded, columns)
    rows: dict[str, dict[int, Array]] = {}
    noted = []
    for array in fitted.weights().arrays:
        found = trained.of(array.name)
        assert found is not None, "every array was looked at"
        new = _repairs(array.values, found)
        noted.append(msgspec.structs.replace(found, repaired=tuple(sorted(new))))
        if new:
            rows[array.name] = new
    return fitted.with_rows(rows), TrainedWeights(tuple(noted))


def at_random(values: Array, trained: TrainedArray) -> tuple[int, ...]:
    """The untrained rows that hold something else than nothing, the unknown entry's value or what a repair set.

    >>> at_random(np.array([0.0, 0.2, 0.7, -0.9]), TrainedArray("carrier", ("carrier",), untrained=(0, 3)))
    (3,)
    """
    return tuple(
        row for row in trained.untrained if row not in trained.repaired and _holds(values, trained, row)
    )


def _holds(values: Array, trained: TrainedArray, row: int) -> bool:
    if _is_nothing(values, row):
        return False
    known = len(values) > UNKNOWN and UNKNOWN not in trained.untrained
    return not (known and row != UNKNOWN and np.array_equal(values[row], values[UNKNOWN]))


def _is_nothing(values: Array, row: int) -> bool:
    largest = np.abs(values[np.isfinite(values)]).max(initial=0.0)
    return bool((np.abs(values[row]) <= _NOTHING * largest).all())


def _repairs(values: Array, trained: TrainedArray) -> dict[int, Array]:
    """Number of a row → what it is set to, for the untrained rows that hold something else."""
    if not trained.columns or not trained.untrained:
        return {}
    target = _of_unknown(values, trained)
    random = set(at_random(values, trained))
    rows = [row for row in trained.untrained if row >= RESERVED or row in random]
    return {row: target for row in rows if not np.array_equal(values[row], target)}


def _of_unknown(values: Array, trained: TrainedArray) -> Array:
    """What an unknown entry is given: its own row, or the average of the trained ones where that is random."""
    if UNKNOWN not in at_random(values, trained):
        own: Array = values[UNKNOWN]
        return own
    untrained = np.isin(np.arange(len(values)), trained.untrained)
    often = np.where(untrained, 0.0, np.asarray(trained.seen, dtype=np.float64))
    if not often.any():
        return np.zeros_like(values[UNKNOWN])
    mean: Array = np.average(values.astype(np.float64), axis=0, weights=often).astype(values.dtype)
    return mean


def _array(
    array: WeightArray, initial: Mapping[str, Array], counts: Mapping[str, npt.NDArray[np.int64]]
) -> TrainedArray:
    whole = initial.get(array.source)
    before = None if whole is None else whole[array.first : array.first + len(array.values)]
    changed = None if before is None else _change(before, array.values)
    if not array.columns:
        return TrainedArray(array.name, changed=changed)
    seen = np.sum([counts[name] for name in array.columns], axis=0)
    untrained = seen == 0 if before is None else _untouched(before, array.values, seen)
    return TrainedArray(
        array.name,
        array.columns,
        tuple(seen.tolist()),
        tuple(np.flatnonzero(untrained).tolist()),
        changed=changed,
    )


def _change(before: Array, after: Array) -> float:
    was = float(np.linalg.norm(before))
    moved = float(np.linalg.norm(after.astype(np.float64) - before))
    return moved / was if was else moved


def _untouched(before: Array, after: Array, seen: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Rows that are what they were, and rows that nothing showed and that only shrank as much as all of these."""
    was = before.reshape(len(before), -1).astype(np.float64)
    now = after.reshape(len(after), -1).astype(np.float64)
    same: npt.NDArray[np.bool_] = (before == after).reshape(len(before), -1).all(axis=1)
    size = (was * was).sum(axis=1)
    share = (was * now).sum(axis=1) / np.where(size > 0.0, size, 1.0)
    parallel = np.linalg.norm(now - share[:, None] * was, axis=1) <= _DECAY * np.sqrt(size)
    unseen = (seen == 0) & (size > 0.0) & parallel
    # a single number is parallel to any other, so a few of them show no common decay
    if not unseen.any() or (was.shape[1] == 1 and unseen.sum() < _FEW):
        return same
    common = np.abs(share - np.median(share[unseen])) <= _DECAY
    return np.asarray(same | (unseen & common))
