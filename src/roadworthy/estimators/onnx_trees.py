"""A fitted HistGradientBoostingClassifier as an ONNX graph in float64.

Not here: fitting (see `onnx_fit`). skl2onnx is not used: for trees that split categories as sets its graphs answer
something else without a word (up to 0.99 off on five category columns; skl2onnx 1.20, scikit-learn 1.9). The trees
are read from private attributes, so `onnx_fit` compares every graph with scikit-learn's own answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from roadworthy.estimators.onnx_graph import library
from roadworthy.estimators.protocol import Column

OPSET = 17
TREES_OPSET = 5  # the first with sets of categories
IR_VERSION = 10
_AT_MOST, _MEMBER = 0, 6


def graph_of(fitted: Any, columns: Sequence[Column]) -> bytes:
    """The graph: `encoded` float64 of all columns in, `probability` of shape (n, 1) out."""
    onnx = library()
    helper, double = onnx.helper, onnx.TensorProto.DOUBLE
    trees = _Trees(fitted, columns)
    for (tree,) in fitted._predictors:
        trees.add(tree)
    baseline = np.asarray(fitted._baseline_prediction, dtype=np.float64).reshape(1, 1)
    graph = helper.make_graph(
        [
            helper.make_node(
                "TreeEnsemble", ["encoded"], ["trees"], domain="ai.onnx.ml", **trees.attributes()
            ),
            helper.make_node("Add", ["trees", "baseline"], ["score"]),
            helper.make_node("Sigmoid", ["score"], ["probability"]),
        ],
        "trees",
        [helper.make_tensor_value_info("encoded", double, ["n", len(columns)])],
        [helper.make_tensor_value_info("probability", double, ["n", 1])],
        [onnx.numpy_helper.from_array(baseline, "baseline")],
    )
    versions = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", TREES_OPSET)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=IR_VERSION)
    return bytes(model.SerializeToString(deterministic=True))


class _Trees:
    """Collects the nodes and leaves of all trees as ONNX lays them out: one list a property."""

    def __init__(self, fitted: Any, columns: Sequence[Column]) -> None:
        self.roots: list[int] = []
        self.nodes: list[dict[str, float]] = []
        self.leaves: list[float] = []
        self.sets: list[float] = []
        self._columns = columns
        # scikit-learn moves categories to the front and numbers those it has seen anew
        seen = fitted._preprocessor.named_transformers_["encoder"].categories_ if fitted._preprocessor else []
        places = range(len(columns))
        first = [place for place in places if fitted._preprocessor and fitted.is_categorical_[place]]
        self._place = first + [place for place in places if place not in set(first)]
        self._codes = dict(zip(first, ([int(code) for code in codes] for codes in seen), strict=True))

    def add(self, tree: Any) -> None:
        """One more tree; a tree of one leaf becomes a node whose branches are the same leaf."""
        self.roots.append(len(self.nodes))
        if tree.nodes[0]["is_leaf"]:
            self.leaves.append(float(tree.nodes[0]["value"]))
            leaf = {"leaf": 1, "next": len(self.leaves) - 1}
            self.nodes.append(_node(0, _AT_MOST, 0.0, False, leaf, leaf))
        else:
            self._grow(tree, 0)

    def _grow(self, tree: Any, at: int) -> dict[str, int]:
        """Put a node and all below it; says whether it is a leaf and where it stands."""
        node = tree.nodes[at]
        if node["is_leaf"]:
            self.leaves.append(float(node["value"]))
            return {"leaf": 1, "next": len(self.leaves) - 1}
        where = len(self.nodes)
        self.nodes.append({})
        place = self._place[int(node["feature_idx"])]
        first, second = int(node["left"]), int(node["right"])
        missing_first = bool(node["missing_go_to_left"])
        mode, split = _AT_MOST, float(node["num_threshold"])
        if node["is_categorical"]:
            mode, split = _MEMBER, 0.0
            members, others = self._members(
                tree.raw_left_cat_bitsets[node["bitset_idx"]], place, missing_first
            )
            # ONNX Runtime compares with one member after the other: ask for the smaller side
            if len(others) < len(members):
                members, first, second, missing_first = others, second, first, not missing_first
            self.sets += [*members, np.nan]
        self.nodes[where] = _node(
            place, mode, split, missing_first, self._grow(tree, first), self._grow(tree, second)
        )
        return {"leaf": 0, "next": where}

    def _members(self, bits: Any, place: int, missing_left: bool) -> tuple[list[float], list[float]]:
        """Numbers of the vocabulary that go left and right; what training never saw goes where a missing value goes."""
        codes = self._codes[place]
        every = set(range(self._columns[place].size))
        left = {code for number, code in enumerate(codes) if int(bits[number // 32]) >> (number % 32) & 1}
        if missing_left:
            left |= every - set(codes)
        return [float(code) for code in sorted(left)], [float(code) for code in sorted(every - left)]

    def attributes(self) -> dict[str, Any]:
        """What the operator TreeEnsemble is given."""

        def doubles(name: str, values: list[float]) -> Any:
            return library().numpy_helper.from_array(np.array(values, dtype=np.float64), name)

        column = {name: [node[name] for node in self.nodes] for name in self.nodes[0]}
        modes = library().numpy_helper.from_array(np.array(column.pop("mode"), dtype=np.uint8), "modes")
        splits = doubles("splits", column.pop("split"))
        attributes: dict[str, Any] = {
            name: [int(value) for value in values] for name, values in column.items()
        }
        attributes |= {"nodes_modes": modes, "nodes_splits": splits, "tree_roots": self.roots, "n_targets": 1}
        attributes |= {
            "leaf_weights": doubles("weights", self.leaves),
            "leaf_targetids": [0] * len(self.leaves),
        }
        if self.sets:
            attributes["membership_values"] = doubles("members", self.sets)
        return attributes


def _node(
    place: int, mode: int, split: float, missing_left: bool, left: dict[str, int], right: dict[str, int]
) -> dict[str, float]:
    return {
        "mode": mode,
        "split": split,
        "nodes_featureids": place,
        "nodes_missing_value_tracks_true": int(missing_left),
        "nodes_trueleafs": left["leaf"],
        "nodes_truenodeids": left["next"],
        "nodes_falseleafs": right["leaf"],
        "nodes_falsenodeids": right["next"],
    }
