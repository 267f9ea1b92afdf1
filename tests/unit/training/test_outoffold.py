"""Folds of whole days, and predictions by estimators that did not see them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from roadworthy.errors import DefinitionError, TooFewSamples
from roadworthy.features.collection import Features
from roadworthy.features.declare import number
from roadworthy.features.fitted import EncodedColumn
from roadworthy.training.outoffold import folds_by_day, out_of_fold
from roadworthy.training.recipe import Recipe


@given(st.lists(st.integers(15_000, 15_400), min_size=2, max_size=300), st.integers(2, 6))
def test_a_day_is_never_parted_and_no_fold_holds_everything(numbers: list[int], folds: int) -> None:
    """Rows of one day share a fold; there are two folds or more, numbered without a gap."""
    days = np.array(numbers)
    if len(set(numbers)) < 2:
        with pytest.raises(TooFewSamples):
            folds_by_day(days, folds)
        return
    fold_of = folds_by_day(days, folds)
    assert all(len(set(fold_of[days == day].tolist())) == 1 for day in set(numbers))
    used = sorted(set(fold_of.tolist()))
    assert used == list(range(len(used)))
    assert 2 <= len(used) <= folds


def test_weeks_alternate_so_that_every_fold_sees_every_season() -> None:
    """Over a year each of four folds gets thirteen weeks, spread evenly, each week whole."""
    days = np.arange(364)
    fold_of = folds_by_day(days, 4)
    assert np.bincount(fold_of).tolist() == [91, 91, 91, 91]
    assert (fold_of.reshape(52, 7) == fold_of[::7, None]).all()


def test_one_fold_is_refused() -> None:
    """With one fold nothing would be left to fit on."""
    with pytest.raises(DefinitionError, match="at least 2 folds, got 1"):
        folds_by_day(np.arange(10), 1)


def test_a_prediction_rests_on_the_other_folds_only() -> None:
    """Turning all labels of one fold around changes every other fold's predictions and none of its own."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 1))
    y = (rng.random(400) < 1 / (1 + np.exp(-X[:, 0]))).astype(np.float64)
    fold_of = np.arange(400) // 100
    recipe = Recipe(model="m", unit="u", features=Features(x=number("x")), estimator=LogisticRegression())
    columns = (EncodedColumn("x", "number", 0, "x"),)
    first = out_of_fold(recipe, columns, X, y, fold_of)
    turned = np.where(fold_of == 2, 1.0 - y, y)
    second = out_of_fold(recipe, columns, X, turned, fold_of)
    assert (first[fold_of == 2] == second[fold_of == 2]).all()
    assert (first[fold_of != 2] != second[fold_of != 2]).all()
