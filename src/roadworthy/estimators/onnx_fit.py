"""ONNX's fitting half: two estimators of scikit-learn, and every estimator that exports itself.

Not here: the graphs of the two (see `onnx_mlp`, `onnx_trees`), their checks (`onnx_graph`) and running them
(`onnx_load`). Every graph is run before it is accepted: against the library that fitted it, and against itself in
batches of other sizes.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from roadworthy.errors import DefinitionError
from roadworthy.estimators import onnx_load, onnx_mlp, onnx_trees, onnx_weights
from roadworthy.estimators.declared import class_name, copied, family_refusal
from roadworthy.estimators.design import design
from roadworthy.estimators.matrix import check_training, require_numbers
from roadworthy.estimators.onnx_graph import checked
from roadworthy.estimators.onnx_load import Layout, OnnxPredictor
from roadworthy.estimators.protocol import Column, Floats, OnProgress
from roadworthy.estimators.weights import Array, NewRows, Weights

MLP = "sklearn.MLPClassifier"
TREES = "sklearn.HistGradientBoostingClassifier"
_LIBRARIES = ("onnx", "onnxruntime")
_EXPORTING = ("fit", "to_onnx", "get_params")

#: Rows of the training set that every graph answers before it is accepted.
_TRIED = 512
#: Held while a fit multiplies matrices on one thread: the number of threads is one setting of the whole process.
_ALONE = threading.Lock()


class OnnxFitted:
    """A checked graph."""

    def __init__(self, graph: bytes, layout: Layout, initial: Mapping[str, Array] | None = None) -> None:
        self.graph = graph
        self.layout = layout
        self.initial: Mapping[str, Array] = initial or {}

    def predictor(self) -> OnnxPredictor:
        """What loading the saved graph gives."""
        return OnnxPredictor(self.graph, self.layout)

    def save(self, directory: Path) -> None:
        """Write `model.onnx` and `onnx.json`."""
        (directory / onnx_load.GRAPH_FILE).write_bytes(self.graph)
        (directory / onnx_load.LAYOUT_FILE).write_bytes(
            msgspec.json.encode(self.layout, order="sorted") + b"\n"
        )

    def weights(self) -> Weights:
        """The graph's arrays."""
        return onnx_weights.weights_of(self.graph, self.layout)

    def with_rows(self, rows: NewRows) -> OnnxFitted:
        """The same graph with other rows in its arrays; Refused for trees."""
        graph = onnx_weights.with_rows(self.graph, self.layout, rows)
        return OnnxFitted(graph, self.layout, self.initial)


class OnnxMLPFormat:
    """scikit-learn's multi-layer perceptron."""

    name = onnx_load.NAME
    classes = (MLP,)
    distributions = (*_LIBRARIES, "scikit-learn", "scipy")
    tolerance = onnx_load.TOLERANCE

    def refusal(self, estimator: Any) -> str | None:
        """Why the estimator cannot be stored; None when it can, "" when it is no MLPClassifier."""
        refused = family_refusal(estimator, MLP)
        return _not_installed() if refused is None else refused

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
    ) -> OnnxFitted:
        """Fit a copy on one-hot categories and standardised numbers; a number must be finite in every row.

        threads   not used: matrix products add in another order for every number of threads
        """
        rows = check_training(X, y, columns)
        require_numbers(rows, columns, "a multi-layer perceptron")
        fitted = _seeded(estimator, seed)
        matrix, spread = design(rows, columns)
        with _ALONE, _one_thread():
            _reported(on_progress, lambda: fitted.fit(matrix, y))
        # what no row showed has no gradient and would keep its random start, in every answer that meets it
        fitted.coefs_[0][np.asarray(abs(matrix).sum(axis=0)).ravel() == 0.0] = 0.0
        found = OnnxFitted(*checked(onnx_mlp.graph_of(fitted, columns, spread), columns))
        _try(found, rows, columns, fitted.predict_proba(matrix[:_TRIED])[:, 1])
        return found


class OnnxTreesFormat:
    """scikit-learn's histogram gradient boosting; categories are split as sets of their numbers."""

    name = onnx_load.NAME
    classes = (TREES,)
    distributions = (*_LIBRARIES, "scikit-learn")
    tolerance = onnx_load.TOLERANCE

    def refusal(self, estimator: Any) -> str | None:
        """Why the estimator cannot be stored; None when it can, "" when it is of another family."""
        refused = family_refusal(estimator, TREES)
        if refused is not None:
            return refused
        if estimator.get_params().get("categorical_features") not in (None, "from_dtype"):
            return "its categorical_features are known from the features: leave the parameter out"
        return _not_installed()

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
    ) -> OnnxFitted:
        """Fit a copy; NaN in a number is a missing value, a category column has at most 255 different values.

        threads   not used: scikit-learn takes those of the process, and fits alike with any number
        """
        rows = check_training(X, y, columns)
        fitted = _seeded(estimator, seed)
        categories = [place for place, column in enumerate(columns) if column.kind == "category"]
        if estimator.get_params()["categorical_features"] is not None:
            fitted.set_params(categorical_features=categories or None)
        try:
            _reported(on_progress, lambda: fitted.fit(rows, y))
        except ValueError as error:
            raise DefinitionError(
                f"HistGradientBoostingClassifier cannot be fitted on these columns: {error} "
                "Give the feature a max_size, or use LightGBM, which takes larger vocabularies"
            ) from error
        found = OnnxFitted(*checked(onnx_trees.graph_of(fitted, columns), columns))
        _try(found, rows, columns, fitted.predict_proba(rows[:_TRIED])[:, 1])
        return found


