"""LightGBM's loading half: its C library through ctypes, without its Python package.

Not here: training. Importing `lightgbm` pulls scikit-learn and pandas where they are installed (seconds, and more
memory than the model); the library itself loads in milliseconds. Predictions are bit-identical in any batch,
because every row walks the trees alone. One predictor may be asked from several threads at once.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np

from roadworthy.errors import CorruptArtifact, UnsupportedEstimator
from roadworthy.estimators.matrix import as_matrix
from roadworthy.estimators.protocol import Floats

NAME = "lightgbm"
FILE = "model.txt"

#: Above any rounding there is none: a row's trees are added in one order, whatever the batch.
TOLERANCE = 0.0

_FLOAT64 = 1
_NORMAL = 0
_ROW_MAJOR = 1
_ALL_TREES = -1
#: Preparing a batch call costs as much as this many calls for a row that are prepared already (9 µs to 1 µs).
_FEW_ROWS = 8
#: Trees times rows, about 75 ns each, up to which the interpreter lock is kept: a thread that gives it up between
#: rows waits for it up to 5 ms each time (16 rows took 84 ms beside a busy thread, and 5 ms in one batch call).
_FEW_WALKS = 2_000
_PARAMETERS = b"num_threads=1 verbosity=-1"
_LIBRARIES = ("lib/lib_lightgbm.so", "lib/lib_lightgbm.dylib", "bin/lib_lightgbm.dll", "lib/lib_lightgbm.dll")


def load(directory: Path) -> LightGBMPredictor:
    """The predictor saved in `directory`; CorruptArtifact when LightGBM cannot read it."""
    path = directory / FILE
    try:
        return LightGBMPredictor(path.read_bytes())
    except OSError as error:
        raise CorruptArtifact(f"{path} cannot be read ({error.strerror}): restore it from a copy") from error


class LightGBMPredictor:
    """Trees in memory, made from LightGBM's own text format."""

    tolerance = TOLERANCE

    def __init__(self, text: bytes) -> None:
        self._library = library()
        self._booster = ctypes.c_void_p()
        iterations = ctypes.c_int()
        _load(self._library, text, iterations, self._booster)
        weakref.finalize(self, self._library.LGBM_BoosterFree, self._booster)
        width = ctypes.c_int()
        _check(self._library, self._library.LGBM_BoosterGetNumFeature(self._booster, ctypes.byref(width)))
        self.width = width.value
        trees = ctypes.c_int()
        _check(
            self._library, self._library.LGBM_BoosterNumberOfTotalModel(self._booster, ctypes.byref(trees))
        )
        self._few = min(_FEW_ROWS, _FEW_WALKS // max(1, trees.value))
        self._written = ctypes.byref(ctypes.c_int64())
        self._prepare()

    def _prepare(self) -> None:
        """Make the call for one row ready: LightGBM reads its parameters now, not for every row."""
        single = ctypes.c_void_p()
        status = self._library.LGBM_BoosterPredictForMatSingleRowFastInit(
            self._booster,
            _NORMAL,
            0,
            _ALL_TREES,
            _FLOAT64,
            self.width,
            _PARAMETERS,
            ctypes.byref(single),
        )
        _check(self._library, status)
        self._single = single
        self._single_row = _holding_the_lock(self._library)
        # finalisers run last registered first: the prepared call goes before the trees it refers to
        weakref.finalize(self, self._library.LGBM_FastConfigFree, single)

    def predict(self, matrix: Floats) -> Floats:
        """The probability of the positive class, shape (n,); NaN is LightGBM's missing value."""
        rows = as_matrix(matrix, self.width)
        n = len(rows)
        output = np.empty(n, dtype=np.float64)
        if not n:
            return output
        source, target = _address(rows), _address(output)
        if n <= self._few:
            self._predict_few(n, source, target)
        else:
            self._predict_many(n, source, target)
        return output

    def _predict_few(self, n: int, source: int, target: int) -> None:
        """Row by row through the prepared call, whose buffers are one thread's: the one with the interpreter lock."""
        call, single, written, stride = self._single_row, self._single, self._written, self.width * 8
        for _ in range(n):
            if call(single, source, written, target):
                _check(self._library, 1)
            source += stride
            target += 8

    def _predict_many(self, n: int, source: int, target: int) -> None:
        """All rows in one call, without the interpreter lock."""
        status = self._library.LGBM_BoosterPredictForMat(
            self._booster,
            source,
            _FLOAT64,
            n,
            self.width,
            _ROW_MAJOR,
            _NORMAL,
            0,
            _ALL_TREES,
            _PARAMETERS,
            ctypes.byref(ctypes.c_int64()),
            target,
        )
        _check(self._library, status)


def _address(array: Floats) -> int:
    """Where an array that is not empty has its first number; NumPy's own `.ctypes.data` takes four times as long."""
    try:
        return ctypes.addressof(ctypes.c_double.from_buffer(array))  # type: ignore[arg-type]  # a buffer only since Python 3.12's types
    except TypeError:  # an array that must not be written to has no such buffer
        return array.ctypes.data


@functools.cache
def library() -> ctypes.CDLL:
    """LightGBM's shared library, loaded once; UnsupportedEstimator when it is not installed."""
    spec = importlib.util.find_spec("lightgbm")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        for name in _LIBRARIES:
            path = Path(folder) / name
            if path.is_file():
                return _declared(ctypes.CDLL(str(path)))
    raise UnsupportedEstimator(
        "this version was trained with LightGBM, whose library is not installed here: "
        "run pip install 'roadworthy[lightgbm]'"
    )


def _declared(found: ctypes.CDLL) -> ctypes.CDLL:
    """The library with the types of what is called; a pointer passed as a plain int would be cut to 32 bits."""
    pointer, number = ctypes.c_void_p, ctypes.c_int
    found.LGBM_GetLastError.restype = ctypes.c_char_p
    found.LGBM_BoosterLoadModelFromString.argtypes = [ctypes.c_char_p, pointer, pointer]
    found.LGBM_BoosterFree.argtypes = [pointer]
    found.LGBM_BoosterGetNumFeature.argtypes = [pointer, pointer]
    parts = [number, number, number]  # what is predicted, first tree, number of trees
    found.LGBM_BoosterPredictForMat.argtypes = [
        pointer, pointer, number, ctypes.c_int32, ctypes.c_int32, number, *parts, ctypes.c_char_p, pointer, pointer,
    ]  # fmt: skip
    found.LGBM_BoosterPredictForMatSingleRowFastInit.argtypes = [
        pointer, *parts, number, ctypes.c_int32, ctypes.c_char_p, pointer,
    ]  # fmt: skip
    found.LGBM_BoosterNumberOfTotalModel.argtypes = [pointer, pointer]
    found.LGBM_FastConfigFree.argtypes = [pointer]
    return found


def _holding_the_lock(found: ctypes.CDLL) -> Callable[..., int]:
    """The prepared call for one row as a function that keeps the interpreter lock."""
    made = ctypes.PYFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 4)
    return made(("LGBM_BoosterPredictForMatSingleRowFast", found))


def _load(found: ctypes.CDLL, text: bytes, iterations: ctypes.c_int, booster: ctypes.c_void_p) -> None:
    status = found.LGBM_BoosterLoadModelFromString(text, ctypes.byref(iterations), ctypes.byref(booster))
    if status:
        raise CorruptArtifact(
            f"LightGBM cannot read the saved model: {_message(found)}. Restore it from a copy"
        )


def _check(found: ctypes.CDLL, status: int) -> None:
    if status:
        raise RuntimeError(f"LightGBM failed: {_message(found)}")


def _message(found: ctypes.CDLL) -> str:
    return str(found.LGBM_GetLastError().decode(errors="replace")).strip()
