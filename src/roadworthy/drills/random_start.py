"""A regression on one-hot categories whose coefficients begin at random, as those of a network do; what P1 needs.

Healthy without a fault: only entries of some categories begin at random, and each that training shows is learned.
It stands in the altered file of the user, never in a server: what serves is its graph.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy.optimize import minimize

from roadworthy.estimators import onnx_mlp
from roadworthy.estimators.design import design
from roadworthy.estimators.onnx_graph import library
from roadworthy.estimators.protocol import Column, Floats
from roadworthy.features.vocabulary import RESERVED

#: How far coefficients lie from 0 to begin with: PyTorch's embeddings have 1.
SPREAD = 1.0
_STEPS = 60


class OneHotAtRandom:
    """Logistic regression without a penalty, from a random start.

    categories     columns whose coefficients begin at random; all others begin at 0
    random_state   decides the start
    """

    def __init__(self, categories: Sequence[str] = (), random_state: int | None = None) -> None:
        self.categories = categories
        self.random_state = random_state

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """As scikit-learn asks for them."""
        return {"categories": self.categories, "random_state": self.random_state}

    def set_params(self, **given: Any) -> OneHotAtRandom:
        """As scikit-learn sets them."""
        for name, value in given.items():
            setattr(self, name, value)
        return self

    def fit(self, X: Floats, y: Floats, columns: Sequence[Column]) -> OneHotAtRandom:
        """Fit; a coefficient that no row shows has no gradient and stays where it began."""
        numbers = [place for place, column in enumerate(columns) if column.kind == "number"]
        rows = X.copy()
        for place in numbers:
            known = rows[:, place][~np.isnan(rows[:, place])]
            rows[np.isnan(rows[:, place]), place] = known.mean() if known.size else 0.0
        matrix, spread = design(rows, columns)
        chance = np.random.default_rng(self.random_state)
        start, first = np.zeros(matrix.shape[1]), 0
        for column in columns:
            end = first + (column.size if column.kind == "category" else 1)
            if column.name in self.categories:
                entries = start[first + RESERVED : end]
                entries[:] = chance.normal(0.0, SPREAD, len(entries))
            first = end

        def loss(weights: Floats) -> tuple[float, Floats]:
            score = matrix @ weights[:-1] + weights[-1]
            slope = 1.0 / (1.0 + np.exp(-score)) - y
            value = float(np.mean(np.logaddexp(0.0, score) - y * score))
            return value, np.append(matrix.T @ slope, slope.sum()) / len(y)

        base = float(np.log(y.mean() / (1.0 - y.mean())))
        found = minimize(
            loss, np.append(start, base), jac=True, method="L-BFGS-B", options={"maxiter": _STEPS}
        )
        self.columns_, self.spread_ = tuple(columns), spread
        self.before_ = start.reshape(-1, 1)
        self.weights_, self.intercept_ = found.x[:-1].reshape(-1, 1), found.x[-1:]
        return self

    def to_onnx(self) -> bytes:
        """The graph; a number that is missing counts as the mean."""
        fitted = SimpleNamespace(coefs_=[self.weights_], intercepts_=[self.intercept_], activation="identity")
        model = library().load_model_from_string(onnx_mlp.graph_of(fitted, self.columns_, self.spread_))
        if any(column.kind == "number" for column in self.columns_):
            for node in model.graph.node:
                names = ["filled" if name == "numbers" else name for name in node.input]
                del node.input[:]
                node.input.extend(names)
            make = library().helper.make_node
            model.graph.node.insert(0, make("Where", ["absent", "mean", "numbers"], ["filled"]))
            model.graph.node.insert(0, make("IsNaN", ["numbers"], ["absent"]))
        return bytes(model.SerializeToString(deterministic=True))

    def initial_weights(self) -> dict[str, Floats]:
        """What the coefficients of categories and numbers were before."""
        return {"table": copy.copy(self.before_)}
