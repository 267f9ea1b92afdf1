"""An ONNX graph before it becomes part of a version: checked, freed of what tells about its maker, laid out.

Not here: running it (see `onnx_load`). Whoever trains needs the `onnx` package; whoever serves does not.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator, Sequence
from typing import Any, cast

from roadworthy.errors import DefinitionError, UnsupportedEstimator
from roadworthy.estimators.onnx_load import Element, GraphColumn, GraphInput, Layout
from roadworthy.estimators.protocol import Column

#: A version is copied to every node and held once a worker; one protobuf message ends at 2 GiB.
MOST_BYTES = 256 * 2**20

#: Operators of the standard itself, which every build of ONNX Runtime has.
_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
#: A request must cost what its rows cost, and say the same when it is repeated.
_ENDLESS = ("Loop",)
_CHANCE = (
    "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
)  # fmt: skip


def checked(graph: bytes, columns: Sequence[Column]) -> tuple[bytes, Layout]:
    """The graph in canonical bytes, and where each column goes.

    graph    a serialised ModelProto: one float input with all columns, or one float input with the number columns
             and one int64 input with the category columns; its only output the probability of the positive class,
             of shape (n,), (n, 1) or (n, 2)
    raises   DefinitionError with everything that is wrong with it
    """
    if len(graph) > MOST_BYTES:
        raise DefinitionError(
            f"the graph has {len(graph):,} bytes, more than the {MOST_BYTES:,} that a version may have"
        )
    model = _parsed(graph)
    if model.functions:
        model = importlib.import_module("onnx.inliner").inline_local_functions(model)
    wrong = [*_forbidden(model), *_misshapen(model, columns)]
    if wrong:
        raise DefinitionError("the graph cannot be served: " + "; ".join(dict.fromkeys(wrong)))
    return canonical(model), _layout(model, columns)


def canonical(model: Any) -> bytes:
    """The model's bytes without its maker's name, comments and notes, which tell of machines, paths and dates."""
    for name in ("producer_name", "producer_version", "model_version", "domain"):
        model.ClearField(name)
    for one in _messages(model):
        for name in ("doc_string", "metadata_props"):
            if name in one.DESCRIPTOR.fields_by_name:
                one.ClearField(name)
    return bytes(model.SerializeToString(deterministic=True))


@functools.cache
def library() -> Any:
    """The onnx package; UnsupportedEstimator when it is not installed."""
    try:
        return importlib.import_module("onnx")
    except ImportError as error:
        raise UnsupportedEstimator(
            "this estimator is stored as an ONNX graph, and onnx is not installed here: "
            "run pip install 'roadworthy[onnx]'"
        ) from error


def _parsed(graph: bytes) -> Any:
    if not isinstance(graph, bytes):
        raise DefinitionError(f"an ONNX graph is given as bytes, got {type(graph).__name__}")
    onnx = library()
    try:
        return onnx.load_model_from_string(graph)
    except Exception as error:  # protobuf's and onnx's errors have no common class
        raise DefinitionError(f"these {len(graph):,} bytes are no ONNX model: {error}") from error


def _messages(message: Any) -> Iterator[Any]:
    """The message and every message within it, subgraphs included."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for one in [value] if hasattr(value, "DESCRIPTOR") else value:
                yield from _messages(one)


def _forbidden(model: Any) -> Iterator[str]:
    """What the graph holds that a version must not hold, each in words."""
    external = library().TensorProto.EXTERNAL
    for one in _messages(model):
        kind = one.DESCRIPTOR.name
        if kind == "TensorProto" and (one.data_location == external or one.external_data):
            yield f"its tensor {one.name!r} is in another file: export with the weights inside"
        if kind != "NodeProto":
            continue
        if one.domain not in _DOMAINS:
            yield f"its operator {one.domain}::{one.op_type} is not of the ONNX standard"
        elif one.op_type in _ENDLESS:
            yield f"its operator {one.op_type} may go on without end"
        elif one.op_type in _CHANCE:
            yield f"its operator {one.op_type} answers by chance"


def _misshapen(model: Any, columns: Sequence[Column]) -> Iterator[str]:
    """What of the graph's own inputs and outputs does not fit the columns, each in words."""
    numbers = sum(column.kind == "number" for column in columns)
    inputs = _inputs(model)
    found = sorted(((_element(one), _shape(one)) for one in inputs), key=str)
    taken: list[list[tuple[str, tuple[int | None, ...]]]] = []
    for real in ("float32", "float64"):
        taken.append([(real, (None, len(columns)))])
        taken.append(sorted([(real, (None, numbers)), ("int64", (None, len(columns) - numbers))], key=str))
    if numbers == 0:
        taken.append([("int64", (None, len(columns)))])
    if found not in taken:
        yield (
            f"it takes {_listed(inputs)}; expected one float input of shape (any, {len(columns)}), or a float input of "
            f"shape (any, {numbers}) for the numbers and an int64 input of shape (any, {len(columns) - numbers}) "
            "for the categories"
        )
    outputs = list(model.graph.output)
    fits = [
        _element(one) in ("float32", "float64") and _shape(one)[1:] in ((), (1,), (2,)) for one in outputs
    ]
    if fits != [True]:
        yield (
            f"it gives {_listed(outputs)}; expected one float output of shape (any,), (any, 1) or (any, 2): "
            "the probability of the positive class, last where there are two"
        )


def _layout(model: Any, columns: Sequence[Column]) -> Layout:
    every = tuple(GraphColumn(place, column.name, column.size) for place, column in enumerate(columns))
    inputs = _inputs(model)
    if len(inputs) == 1:
        parts = [GraphInput(inputs[0].name, cast(Element, _element(inputs[0])), every)]
    else:
        categories = {place for place, column in enumerate(columns) if column.kind == "category"}
        parts = [
            GraphInput(
                one.name,
                cast(Element, _element(one)),
                tuple(
                    column for column in every if (column.place in categories) == (_element(one) == "int64")
                ),
            )
            for one in inputs
        ]
    return Layout(len(columns), tuple(parts), model.graph.output[0].name)


def _inputs(model: Any) -> list[Any]:
    """Inputs that a caller gives; old graphs name their weights among them."""
    inside = {one.name for one in model.graph.initializer}
    return [one for one in model.graph.input if one.name not in inside]


def _element(value: Any) -> str:
    """What the tensor holds, as NumPy calls it where it can be taken."""
    held = str(library().TensorProto.DataType.Name(value.type.tensor_type.elem_type))
    return {"FLOAT": "float32", "DOUBLE": "float64"}.get(held, held.lower())


def _shape(value: Any) -> tuple[int | None, ...]:
    """Sizes, None where any is taken."""
    dims = value.type.tensor_type.shape.dim
    return tuple(one.dim_value if one.HasField("dim_value") else None for one in dims)


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(f"{one.name} {_element(one)} {_shown(_shape(one))}" for one in values) or "nothing"


def _shown(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join('any' if size is None else str(size) for size in shape)})"
