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
