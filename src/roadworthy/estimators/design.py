"""The design matrix of estimators that multiply: categories one-hot, numbers standardised, columns in matrix order.

Not here: estimators. Trees need none of this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from roadworthy.estimators.protocol import Column, Floats


def design(rows: Floats, columns: Sequence[Column]) -> tuple[Any, list[tuple[float, float]]]:
    """The sparse design matrix in column order, and (mean, scale) of every number; a constant has scale 1."""
    blocks, spread = [], []
    for place, column in enumerate(columns):
        values = np.ascontiguousarray(rows[:, place])
        if column.kind == "category":
            blocks.append(_one_hot(values, column.size))
            continue
        mean, scale = moments(values)
        spread.append((mean, scale))
        blocks.append(sparse.csr_array(((values - mean) / scale).reshape(-1, 1)))
    return sparse.csr_matrix(sparse.hstack(blocks, format="csr")), spread


def _one_hot(values: Floats, size: int) -> Any:
    n = len(values)
    return sparse.csr_array(
        (np.ones(n), values.astype(np.int32), np.arange(n + 1, dtype=np.int32)), shape=(n, size)
    )


def moments(values: Floats) -> tuple[float, float]:
    """Mean and scale of a number's values; what never varies has scale 1.

    >>> moments(np.array([1.0, 3.0])), moments(np.array([5.0, 5.0]))
    ((2.0, 1.0), (5.0, 1.0))
    """
    mean, deviation = float(values.mean()), float(values.std())
    return mean, deviation if deviation > 0.0 else 1.0
