"""Estimators that export their own ONNX graph, as a user with another library would write them; and graphs at will."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.base import BaseEstimator

Floats = npt.NDArray[np.float64]


def model_bytes(
    nodes: Sequence[tuple[str, list[str], str]],
    *,
    inputs: dict[str, tuple[int, list[Any]]],
    outputs: dict[str, tuple[int, list[Any]]],
    weights: dict[str, npt.NDArray[Any]],
    doc: str = "",
) -> bytes:
    """A graph of plain nodes (operator, inputs, output)."""
    graph = helper.make_graph(
        [helper.make_node(operator, given, [made]) for operator, given, made in nodes],
        "graph",
        [helper.make_tensor_value_info(name, *value) for name, value in inputs.items()],
        [helper.make_tensor_value_info(name, *value) for name, value in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
        doc_string=doc,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    model.producer_name = doc
    return bytes(model.SerializeToString())


def logistic(weight: Floats, bias: float, *, end: str = "Sigmoid", doc: str = "") -> bytes:
    """A logistic regression in float32 over one matrix."""
    return model_bytes(
        [("MatMul", ["x", "w"], "product"), ("Add", ["product", "b"], "score"), (end, ["score"], "p")],
        inputs={"x": (TensorProto.FLOAT, ["rows", len(weight)])},
        outputs={"p": (TensorProto.FLOAT, ["rows", 1])},
        weights={
            "w": weight.astype(np.float32).reshape(-1, 1),
            "b": np.array([bias], dtype=np.float32),
        },
        doc=doc,
    )


class OwnRegression(BaseEstimator):
    """Logistic regression by gradient steps on standardised columns, exported with notes about this machine."""

    def __init__(self, steps: int = 200, end: str = "Sigmoid") -> None:
        self.steps = steps
        self.end = end

    def fit(self, X: Floats, y: Floats, columns: Sequence[Any] = ()) -> OwnRegression:
        self.given_ = tuple(column.name for column in columns)
        self.mean_, self.scale_ = X.mean(axis=0), X.std(axis=0)
        Z = (X - self.mean_) / self.scale_
        self.weight_, self.bias_ = np.zeros(X.shape[1]), 0.0
        for _ in range(self.steps):
            slope = 1 / (1 + np.exp(-(Z @ self.weight_ + self.bias_))) - y
            self.weight_ = self.weight_ - Z.T @ slope / len(y)
            self.bias_ -= float(slope.mean())
        return self

    def to_onnx(self) -> bytes:
        weight = self.weight_ / self.scale_
        return logistic(
            weight,
            self.bias_ - float(self.mean_ @ weight),
            end=self.end,
            doc="made at /tmp/machine in a thread",
        )


def parsed(graph: bytes) -> onnx.ModelProto:
    """The message."""
    return onnx.load_model_from_string(graph)


class OneHotRegression(BaseEstimator):
    """A logistic regression by gradient steps whose coefficients begin at random: what no row shows stays random.

    tells   whether it says what its coefficients were before
    """

    def __init__(self, steps: int = 60, tells: bool = True, random_state: int | None = None) -> None:
        self.steps = steps
        self.tells = tells
        self.random_state = random_state
        if not tells:
            self.initial_weights = None

    def fit(self, X: Floats, y: Floats, columns: Sequence[Any] = ()) -> OneHotRegression:
        self.places_ = [place for place, column in enumerate(columns) if column.kind == "category"]
        self.names_ = [columns[place].name for place in self.places_]
        self.width_ = X.shape[1] - len(self.places_)
        rng = np.random.default_rng(self.random_state)
        self.before_ = {
            f"{columns[place].name}.weight": rng.normal(0, 3, (columns[place].size, 1)).astype(np.float32)
            for place in self.places_
        }
        self.after_ = {name: table.copy() for name, table in self.before_.items()}
        codes = X[:, self.places_].astype(np.int64)
        for _ in range(self.steps):
            score = sum(table[codes[:, at], 0] for at, table in enumerate(self.after_.values()))
            slope = (1 / (1 + np.exp(-score)) - y).astype(np.float32)
            for at, table in enumerate(self.after_.values()):
                often = np.bincount(codes[:, at], minlength=len(table))
                pull = np.bincount(codes[:, at], weights=slope, minlength=len(table))
                table[often > 0, 0] -= (pull[often > 0] / often[often > 0]).astype(np.float32)
        return self

    def initial_weights(self) -> dict[str, Any]:
        return self.before_

    def to_onnx(self) -> bytes:
        nodes: list[tuple[str, list[str], str]] = []
        weights: dict[str, npt.NDArray[Any]] = {}
        for at, (name, table) in enumerate(self.after_.items()):
            weights |= {name: table, f"place_{at}": np.array(at, dtype=np.int64)}
            nodes += [
                ("GatherColumn", ["categories", f"place_{at}"], f"codes_{at}"),
                ("Gather", [name, f"codes_{at}"], f"part_{at}"),
            ]
        weights["nothing"] = np.zeros((self.width_, 1), dtype=np.float32)
        nodes.append(("MatMul", ["numbers", "nothing"], "product"))
        nodes.append(("Sum", ["product", *(f"part_{at}" for at in range(len(self.after_)))], "score"))
        nodes.append(("Sigmoid", ["score"], "p"))
        graph = helper.make_graph(
            [
                helper.make_node("Gather", given, [made], axis=1)
                if operator == "GatherColumn"
                else helper.make_node(operator, given, [made])
                for operator, given, made in nodes
            ],
            "one_hot",
            [
                helper.make_tensor_value_info("numbers", TensorProto.FLOAT, ["rows", self.width_]),
                helper.make_tensor_value_info("categories", TensorProto.INT64, ["rows", len(self.places_)]),
            ],
            [helper.make_tensor_value_info("p", TensorProto.FLOAT, ["rows", 1])],
            [numpy_helper.from_array(value, name) for name, value in weights.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
        return bytes(model.SerializeToString())
