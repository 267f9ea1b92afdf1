"""The weights of the linear format as named arrays, and the model with some of them replaced.

Not here: fitting and predicting. The solvers of LogisticRegression start at 0, so a category that no row showed
still has 0.
"""

from __future__ import annotations

import msgspec
import numpy as np

from roadworthy.estimators.linear_load import CategoryWeights, LinearModel
from roadworthy.estimators.linear_load import Weights as Parts
from roadworthy.estimators.weights import NewRows, WeightArray, Weights

#: What numbers and the intercept are called together.
REST = "intercept and numbers"


def weights_of(model: LinearModel) -> Weights:
    """The coefficients of every category column, by its name, and one array of all others.

    >>> weights_of(LinearModel(0.5, (CategoryWeights("carrier", (0.0, 0.1, -0.2)),))).array("carrier").columns
    ('carrier',)
    """
    arrays = []
    rest = [model.intercept]
    for column in model.columns:
        if isinstance(column, CategoryWeights):
            arrays.append(
                WeightArray(column.name, np.array(column.weights), (column.name,), source=column.name)
            )
        else:
            rest += [column.weight, column.mean, column.scale]
    return Weights("arrays", (*arrays, WeightArray(REST, np.array(rest), source=REST)))


def with_rows(model: LinearModel, rows: NewRows) -> LinearModel:
    """The model with these coefficients in place of its own."""
    columns: list[Parts] = []
    for column in model.columns:
        if isinstance(column, CategoryWeights) and column.name in rows:
            new = list(column.weights)
            for row, value in rows[column.name].items():
                new[row] = float(value)
            columns.append(msgspec.structs.replace(column, weights=tuple(new)))
        else:
            columns.append(column)
    return msgspec.structs.replace(model, columns=tuple(columns))
