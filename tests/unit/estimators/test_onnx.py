"""Estimators stored as ONNX graphs: what is fitted, what is refused, what is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from onnx import TensorProto
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.neural_network import MLPClassifier

from graph_estimators import OwnRegression, logistic, model_bytes
from roadworthy.errors import CorruptArtifact, DefinitionError, SchemaError, UnsupportedEstimator
from roadworthy.estimators import onnx_fit, onnx_load
from roadworthy.estimators.accepted import format_for
from roadworthy.estimators.onnx_fit import OnnxFitted, OnnxMLPFormat, OnnxTreesFormat
from roadworthy.estimators.protocol import Floats


@dataclass(frozen=True)
class Column:
    """An encoded column."""

    name: str
    kind: Literal["number", "category"]
    size: int = 0


NUMBER, CATEGORY = Column("wind", "number"), Column("carrier", "category", 120)
COLUMNS = (NUMBER, CATEGORY, Column("gust", "number"), Column("origin", "category", 7))


def rows(n: int = 1_200) -> tuple[Floats, Floats]:
    """Category numbers up to 100 of 120: some of the vocabulary never occurs; one column in ten has no value."""
    rng = np.random.default_rng(11)
    X = np.column_stack(
        [rng.normal(9, 3, n), rng.integers(0, 100, n), rng.normal(0, 1, n), rng.integers(0, 7, n)]
    )
    return X, (rng.random(n) < 1 / (1 + np.exp(9 - X[:, 0] - 2.0 * (X[:, 1] % 3 == 0)))).astype(np.float64)


def fit(estimator: Any, X: Floats, y: Floats, columns: tuple[Column, ...] = COLUMNS) -> OnnxFitted:
    fitted = format_for(estimator).fit(estimator, X, y, columns, seed=3, threads=1)
    assert isinstance(fitted, OnnxFitted)
    return fitted


def trees(**options: Any) -> Any:
    return HistGradientBoostingClassifier(max_iter=15, min_samples_leaf=5, **options)


def test_trees_answer_as_scikit_learn_does_with_missing_and_unseen_values() -> None:
    """Witness: predict_proba itself, on every number of the vocabulary and on missing numbers, to 12 digits."""
    X, y = rows()
    X[::10, 0] = np.nan
    witness = trees(categorical_features=[1, 3], random_state=3).fit(X, y)
    asked = np.vstack(
        [X, np.column_stack([np.full(120, np.nan), np.arange(120.0), np.zeros(120), np.zeros(120)])]
    )
    np.testing.assert_allclose(
        fit(trees(), X, y).predictor().predict(asked), witness.predict_proba(asked)[:, 1], rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("options", [{"categorical_features": None}, {"max_leaf_nodes": 2}, {"max_iter": 1}])
def test_trees_of_any_shape_are_taken(options: dict[str, Any]) -> None:
    """Categories as numbers, stumps, a single tree: each is compared with its library when it is fitted."""
    X, y = rows(300)
    estimator = trees().set_params(**options)
    assert np.ptp(fit(estimator, X, y).predictor().predict(X)) > 0


def test_trees_that_found_nothing_to_split_answer_the_base_rate() -> None:
    """A tree of one leaf is a tree."""
    X, y = rows(300)
    answers = fit(trees(), np.zeros_like(X), y).predictor().predict(X * 0)
    assert np.allclose(answers, y.mean())


def test_a_vocabulary_too_large_for_scikit_learn_is_told_in_time() -> None:
    """More than 255 different numbers in a category: the message says what to do."""
    X, y = rows()
    X[:, 1] = np.arange(len(X)) % 400
    with pytest.raises(DefinitionError, match="max_size, or use LightGBM"):
        fit(trees(), X, y, (NUMBER, Column("carrier", "category", 400), *COLUMNS[2:]))


def test_which_columns_are_categories_is_not_declared_twice() -> None:
    """The features know it."""
    with pytest.raises(UnsupportedEstimator, match="categorical_features are known from the features"):
        format_for(trees(categorical_features=[0]))


@pytest.mark.parametrize(
    "columns", [COLUMNS, COLUMNS[:1], COLUMNS[1:2]], ids=["both", "numbers", "categories"]
)
@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_perceptrons_answer_as_scikit_learn_does(columns: tuple[Column, ...], activation: str) -> None:
    """Every fit compares its graph with predict_proba; tampered weights would be found out."""
    X, y = rows(300)
    estimator = MLPClassifier((4, 3), activation=activation, solver="lbfgs", max_iter=20)
    X = X[:, [COLUMNS.index(column) for column in columns]]
    assert fit(estimator, X, y, columns).predictor().predict(X).std() > 0.001


def test_a_graph_unlike_its_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A converter that is wrong for one parameter is found before the version exists."""
    X, y = rows(300)
    broken = logistic(np.zeros(4), 0.0)
    monkeypatch.setattr(onnx_fit.onnx_trees, "graph_of", lambda fitted, columns: broken)
    with pytest.raises(DefinitionError, match=r"another answer than the library that fitted it: 0\.5 and"):
        OnnxTreesFormat().fit(trees(), X, y, COLUMNS, seed=0, threads=1)


