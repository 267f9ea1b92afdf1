"""ONNX's loading half: a graph run by ONNX Runtime, one thread, without the `onnx` package or protobuf.

Not here: making and checking graphs (see `onnx_fit` and `onnx_graph`). A session may be asked from several threads
at once and gives up the interpreter lock while it runs. Matrix products add in an order that depends on the size
of the batch, so last bits differ between batches: the format declares a tolerance.
"""

from __future__ import annotations

import functools
import importlib
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from roadworthy.errors import CorruptArtifact, UnsupportedEstimator
from roadworthy.estimators.matrix import as_codes, as_matrix
from roadworthy.estimators.protocol import Floats

NAME = "onnx"
GRAPH_FILE = "model.onnx"
LAYOUT_FILE = "onnx.json"

#: Measured: 1e-7 in a float32 graph, 3e-16 in a float64 one; every fit checks its own graph against this.
TOLERANCE = 1e-6

Element: TypeAlias = Literal["float32", "float64", "int64"]
_ELEMENTS = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(int64)": "int64"}
_FATAL_ONLY = 4


class GraphColumn(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A column of the matrix: its place, its name, and the size of its vocabulary (0 for a number)."""

    place: int
    name: str
    size: int = 0


class GraphInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One input of the graph, of shape (rows, columns); int64 inputs take categories only."""

    name: str
    element: Element
    columns: tuple[GraphColumn, ...]


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`onnx.json`: which column goes where. The graph's only output is the probability."""

    width: int
    inputs: tuple[GraphInput, ...]
    output: str


def load(directory: Path) -> OnnxPredictor:
    """The predictor saved in `directory`; CorruptArtifact when ONNX Runtime cannot read it."""
    try:
        graph = (directory / GRAPH_FILE).read_bytes()
        layout = msgspec.json.decode((directory / LAYOUT_FILE).read_bytes(), type=Layout)
    except (OSError, msgspec.DecodeError) as error:
        raise CorruptArtifact(
            f"{directory} cannot be read as an ONNX estimator ({error}): restore it from a copy"
        ) from error
    return OnnxPredictor(graph, layout)


class OnnxPredictor:
    """A graph in memory."""

    tolerance = TOLERANCE

    def __init__(self, graph: bytes, layout: Layout) -> None:
        self.layout = layout
        self.width = layout.width
        self._session = session(graph)
        _require(self._session, layout)
        self._run = self._session.run
        self._outputs = [layout.output]
        self._whole = len(layout.inputs) == 1 and layout.inputs[0].element != "int64"
        self._inputs = [_Reader(one) for one in layout.inputs]

    def predict(self, matrix: Floats) -> Floats:
        """The probability of the positive class, shape (n,).

        raises SchemaError for a category that is not a whole number of its vocabulary, where the graph looks it up
        """
        rows = as_matrix(matrix, self.width)
        n = len(rows)
        if not n:
            return np.empty(0, dtype=np.float64)
        if self._whole:
            only = self._inputs[0]
            given: dict[str, Any] = {only.name: rows.astype(only.dtype, copy=False)}
        else:
            given = {one.name: one.read(rows) for one in self._inputs}
        (answer,) = self._run(self._outputs, given)
        return _positive(answer, n)


class _Reader:
    """Takes one input of the graph out of the matrix."""

    def __init__(self, wanted: GraphInput) -> None:
        self.name = wanted.name
        self.dtype = np.dtype(wanted.element)
        self._columns = wanted.columns
        self._places = np.array([column.place for column in wanted.columns], dtype=np.intp)
        self._sizes = np.array([column.size for column in wanted.columns], dtype=np.float64)
        self._categories = wanted.element == "int64"

    def read(self, rows: Floats) -> npt.NDArray[Any]:
        taken = rows.take(self._places, axis=1)
        if self._categories:
            return as_codes(taken, self._sizes, [column.name for column in self._columns])
        return taken.astype(self.dtype, copy=False)


def session(graph: bytes) -> Any:
    """A session that keeps to one thread, keeps no memory between runs and waits without spinning.

    raises CorruptArtifact when the bytes are no graph that ONNX Runtime can run
    """
    ort = runtime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = _FATAL_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's errors have no common class of their own
        raise CorruptArtifact(
            f"ONNX Runtime {ort.__version__} cannot read the saved graph: {' '.join(str(error).split())}. "
            "Restore it from a copy, or install the version that it was trained with"
        ) from error


@functools.cache
def runtime() -> Any:
    """The onnxruntime package; UnsupportedEstimator when it is not installed."""
    try:
        found = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise UnsupportedEstimator(
            "this version is an ONNX graph, and ONNX Runtime is not installed here: "
            "run pip install 'roadworthy[onnx]'"
        ) from error
    found.disable_telemetry_events()
    return found


def _require(found: Any, layout: Layout) -> None:
    """CorruptArtifact unless the graph takes and gives what the layout says."""
    wanted = {one.name: (one.element, len(one.columns)) for one in layout.inputs}
    given = {one.name: (_ELEMENTS.get(one.type), one.shape[-1]) for one in found.get_inputs()}
    answers = [one.name for one in found.get_outputs()]
    if wanted != given or layout.output not in answers:
        raise CorruptArtifact(
            f"{LAYOUT_FILE} names inputs {wanted} and output {layout.output}, {GRAPH_FILE} has {given} and {answers}: "
            "restore both from a copy"
        )


def _positive(answer: npt.NDArray[Any], n: int) -> Floats:
    """The positive class of an output of shape (n,), (n, 1) or (n, 2)."""
    if answer.ndim == 2 and answer.shape[1] in (1, 2):
        answer = answer[:, -1]
    if answer.shape != (n,):
        raise RuntimeError(f"the graph answered {n} rows with an output of shape {answer.shape}")
    return answer.astype(np.float64)
