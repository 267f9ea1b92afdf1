"""The weights of an ONNX graph as named arrays: its float initialisers, and which columns pick whose rows.

Not here: making graphs (`onnx_fit`) and serving them (`onnx_load`). That a table belongs to a column is not believed
but seen: the graph is asked with the column at 0 and at 1, and the look-up that moves by one row is the column's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from roadworthy.estimators.onnx_graph import canonical, library
from roadworthy.estimators.onnx_load import GraphColumn, Layout, session
from roadworthy.estimators.weights import NewRows, WeightArray, Weights, refuse_trees

_FLOATS = ("FLOAT", "DOUBLE", "FLOAT16")
#: Numbers of categories, one set behind the other, each ended by a NaN: names, and no parameters.
_SETS = ("membership_values",)


def weights_of(graph: bytes, layout: Layout) -> Weights:
    """Every float array of the graph; a table that is looked up by several vocabularies is one array for each.

    raises UnsupportedEstimator where the onnx package is not installed
    """
    model = library().load_model_from_string(graph)
    if any(node.op_type.startswith("TreeEnsemble") for node in model.graph.node):
        return Weights("trees", tuple(_of_trees(model)))
    tables = _tables(model, layout)
    arrays = []
    for held in model.graph.initializer:
        if library().TensorProto.DataType.Name(held.data_type) not in _FLOATS or not held.dims:
            continue
        values = library().numpy_helper.to_array(held)
        parts = _merged(tables.get(held.name, []))
        for (first, size), columns in parts.items():
            whole = len(parts) == 1 and (first, size) == (0, len(values))
            name = held.name if whole else f"{held.name} of {columns[0]}"
            arrays.append(WeightArray(name, values[first : first + size], columns, held.name, first))
        if not parts:
            arrays.append(WeightArray(held.name, values, (), held.name))
    return Weights("arrays", tuple(arrays))


def shapes_of(graph: bytes) -> dict[str, tuple[int, ...]]:
    """Name of every float initialiser → its shape."""
    model = library().load_model_from_string(graph)
    return {
        held.name: tuple(held.dims)
        for held in model.graph.initializer
        if library().TensorProto.DataType.Name(held.data_type) in _FLOATS
    }


def with_rows(graph: bytes, layout: Layout, rows: NewRows) -> bytes:
    """The graph with these rows in place of its own; Refused for trees."""
    weights = weights_of(graph, layout)
    if weights.kind == "trees":
        raise refuse_trees()
    model = library().load_model_from_string(graph)
    helper = library().numpy_helper
    for held in model.graph.initializer:
        parts = [array for array in weights.arrays if array.source == held.name and array.name in rows]
        if not parts:
            continue
        values = helper.to_array(held).copy()
        for part in parts:
            for row, value in rows[part.name].items():
                values[part.first + row] = value
        held.CopyFrom(helper.from_array(values, held.name))
    return canonical(model)


def _of_trees(model: Any) -> Iterator[WeightArray]:
    """The numbers of tree ensembles: those of leaves and splits."""
    for number, node in enumerate(model.graph.node):
        for attribute in node.attribute:
            if attribute.name in _SETS:
                continue
            if attribute.HasField("t") and attribute.t.dims:
                values = library().numpy_helper.to_array(attribute.t)
            elif attribute.floats:
                values = np.array(attribute.floats, dtype=np.float32)
            else:
                continue
            if np.issubdtype(values.dtype, np.floating):
                name = attribute.name if number == 0 else f"{attribute.name} {number}"
                yield WeightArray(name, values, (), name)


def _tables(model: Any, layout: Layout) -> Mapping[str, list[tuple[int, GraphColumn]]]:
    """Initialiser → (its row for number 0 of a column, the column), for every column that picks its rows."""
    arrays = {held.name: held for held in model.graph.initializer}
    lookups = [
        (node.input[0], node.input[1])
        for node in model.graph.node
        if node.op_type == "Gather"
        and node.input[0] in arrays
        and not any(attribute.name == "axis" and attribute.i for attribute in node.attribute)
    ]
    found: dict[str, list[tuple[int, GraphColumn]]] = {}
    if not lookups:
        return found
    ask = _asking(model, layout, {places for _, places in lookups})
    at_zero = ask(None)
    for column in (each for one in layout.inputs for each in one.columns if each.size):
        at_one = ask(column.place)
        for table, places in lookups:
            before, after = at_zero[places], at_one[places]
            if before.shape != after.shape or before.size == 0:
                continue
            moved = np.flatnonzero(before != after)
            if not moved.size or (after[moved] != before[moved] + 1).any():
                continue
            rows = arrays[table].dims[0]
            for first in sorted({int(place) for place in before[moved]}):
                if first >= 0 and first + column.size <= rows:
                    found.setdefault(table, []).append((first, column))
    return found


def _asking(model: Any, layout: Layout, wanted: set[str]) -> Any:
    """A function: place of the column that is 1 while all others are 0 → tensor name → its flat values."""
    given = {one.name for one in layout.inputs}
    probe = library().ModelProto()
    probe.CopyFrom(model)
    outside = sorted(wanted - given - {one.name for one in probe.graph.output})
    for name in outside:
        probe.graph.output.add().name = name
    made = session(probe.SerializeToString())
    outputs = sorted(wanted - given)

    def ask(place: int | None) -> dict[str, npt.NDArray[Any]]:
        row = np.zeros(layout.width)
        if place is not None:
            row[place] = 1.0
        feed = {
            one.name: row[[column.place for column in one.columns]].reshape(1, -1).astype(one.element)
            for one in layout.inputs
        }
        values = dict(zip(outputs, made.run(outputs, feed) if outputs else (), strict=True))
        values |= {name: feed[name] for name in wanted & given}
        return {name: np.asarray(value).ravel() for name, value in values.items()}

    return ask


def _merged(parts: list[tuple[int, GraphColumn]]) -> dict[tuple[int, int], tuple[str, ...]]:
    """(first row, size) → names of the columns that share these rows, in the order of the table."""
    merged: dict[tuple[int, int], dict[str, None]] = {}
    for first, column in parts:
        merged.setdefault((first, column.size), {})[column.name] = None
    return {key: tuple(merged[key]) for key in sorted(merged)}
