"""Sampled training rows: the factor that puts odds right, and the rows that stand for all."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from roadworthy.errors import DefinitionError
from roadworthy.estimators.corrected import Corrected, corrected
from roadworthy.training.sampling import as_asked, odds_factor


def test_a_model_of_a_tenth_of_the_negatives_is_corrected_to_the_model_of_all() -> None:
    """Witness: scikit-learn's logistic regression on all rows, beside the corrected one of the sampled rows."""
    chance = np.random.default_rng(1)
    x = chance.normal(size=(40_000, 1))
    y = (chance.uniform(size=40_000) < 1 / (1 + np.exp(3.0 - x[:, 0]))).astype(np.float64)
    kept = (y == 1) | (chance.uniform(size=y.size) < 0.1)
    factor = odds_factor(np.where(y[kept] == 1, 1.0, 0.1), y[kept])
    assert factor == pytest.approx(0.1)
    of_all = LogisticRegression().fit(x, y).predict_proba(x)[:, 1]
    of_some = LogisticRegression().fit(x[kept], y[kept]).predict_proba(x)[:, 1]
    assert np.abs(of_some - of_all).mean() > 0.2
    assert np.abs(corrected(of_some, factor) - of_all).mean() < 0.01


def test_rates_that_differ_within_an_outcome_are_refused() -> None:
    """No factor would put that right."""
    with pytest.raises(DefinitionError, match=r"negative training rows were kept at rates 0\.1 to 1"):
        odds_factor(np.array([0.1, 1.0, 1.0]), np.array([0.0, 0.0, 1.0]))


def test_nothing_sampled_is_no_correction_and_unknown_outcomes_do_not_count() -> None:
    """A factor of 1 leaves the version as it was, to the last byte."""
    assert odds_factor(np.ones(3), np.array([0.0, 1.0, np.nan])) is None
    assert odds_factor(np.array([0.5, 0.5, 0.1]), np.array([0.0, 1.0, np.nan])) is None
    assert odds_factor(np.array([1.0, 0.25]), np.array([0.0, 1.0])) == 4.0


def test_rows_that_stand_for_all_have_the_rate_of_all() -> None:
    """Positives are thinned to what negatives were."""
    y = np.repeat([1.0, 0.0], [5_000, 1_500])
    shown = as_asked(np.where(y == 1, 1.0, 0.1), np.random.default_rng(2))
    assert shown[y == 0].all()
    assert y[shown].mean() == pytest.approx(5_000 / 20_000, abs=0.02)


def test_a_corrected_predictor_is_as_wide_and_no_more_exact_than_it_can_be() -> None:
    """The tolerance grows with the factor, either way; certain answers stay certain."""

    class Constant:
        width, tolerance = 3, 1e-6

        def predict(self, matrix: np.ndarray) -> np.ndarray:
            return matrix[:, 0]

    for odds in (0.1, 10.0):
        predictor = Corrected(Constant(), odds)
        assert (predictor.width, predictor.tolerance) == (3, pytest.approx(1e-5))
        said = predictor.predict(np.array([[0.0], [1.0], [np.nan], [0.5]]))
        assert said[:2].tolist() == [0.0, 1.0]
        assert np.isnan(said[2])
        assert said[3] / (1 - said[3]) == pytest.approx(odds)
