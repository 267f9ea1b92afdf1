"""Which ONNX graphs are taken, what the others are told, and what is left of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest
from onnx import TensorProto

from graph_estimators import logistic, model_bytes, parsed
from roadworthy.errors import DefinitionError
from roadworthy.estimators import onnx_graph
from roadworthy.estimators.onnx_graph import canonical, checked
from roadworthy.estimators.onnx_load import GraphColumn


@dataclass(frozen=True)
class Column:
    """An encoded column."""

    name: str
    kind: Literal["number", "category"]
    size: int = 0


COLUMNS = (Column("carrier", "category", 9), Column("wind", "number"), Column("gust", "number"))
WEIGHT = np.array([0.1, -0.2, 0.3])


def two_inputs(numbers: int = 2) -> bytes:
    """Numbers in float64 and categories in int64, as a network with an embedding takes them."""
    return model_bytes(
        [
            ("Gather", ["table", "categories"], "found"),
            ("MatMul", ["numbers", "w"], "product"),
            ("Add", ["found", "product"], "score"),
            ("Sigmoid", ["score"], "p"),
        ],
        inputs={
            "categories": (TensorProto.INT64, ["n", 1]),
            "numbers": (TensorProto.DOUBLE, ["n", numbers]),
        },
        outputs={"p": (TensorProto.DOUBLE, ["n", 1])},
        weights={"table": np.linspace(-1, 1, 9), "w": np.array([[0.1]] * numbers)},
    )


def edited(graph: bytes, edit: Any) -> bytes:
    model = parsed(graph)
    edit(model)
    return bytes(model.SerializeToString())


def test_a_single_matrix_takes_all_columns_in_order() -> None:
    """The layout that is saved says where every column goes."""
    _, layout = checked(logistic(WEIGHT, 0.5), COLUMNS)
    assert layout.width == 3
    assert [(one.name, one.element) for one in layout.inputs] == [("x", "float32")]
    assert layout.inputs[0].columns == (
        GraphColumn(0, "carrier", 9), GraphColumn(1, "wind", 0), GraphColumn(2, "gust", 0),
    )  # fmt: skip
    assert layout.output == "p"


def test_categories_go_to_the_whole_number_input() -> None:
    """Two inputs are told apart by their kind, not by their order or name."""
    _, layout = checked(two_inputs(), COLUMNS)
    assert {one.name: [column.name for column in one.columns] for one in layout.inputs} == {
        "categories": ["carrier"],
        "numbers": ["wind", "gust"],
    }


def test_the_bytes_do_not_tell_who_exported_when_and_where() -> None:
    """Two exports that differ in notes and maker's names only are one version."""
    graph, _ = checked(logistic(WEIGHT, 0.5, doc="somebody 2026-11-01"), COLUMNS)
    other, _ = checked(logistic(WEIGHT, 0.5), COLUMNS)
    assert graph == other
    assert b"somebody" not in graph
    assert canonical(parsed(graph)) == graph


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (logistic(WEIGHT[:2], 0.0), r"it takes x float32 \(any, 2\); expected one float input of shape \(any, 3\)"),
        (two_inputs(3), r"numbers float64 \(any, 3\).*a float input of shape \(any, 2\) for the numbers"),
        (
            edited(logistic(WEIGHT, 0.0), lambda m: setattr(
                m.graph.input[0].type.tensor_type.shape.dim[0], "dim_value", 1)),
            r"it takes x float32 \(1, 3\)",
        ),
        (
            edited(logistic(WEIGHT, 0.0), lambda m: m.graph.output.add().CopyFrom(m.graph.output[0])),
            "it gives p float32.*, p float32.*expected one float output",
        ),
        (
            edited(logistic(WEIGHT, 0.0), lambda m: setattr(m.graph.node[0], "domain", "com.example")),
            r"its operator com\.example::MatMul is not of the ONNX standard",
        ),
        (
            edited(logistic(WEIGHT, 0.0), lambda m: setattr(m.graph.node[0], "op_type", "Loop")),
            "its operator Loop may go on without end",
        ),
        (
            edited(logistic(WEIGHT, 0.0), lambda m: setattr(m.graph.node[0], "op_type", "RandomNormalLike")),
            "its operator RandomNormalLike answers by chance",
        ),
        (
            edited(logistic(WEIGHT, 0.0), lambda m: setattr(
                m.graph.initializer[0], "data_location", TensorProto.EXTERNAL)),
            "its tensor 'w' is in another file",
        ),
        (b"no graph", "are no ONNX model"),
        ("text", "given as bytes, got str"),
    ],
)  # fmt: skip
def test_a_graph_that_cannot_be_served_is_told_why(graph: Any, said: str) -> None:
    """Refused before it becomes a version, with what was found and what was expected."""
    with pytest.raises(DefinitionError, match=said):
        checked(graph, COLUMNS)


def test_what_hides_in_a_branch_is_found() -> None:
    """An operator inside the branch of another is looked at too."""

    def hide(model: Any) -> None:
        branch = model.graph.node[2].attribute.add(name="then_branch", type=5)
        branch.g.node.add(op_type="Bernoulli", input=["a"], output=["b"])

    with pytest.raises(DefinitionError, match="Bernoulli answers by chance"):
        checked(edited(logistic(WEIGHT, 0.0), hide), COLUMNS)


def test_a_graph_too_large_to_copy_everywhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every node holds every version: there is a limit, and the message names it."""
    monkeypatch.setattr(onnx_graph, "MOST_BYTES", 100)
    with pytest.raises(DefinitionError, match=r"bytes, more than the 100 that a version may have"):
        checked(logistic(WEIGHT, 0.0), COLUMNS)
