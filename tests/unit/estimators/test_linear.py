"""The linear format: what is fitted, and a kernel whose bits depend on nothing but the row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from roadworthy.errors import DefinitionError, SchemaError
from roadworthy.estimators.linear_fit import LinearFitted, LinearFormat
from roadworthy.estimators.linear_load import (
    CategoryWeights,
    LinearModel,
    LinearPredictor,
    NumberWeight,
    sigmoid,
)
from roadworthy.estimators.protocol import Floats


@dataclass(frozen=True)
class Column:
    """An encoded column."""

    name: str
    kind: Literal["number", "category"]
    size: int = 0


COLUMNS = (Column("wind", "number"), Column("carrier", "category", 6), Column("constant", "number"))


def rows(n: int = 1_000) -> tuple[Floats, Floats]:
    """Number 5 of the category never occurs in training, 0 and 1 do."""
    rng = np.random.default_rng(8)
    X = np.column_stack([rng.normal(10, 4, n), rng.integers(0, 5, n), np.full(n, 3.0)])
    return X, (rng.random(n) < 1 / (1 + np.exp(-(X[:, 0] - 10) / 4 - (X[:, 1] == 0)))).astype(np.float64)


def fit(X: Floats, y: Floats) -> LinearFitted:
    return LinearFormat().fit(LogisticRegression(C=0.5, max_iter=500), X, y, COLUMNS, seed=0, threads=1)


def test_predictions_are_those_of_scikit_learn() -> None:
    """Witness: scikit-learn's own scaler, one-hot encoder and predict_proba, to six digits (where its solver stops)."""
    X, y = rows()
    hot = OneHotEncoder(categories=[np.arange(6.0)], sparse_output=False).fit_transform(X[:, [1]])
    design = np.column_stack([StandardScaler().fit_transform(X[:, [0]]), hot, np.zeros(len(X))])
    witness = LogisticRegression(C=0.5, max_iter=500).fit(design, y).predict_proba(design)[:, 1]
    np.testing.assert_allclose(fit(X, y).predictor().predict(X), witness, rtol=1e-6)


def test_a_category_that_never_occurred_weighs_nothing() -> None:
    """Regularised towards zero, an unseen vocabulary entry adds nothing to the score."""
    model = fit(*rows()).model
    carrier = model.columns[1]
    assert isinstance(carrier, CategoryWeights)
    assert carrier.weights[5] == 0.0
    assert carrier.weights[0] > 0.3


def test_a_number_that_never_varied_weighs_nothing_and_divides_by_nothing() -> None:
    """A constant column has scale 1 and weight 0, so another value at serving changes nothing."""
    X, y = rows()
    fitted = fit(X, y)
    assert fitted.model.columns[2] == NumberWeight("constant", 0.0, 3.0, 1.0)
    other = X.copy()
    other[:, 2] = -50.0
    predictor = fitted.predictor()
    assert predictor.predict(other).tobytes() == predictor.predict(X).tobytes()


def test_every_missing_number_is_named_at_once() -> None:
    """NaN and infinity are refused with the columns, how often, and what to do."""
    X, y = rows()
    X[:7, 0] = math.nan
    X[3, 2] = math.inf
    with pytest.raises(
        DefinitionError, match=r"wind in 7 of 1,000 rows; constant in 1 of 1,000 rows.*missing="
    ):
        fit(X, y)


@pytest.mark.parametrize("n", [1, 50])
@pytest.mark.parametrize("code", [6.0, -1.0, math.nan, math.inf])
def test_a_number_outside_the_vocabulary_is_named(code: float, n: int) -> None:
    """Features of another version are found out instead of read from a neighbour's weights."""
    X, y = rows()
    predictor = fit(X, y).predictor()
    asked = X[:n].copy()
    asked[-1, 1] = code
    with pytest.raises(SchemaError, match=r"\$\.carrier: expected a whole number from 0 to 5, got"):
        predictor.predict(asked)


@given(st.floats(allow_nan=False))
def test_the_sigmoid_is_within_four_units_in_the_last_place(z: float) -> None:
    """Witness: SciPy's expit; between -700 and 700, beyond which a probability is 0 or 1 to any reader."""
    got = float(sigmoid(np.array([z]))[0])
    expected = float(expit(max(-700.0, min(700.0, z))))
    if abs(z) <= 700:
        assert abs(got - expected) <= 4 * np.spacing(expected)
    else:
        assert abs(got - expected) < 1e-300


NUMBERS = st.floats(-1e6, 1e6)


@given(
    st.lists(st.tuples(NUMBERS, st.integers(0, 2), NUMBERS), min_size=13, max_size=40),
    st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS),
)
def test_one_row_in_plain_floats_has_the_bits_of_many_in_arrays(
    asked: list[tuple[float, int, float]], weights: tuple[float, ...]
) -> None:
    """The short path for few rows and the array path do the same operations in the same order."""
    columns = (
        NumberWeight("a", weights[0], weights[1], 3.7),
        CategoryWeights("b", weights[2:5]),
        NumberWeight("c", weights[5], 0.1, 1e-3),
    )
    predictor = LinearPredictor(LinearModel(weights[1], columns))
    X = np.array(asked, dtype=np.float64)
    alone = np.concatenate([predictor.predict(X[row : row + 1]) for row in range(len(X))])
    assert predictor.predict(X).tobytes() == alone.tobytes()


def test_no_columns_of_a_kind_are_no_special_case() -> None:
    """Only categories, or only numbers, predict in batches of any size."""
    numbers = LinearPredictor(LinearModel(0.5, (NumberWeight("a", 1.0, 0.0, 1.0),)))
    groups = LinearPredictor(LinearModel(0.5, (CategoryWeights("a", (1.0, 2.0)),)))
    for predictor in (numbers, groups):
        for n in (1, 20):
            np.testing.assert_allclose(
                predictor.predict(np.ones((n, 1))), expit(1.5 if predictor is numbers else 2.5)
            )
