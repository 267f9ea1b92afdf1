"""A fitted MLPClassifier as an ONNX graph in float64, one-hot coding and standardising included.

Not here: fitting (see `onnx_fit`). A one-hot column times a weight is a look-up, so the graph looks up.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from roadworthy.estimators.onnx_graph import library
from roadworthy.estimators.protocol import Column, Floats

_ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid", "identity": "Identity"}
_OPTIONS = {"ReduceSum": {"keepdims": 0}}
#: Old enough for every ONNX Runtime of the last years: nothing newer is used.
OPSET = 17
IR_VERSION = 10


def graph_of(fitted: Any, columns: Sequence[Column], spread: Sequence[tuple[float, float]]) -> bytes:
    """The graph: `numbers` float64 and `categories` int64 in, `probability` of shape (n, 1) out.

    spread   mean and scale of every number column
    """
    helper = library().helper
    kinds = [column.kind for column in columns]
    inputs = []
    if "number" in kinds:
        inputs.append(helper.make_tensor_value_info("numbers", _type("DOUBLE"), ["n", kinds.count("number")]))
    if "category" in kinds:
        inputs.append(
            helper.make_tensor_value_info("categories", _type("INT64"), ["n", kinds.count("category")])
        )
    nodes, weights = _first_layer(fitted.coefs_[0], columns, spread)
    for layer, bias in enumerate(fitted.intercepts_):
        if layer:
            weights[f"weight_{layer}"] = fitted.coefs_[layer]
            nodes.append(("MatMul", [f"hidden_{layer - 1}", f"weight_{layer}"], f"product_{layer}"))
        weights[f"bias_{layer}"] = bias
        nodes.append(("Add", [f"product_{layer}", f"bias_{layer}"], f"sum_{layer}"))
        last = layer == len(fitted.intercepts_) - 1
        activation = "Sigmoid" if last else _ACTIVATIONS[fitted.activation]
        nodes.append((activation, [f"sum_{layer}"], "probability" if last else f"hidden_{layer}"))
    graph = helper.make_graph(
        [
            helper.make_node(operator, given, [made], **_OPTIONS.get(operator, {}))
            for operator, given, made in nodes
        ],
        "mlp",
        inputs,
        [helper.make_tensor_value_info("probability", _type("DOUBLE"), ["n", 1])],
        [
            library().numpy_helper.from_array(np.ascontiguousarray(held), name)
            for name, held in weights.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    return bytes(model.SerializeToString(deterministic=True))


def _first_layer(
    weight: Floats, columns: Sequence[Column], spread: Sequence[tuple[float, float]]
) -> tuple[list[tuple[str, list[str], str]], dict[str, Any]]:
    """Nodes and weights from the inputs to `product_0`; `weight` has one row a column of the design matrix."""
    sizes = [column.size if column.kind == "category" else 1 for column in columns]
    starts = list(accumulate([0, *sizes[:-1]]))
    rows = {kind: [at for at, column in zip(starts, columns, strict=True) if column.kind == kind]
            for kind in ("number", "category")}  # fmt: skip
    both = bool(rows["category"]) and bool(rows["number"])
    nodes: list[tuple[str, list[str], str]] = []
    weights: dict[str, Any] = {}
    if rows["category"]:
        weights |= {"table": weight, "starts": np.array(rows["category"], dtype=np.int64)}
        weights["axis"] = np.array([1], dtype=np.int64)
        nodes += [
            ("Add", ["categories", "starts"], "places"),
            ("Gather", ["table", "places"], "looked_up"),
            ("ReduceSum", ["looked_up", "axis"], "from_categories" if both else "product_0"),
        ]
    if rows["number"]:
        weights |= {
            "mean": np.array([mean for mean, _ in spread]),
            "scale": np.array([by for _, by in spread]),
        }
        weights["weight_0"] = weight[rows["number"]]
        nodes += [
            ("Sub", ["numbers", "mean"], "centred"),
            ("Div", ["centred", "scale"], "standard"),
            ("MatMul", ["standard", "weight_0"], "from_numbers" if both else "product_0"),
        ]
    if both:
        nodes.append(("Add", ["from_categories", "from_numbers"], "product_0"))
    return nodes, weights


def _type(name: str) -> int:
    return int(library().TensorProto.DataType.Value(name))
