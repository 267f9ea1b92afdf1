"""Training: what comes out, what is refused first, and that chance has no part in it."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from roadworthy.errors import DefinitionError, TooFewSamples, UnsupportedEstimator
from roadworthy.features.batch import Batch
from roadworthy.features.collection import Features
from roadworthy.features.declare import number
from roadworthy.training.baseline import Baseline
from roadworthy.training.fit import train
from roadworthy.training.recipe import Recipe, Trained

from .conftest import History


@pytest.fixture(scope="module")
def trained(recipe: Recipe, flights: History) -> Trained:
    return train(recipe, flights.schema, flights.rows, flights.y, days=flights.days)


def test_the_schema_holds_what_is_used_and_nothing_else(trained: Trained) -> None:
    """Inputs in order of use, then context, then the unit; an unused column is not asked of a caller."""
    schema = trained.scorer.schema
    assert schema.names("context") == ("terminal",)
    assert schema.names("unit") == ("flight",)
    assert "unused" not in schema.names()
    assert trained.scorer.unit == "flight"


def test_the_log_schema_is_that_of_the_request_and_the_encoded_columns(trained: Trained) -> None:
    """What is logged can be read without the artifact."""
    log = trained.scorer.log_schema
    assert tuple(field.name for field in log.fields) == trained.scorer.schema.names()
    assert log.encoded == trained.scorer.model.columns
    assert log.model == "flight-delay"


def test_the_scorer_answers_what_training_saw(trained: Trained, flights: History) -> None:
    """Scoring the training rows encodes them to the matrix the estimator was fitted on."""
    scored = trained.scorer.score(flights.rows)
    assert scored.encoded.tobytes() == trained.encoded.tobytes()
    assert trained.rows == flights.rows.n == len(scored.output)


def test_the_baseline_is_the_share_of_positives(trained: Trained, flights: History) -> None:
    """The trivial predictor stands beside the model, from the same rows."""
    assert trained.base_rate == Baseline.fit(flights.y).rate == flights.y.mean()


def test_out_of_fold_predictions_are_not_those_of_the_model(trained: Trained, flights: History) -> None:
    """Each row is answered by an estimator that did not see it: on training rows it ranks no better than the model."""
    assert trained.out_of_fold is not None
    own = trained.scorer.score(flights.rows).output
    assert trained.out_of_fold.shape == own.shape
    assert ((own - trained.out_of_fold) != 0).mean() > 0.9

    def loss(p: np.ndarray) -> float:
        return float(-np.log(np.where(flights.y == 1, p, 1 - p)).mean())

    assert loss(own) < loss(trained.out_of_fold)


def test_without_days_nothing_is_fitted_twice(recipe: Recipe, flights: History) -> None:
    """Out-of-fold predictions are made only when asked for, and change nothing about the version."""
    once = train(recipe, flights.schema, flights.rows, flights.y)
    assert once.out_of_fold is None


def test_progress_runs_over_all_fits(recipe: Recipe, flights: History) -> None:
    """One bar from the first tree to the last fold, with a total that never changes."""
    seen: list[tuple[int, int]] = []
    train(
        recipe, flights.schema, flights.rows, flights.y, days=flights.days,
        on_progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert seen == sorted(seen)
    assert len({total for _, total in seen}) == 1
    assert seen[-1][0] == seen[-1][1]


def test_training_runs_from_the_snapshot_of_the_functions(trained: Trained, functions: ModuleType) -> None:
    """What was trained is what will serve: not the user's module, but the copy of its source."""
    assert b"def gustiness" in trained.snapshot.source
    assert trained.scorer.model.functions_digest == trained.snapshot.digest


def test_an_unsupported_estimator_is_refused_before_anything_runs(recipe: Recipe, flights: History) -> None:
    """The refusal comes even when the rows could not be trained on either."""
    wrong = replace(recipe, estimator=RandomForestClassifier())
    with pytest.raises(UnsupportedEstimator):
        train(wrong, flights.schema, Batch({}, 0), flights.y)


def test_labels_and_days_must_be_one_a_row(recipe: Recipe, flights: History) -> None:
    """A shifted join of labels is found by its length."""
    with pytest.raises(DefinitionError, match=r"1,200 training rows have labels of shape \(1199,\)"):
        train(recipe, flights.schema, flights.rows, flights.y[1:])
    with pytest.raises(DefinitionError, match="have days of shape"):
        train(recipe, flights.schema, flights.rows, flights.y, days=flights.days[1:])


def test_a_unit_that_is_no_column_is_refused(recipe: Recipe, flights: History) -> None:
    """The unit and the context must be among the rows' columns."""
    with pytest.raises(DefinitionError, match="no column passenger"):
        train(replace(recipe, unit="passenger"), flights.schema, flights.rows, flights.y)


def test_one_day_is_too_little_before_the_first_fit(recipe: Recipe, flights: History) -> None:
    """Folds are drawn before the long fit, so their refusal costs no time."""
    seen: list[int] = []
    with pytest.raises(TooFewSamples, match="one day"):
        train(
            recipe, flights.schema, flights.rows, flights.y, days=np.zeros_like(flights.days),
            on_progress=lambda done, total: seen.append(done),
        )  # fmt: skip
    assert not seen


def test_a_unit_that_is_an_input_is_logged_once(recipe: Recipe, flights: History) -> None:
    """A column that the model sees keeps the role of an input, and still names the unit."""
    features = Features(wind=number("wind", missing=0.0), total=number("total"))
    trained = train(replace(recipe, features=features, unit="total"), flights.schema, flights.rows, flights.y)
    assert trained.scorer.schema.names() == ("wind", "total", "terminal")
    assert trained.scorer.unit == "total"
    assert trained.scorer.model.functions_digest == ""