def test_a_category_outside_the_vocabulary_is_named() -> None:
    """A look-up beyond its table is a fault of the data, not of the runtime."""
    X, y = rows(300)
    predictor = fit(MLPClassifier((2,), solver="lbfgs", alpha=20.0, tol=1e-2), X, y).predictor()
    X[5, 1] = 120
    with pytest.raises(
        SchemaError, match=r"\$\.carrier: expected a whole number from 0 to 119, got 120 .*row 5"
    ):
        predictor.predict(X)


def test_a_perceptron_names_every_missing_number() -> None:
    """As the linear format does."""
    X, y = rows(300)
    X[:4, 2] = np.nan
    with pytest.raises(
        DefinitionError, match="perceptron cannot take NaN or infinity: gust in 4 of 300 rows"
    ):
        OnnxMLPFormat().fit(MLPClassifier(), X, y, COLUMNS, seed=0, threads=1)


def test_an_exporting_estimator_is_told_of_the_columns() -> None:
    """An embedding needs the sizes of vocabularies: `fit` is given the columns where it takes them."""
    X, y = rows(300)
    seen: list[tuple[str, ...]] = []

    class Telling(OwnRegression):
        def to_onnx(self) -> bytes:
            seen.append(self.given_)
            return super().to_onnx()

    fit(Telling(), X, y)
    assert seen == [("wind", "carrier", "gust", "origin")]


def test_an_answer_that_is_no_probability_is_refused() -> None:
    """A graph that ends in a score instead of a sigmoid is told so."""
    X, y = rows(300)
    with pytest.raises(DefinitionError, match=r"OwnRegression: its graph answers from .* no probability"):
        fit(OwnRegression(end="Identity"), X, y)


class Relative(OwnRegression):
    """Compares every row with the mean of its batch, as a normalisation left in training mode does."""

    def to_onnx(self) -> bytes:
        return model_bytes(
            [
                ("MatMul", ["x", "w"], "score"),
                ("ReduceMean", ["score"], "mean"),
                ("Sub", ["score", "mean"], "rest"),
                ("Sigmoid", ["rest"], "p"),
            ],
            inputs={"x": (TensorProto.DOUBLE, ["n", 4])},
            outputs={"p": (TensorProto.DOUBLE, ["n", 1])},
            weights={"w": self.weight_.reshape(-1, 1)},
        )


def test_an_answer_that_depends_on_other_rows_is_refused() -> None:
    """A graph that looks at its batch gives a row another answer alone than among others."""
    with pytest.raises(DefinitionError, match="alone another answer than among others"):
        fit(Relative(), *rows(300))


class Incomplete:
    """Exports, but cannot be copied."""

    def fit(self, X: Floats, y: Floats) -> None: ...

    def to_onnx(self) -> bytes: ...


def test_an_exporting_estimator_lacking_a_method_is_told_which() -> None:
    """The commonest slips have their own sentence."""
    with pytest.raises(UnsupportedEstimator, match=r"it has to_onnx\(\) but no get_params\(\)"):
        format_for(Incomplete())
    with pytest.raises(UnsupportedEstimator, match="it is a class, not an instance"):
        format_for(OwnRegression)


def test_an_uninstalled_library_is_told_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named when the estimator is declared, not an hour later."""
    monkeypatch.setattr(onnx_fit.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        UnsupportedEstimator, match=r"onnx and onnxruntime not installed: pip install 'roadworthy\[onnx\]'"
    ):
        format_for(MLPClassifier())


def test_a_missing_runtime_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node without ONNX Runtime names the extra that brings it."""

    def missing(name: str) -> Any:
        raise ImportError(name)

    onnx_load.runtime.cache_clear()
    monkeypatch.setattr(onnx_load.importlib, "import_module", missing)
    with pytest.raises(UnsupportedEstimator, match=r"pip install 'roadworthy\[onnx\]'"):
        onnx_load.runtime()


def test_a_layout_of_another_graph_is_found_out(tmp_path: Path) -> None:
    """Two files that do not belong together are corrupt."""
    X, y = rows(300)
    fit(OwnRegression(), X[:, :1], y, COLUMNS[:1]).save(tmp_path)
    (tmp_path / onnx_load.GRAPH_FILE).write_bytes(fit(OwnRegression(), X, y).graph)
    with pytest.raises(CorruptArtifact, match=r"onnx\.json names inputs .* restore both"):
        onnx_load.load(tmp_path)
