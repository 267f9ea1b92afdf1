"""Which estimators are taken, and what the others are told before anything is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV

from roadworthy.errors import DefinitionError, UnsupportedEstimator
from roadworthy.estimators.accepted import FORMATS, format_for


class Renamed(LGBMClassifier):
    """A subclass that predicts as its parent does."""


class Halved(LGBMClassifier):
    """A subclass whose answers its parameters do not tell."""

    def predict_proba(self, X: Any, **options: Any) -> Any:
        return super().predict_proba(X, **options) / 2


def test_an_estimator_without_a_format_is_told_all_formats() -> None:
    """The message names what was given, every format and every class that it takes."""
    with pytest.raises(UnsupportedEstimator) as refused:
        format_for(RandomForestClassifier())
    message = str(refused.value)
    assert "sklearn.RandomForestClassifier" in message
    for one in FORMATS:
        assert one.name in message
        assert one.classes[0] in message
    assert isinstance(refused.value, DefinitionError)


@pytest.mark.parametrize("estimator", [LGBMRegressor(), "lightgbm", None, 3])
def test_what_is_no_classifier_is_refused(estimator: Any) -> None:
    """A regressor, a text, nothing: each is an UnsupportedEstimator, never a crash later."""
    with pytest.raises(UnsupportedEstimator, match="no safe format stores it"):
        format_for(estimator)


def test_a_subclass_that_predicts_otherwise_is_refused() -> None:
    """Only parameters are stored, so an overridden method would silently be lost."""
    with pytest.raises(
        UnsupportedEstimator, match=r"Halved replaces predict_proba of lightgbm\.LGBMClassifier"
    ):
        format_for(Halved())
    with pytest.raises(UnsupportedEstimator, match="LogisticRegressionCV replaces"):
        format_for(LogisticRegressionCV())


def test_a_method_replaced_on_the_instance_is_refused() -> None:
    """Patching one estimator is overriding by another way."""
    estimator = LogisticRegression()
    estimator.predict_proba = lambda X: np.zeros((len(X), 2))
    with pytest.raises(UnsupportedEstimator, match="predict_proba was replaced on the instance"):
        format_for(estimator)


def test_a_subclass_that_changes_nothing_is_taken() -> None:
    """A name of one's own is no reason to refuse."""
    assert format_for(Renamed()).name == "lightgbm"


def test_a_class_instead_of_an_instance_is_told_to_be_called() -> None:
    """The commonest slip gets its own sentence."""
    with pytest.raises(UnsupportedEstimator, match="it is a class, not an instance: call it"):
        format_for(LGBMClassifier)


@pytest.mark.parametrize("objective", ["regression", lambda y, p: (p - y, p)])
def test_an_objective_that_gives_no_probability_is_refused(objective: Any) -> None:
    """LightGBM does not store a Python objective, and a regression's output is no probability."""
    with pytest.raises(UnsupportedEstimator, match="objective"):
        format_for(LGBMClassifier(objective=objective))