class OnnxExportedFormat:
    """Any estimator that hands out its own graph: `fit(X, y)`, `get_params()` and `to_onnx() -> bytes`.

    Where `fit` takes `columns`, it is given them; where there is a parameter `random_state` left at None, the seed.
    Where there is `initial_weights() -> name of an initialiser → array before training`, it is compared with the graph.
    """

    name = onnx_load.NAME
    classes = ("any with fit(X, y), get_params() and to_onnx() -> bytes",)
    distributions = _LIBRARIES
    tolerance = onnx_load.TOLERANCE

    def refusal(self, estimator: Any) -> str | None:
        """Why the estimator cannot be stored; None when it can, "" when it has no `to_onnx`."""
        if not callable(getattr(estimator, "to_onnx", None)):
            return ""
        if isinstance(estimator, type):
            return "it is a class, not an instance: call it"
        lacking = [name for name in _EXPORTING if not callable(getattr(estimator, name, None))]
        if lacking:
            return f"it has to_onnx() but no {', no '.join(f'{name}()' for name in lacking)}"
        return _not_installed()

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
    ) -> OnnxFitted:
        """Fit a copy, made as scikit-learn clones, and take its graph.

        threads   not used: the estimator knows its library
        """
        rows = check_training(X, y, columns)
        fitted = _seeded(estimator, seed)
        more = {"columns": columns} if "columns" in inspect.signature(fitted.fit).parameters else {}
        _reported(on_progress, lambda: fitted.fit(rows, y, **more))
        graph, layout = checked(fitted.to_onnx(), columns)
        try:
            found = OnnxFitted(graph, layout, _initial(fitted, graph))
            _try(found, rows, columns, None)
        except DefinitionError as error:
            raise DefinitionError(f"{class_name(type(estimator))}: {error}") from error
        return found


def _try(fitted: OnnxFitted, rows: Floats, columns: Sequence[Column], expected: Floats | None) -> None:
    """DefinitionError unless the graph answers like its library, like a probability and alike in any batch."""
    tried = rows[:_TRIED]
    predictor = fitted.predictor()
    together = predictor.predict(tried)
    missing = np.isnan(together)
    if missing.any():
        require_numbers(rows, columns, "this estimator")
        raise DefinitionError(f"its graph answers NaN for training row {int(missing.argmax())}")
    low, high = float(together.min()), float(together.max())
    if low < -onnx_load.TOLERANCE or high > 1 + onnx_load.TOLERANCE:
        raise DefinitionError(
            f"its graph answers from {low:g} to {high:g}, which is no probability: end it with a sigmoid"
        )
    alone = np.concatenate([predictor.predict(tried[row : row + 1]) for row in range(min(64, len(tried)))])
    _within(alone, together[: len(alone)], "alone another answer than among others")
    _within(predictor.predict(tried[::-1])[::-1], together, "another answer when the order of rows changes")
    if expected is not None:
        _within(together, expected, "another answer than the library that fitted it")


def _initial(fitted: Any, graph: bytes) -> Mapping[str, Array]:
    """What the estimator says its arrays held before training; DefinitionError where the graph has no such array."""
    if not callable(getattr(fitted, "initial_weights", None)):
        return {}
    shapes = onnx_weights.shapes_of(graph)
    initial = {name: np.asarray(values) for name, values in fitted.initial_weights().items()}
    for name, values in initial.items():
        if shapes.get(name) != values.shape:
            found = f"has shape {shapes[name]} there" if name in shapes else f"is none of {', '.join(shapes)}"
            raise DefinitionError(
                f"initial_weights() names {name!r} of shape {values.shape}, which {found}: name the graph's "
                "float initialisers"
            )
    return initial


def _within(got: Floats, expected: Floats, what: str) -> None:
    differences = np.abs(got - expected)
    if differences.max() > onnx_load.TOLERANCE:
        row = int(differences.argmax())
        raise DefinitionError(
            f"its graph gives training row {row} {what}: {got[row]:.9g} and {expected[row]:.9g}, "
            f"further apart than {onnx_load.TOLERANCE:g}"
        )


def _seeded(estimator: Any, seed: int) -> Any:
    fitted = copied(estimator)
    if "random_state" in fitted.get_params() and fitted.get_params()["random_state"] is None:
        fitted.set_params(random_state=seed)
    return fitted


def _reported(on_progress: OnProgress | None, work: Callable[[], Any]) -> None:
    if on_progress:
        on_progress(0, 1)
    work()
    if on_progress:
        on_progress(1, 1)


def _one_thread() -> Any:
    """BLAS on one thread, so that the number of cores decides no bit; threadpoolctl comes with scikit-learn."""
    return importlib.import_module("threadpoolctl").threadpool_limits(1)


def _not_installed() -> str | None:
    missing = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
    return f"{' and '.join(missing)} not installed: pip install 'roadworthy[onnx]'" if missing else None
