"""The linear format's fitting half: scikit-learn's LogisticRegression on one-hot categories and standardised numbers.

Not here: predicting. scikit-learn itself is not imported: the declared estimator brings its class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from roadworthy.estimators import linear_load
from roadworthy.estimators.declared import copied, family_refusal
from roadworthy.estimators.design import design
from roadworthy.estimators.linear_load import (
    CategoryWeights,
    LinearModel,
    LinearPredictor,
    NumberWeight,
    Weights,
)
from roadworthy.estimators.linear_weights import weights_of, with_rows
from roadworthy.estimators.matrix import check_training, require_numbers
from roadworthy.estimators.protocol import Column, Floats, OnProgress
from roadworthy.estimators.weights import Array, NewRows
from roadworthy.estimators.weights import Weights as WeightArrays

CLASS = "sklearn.LogisticRegression"


class LinearFormat:
    """Logistic regression as JSON with exact numbers."""

    name = linear_load.NAME
    classes = (CLASS,)
    distributions = ("scikit-learn", "scipy")
    tolerance = linear_load.TOLERANCE

    def refusal(self, estimator: Any) -> str | None:
        """Why the estimator cannot be stored; None when it can, "" when it is no LogisticRegression."""
        return family_refusal(estimator, CLASS)

    def fit(
        self,
        estimator: Any,
        X: Floats,
        y: Floats,
        columns: Sequence[Column],
        *,
        seed: int,
        threads: int,
        on_progress: OnProgress | None = None,
    ) -> LinearFitted:
        """Fit a copy; a number must be finite in every row, a category column gets one weight a vocabulary entry.

        threads   not used: the solvers are single-threaded
        """
        rows = check_training(X, y, columns)
        require_numbers(rows, columns, "a linear model")
        fitted = copied(estimator)
        if fitted.get_params().get("random_state") is None:
            fitted.set_params(random_state=seed)
        matrix, spread = design(rows, columns)
        if on_progress:
            on_progress(0, 1)
        fitted.fit(matrix, y)
        if on_progress:
            on_progress(1, 1)
        return LinearFitted(_model(fitted, columns, spread))


class LinearFitted:
    """Weights, ready to be written."""

    def __init__(self, model: LinearModel) -> None:
        self.model = model
        self.initial: Mapping[str, Array] = {}

    def predictor(self) -> LinearPredictor:
        """What loading the saved weights gives."""
        return LinearPredictor(self.model)

    def save(self, directory: Path) -> None:
        """Write `linear.json`; numbers in the shortest form that reads back exactly."""
        (directory / linear_load.FILE).write_bytes(msgspec.json.encode(self.model, order="sorted") + b"\n")

    def weights(self) -> WeightArrays:
        """Coefficients by column."""
        return weights_of(self.model)

    def with_rows(self, rows: NewRows) -> LinearFitted:
        """The same with other coefficients for some categories."""
        return LinearFitted(with_rows(self.model, rows))


def _model(fitted: Any, columns: Sequence[Column], spread: list[tuple[float, float]]) -> LinearModel:
    coefficients = [float(weight) for weight in fitted.coef_[0]]
    left = iter(spread)
    found: list[Weights] = []
    start = 0
    for column in columns:
        end = start + (column.size if column.kind == "category" else 1)
        if column.kind == "category":
            found.append(CategoryWeights(column.name, tuple(coefficients[start:end])))
        else:
            found.append(NumberWeight(column.name, coefficients[start], *next(left)))
        start = end
    return LinearModel(float(np.ravel(fitted.intercept_)[0]), tuple(found))
