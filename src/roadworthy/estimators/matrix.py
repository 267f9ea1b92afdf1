"""Checks of what estimators are given: one sentence for a person instead of a crash in a library.

Not here: checks of raw inputs, which belong to `features`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from roadworthy.errors import DefinitionError, Fault, SchemaError, TooFewSamples
from roadworthy.estimators.protocol import Column, Floats


def as_matrix(matrix: Floats, width: int) -> Floats:
    """The matrix as contiguous rows of float64.

    raises SchemaError when it does not have `width` columns

    >>> as_matrix(np.zeros((2, 3)), 4)
    Traceback (most recent call last):
    ...
    roadworthy.errors.SchemaError: 1 fault in encoded matrix (2 rows)
      $: expected 4 columns, got 3 (2 rows)
    The estimator was fitted on other columns: encode with the features of the same version.
    """
    rows = np.ascontiguousarray(matrix, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != width:
        n = rows.shape[0] if rows.ndim else 0
        got = str(rows.shape[1]) if rows.ndim == 2 else f"an array of {rows.ndim} dimensions"
        raise SchemaError(
            f"encoded matrix ({n:,} row{'s' * (n != 1)})",
            [Fault("$", f"{width} columns", got, n)],
            "The estimator was fitted on other columns: encode with the features of the same version.",
        )
    return rows


def as_codes(
    categories: Floats, sizes: Floats, names: Sequence[str]
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Category columns as whole numbers, shape (n, len(names)).

    sizes    size of every column's vocabulary, shape (len(names),)
    raises   SchemaError when a number is not of its vocabulary

    >>> as_codes(np.array([[0.0, 7.0]]), np.array([3.0, 8.0]), ["carrier", "origin"]).tolist()
    [[0, 7]]
    """
    known = (categories >= 0.0) & (categories < sizes)
    if np.count_nonzero(known) < known.size:
        faults = []
        for name, size, codes, good in zip(names, sizes, categories.T, known.T, strict=True):
            wrong = np.flatnonzero(~good)
            if len(wrong):
                expected = f"a whole number from 0 to {int(size) - 1}"
                faults.append(Fault(f"$.{name}", expected, f"{codes[wrong[0]]:g}", len(wrong), int(wrong[0])))
        raise SchemaError("encoded matrix", faults, "Encode with the features of this version.")
    return categories.astype(np.int64)


def require_numbers(rows: Floats, columns: Sequence[Column], what: str) -> None:
    """DefinitionError naming every column with NaN or infinity, for estimators that cannot take them.

    what   the estimator, such as `a linear model`
    """
    wrong = ~np.isfinite(rows)
    faults = [
        f"{column.name} in {int(count):,} of {len(rows):,} rows"
        for column, count in zip(columns, wrong.sum(axis=0), strict=True)
        if count
    ]
    if faults:
        raise DefinitionError(
            f"{what} cannot take NaN or infinity: {'; '.join(faults)}. "
            "Declare what a missing number becomes (missing=0.0), or use LightGBM, which takes NaN"
        )


def check_training(X: Floats, y: Floats, columns: Sequence[Column]) -> Floats:
    """The training matrix as `as_matrix` gives it, once rows, labels and classes fit together."""
    rows = as_matrix(X, len(columns))
    if y.shape != (len(rows),):
        raise DefinitionError(
            f"{len(rows):,} training rows have labels of shape {y.shape}: give one label a row"
        )
    wrong = ~((y == 0.0) | (y == 1.0))
    if wrong.any():
        raise DefinitionError(
            f"the label of training row {int(wrong.argmax())} is {y[wrong.argmax()]:g}, expected 0 or 1 "
            f"({int(wrong.sum()):,} such rows): leave out rows whose outcome is unknown"
        )
    positives = int(y.sum())
    if positives in (0, len(y)):
        raise TooFewSamples(
            f"all {len(y):,} training rows have the outcome {0 if positives == 0 else 1}: nothing can be learned; "
            "train on a span in which both happen"
        )
    return rows
