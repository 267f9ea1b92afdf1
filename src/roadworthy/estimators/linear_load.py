"""The linear format's loading half: a logistic regression as arrays and a kernel that any batch size leaves alone.

Not here: fitting. The kernel uses additions, multiplications and divisions of whole columns in one fixed order:
no BLAS, whose order of summing depends on the batch, and no library `exp`, whose last bit depends on the CPU.
So a row gives the same bits alone, in any batch, and on any machine with IEEE 754 arithmetic.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from roadworthy.errors import CorruptArtifact
from roadworthy.estimators.matrix import as_codes, as_matrix
from roadworthy.estimators.protocol import Floats

NAME = "linear"
FILE = "linear.json"
TOLERANCE = 0.0

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 0.6931471803691238  # 33 bits of ln 2, so that a whole multiple of it is exact (fdlibm, e_exp.c)
_LN2_LOW = 1.9082149292705877e-10
#: 1/k! from k = 13 down: the Taylor series of exp on |r| <= ln(2)/2 is below half a unit in the last place there.
_SERIES = tuple(1.0 / float(np.prod(np.arange(1.0, k + 1.0))) for k in range(13, -1, -1))
#: Beyond this a probability is 0 or 1 in float64, and the power of two would overflow.
_EXTREME = 708.0
#: The array operations of one call cost as much as this many rows in plain floats (50 µs, and 4 µs a row of 21).
_FEW_ROWS = 12


class NumberWeight(msgspec.Struct, frozen=True, tag="number", forbid_unknown_fields=True):
    """A number's part of the sum: weight * ((value - mean) / scale)."""

    name: str
    weight: float
    mean: float
    scale: float


class CategoryWeights(msgspec.Struct, frozen=True, tag="category", forbid_unknown_fields=True):
    """A category's part of the sum: one weight for every number of its vocabulary, 0 and 1 included."""

    name: str
    weights: tuple[float, ...]


Weights: TypeAlias = NumberWeight | CategoryWeights


class LinearModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`linear.json`: everything about a fitted logistic regression, columns in matrix order."""

    intercept: float
    columns: tuple[Weights, ...]


def load(directory: Path) -> LinearPredictor:
    """The predictor saved in `directory`; CorruptArtifact when it cannot be read."""
    path = directory / FILE
    try:
        return LinearPredictor(msgspec.json.decode(path.read_bytes(), type=LinearModel))
    except (OSError, msgspec.DecodeError) as error:
        raise CorruptArtifact(
            f"{path} cannot be read as a linear model ({error}): restore it from a copy"
        ) from error


class LinearPredictor:
    """A logistic regression over category and number columns."""

    tolerance = TOLERANCE

    def __init__(self, model: LinearModel) -> None:
        self.model = model
        self.width = len(model.columns)
        numbers = [
            (place, column) for place, column in enumerate(model.columns) if isinstance(column, NumberWeight)
        ]
        groups = [
            (place, column)
            for place, column in enumerate(model.columns)
            if isinstance(column, CategoryWeights)
        ]
        self._numbers = [(place, column.weight, column.mean, column.scale) for place, column in numbers]
        self._categories = [(place, column.weights) for place, column in groups]
        self._number_places = _places(numbers)
        self._mean = np.array([column.mean for _, column in numbers], dtype=np.float64)
        self._scale = np.array([column.scale for _, column in numbers], dtype=np.float64)
        self._weight = np.array([column.weight for _, column in numbers], dtype=np.float64)
        self._category_places = _places(groups)
        self._names = [column.name for _, column in groups]
        sizes = [len(column.weights) for _, column in groups]
        self._sizes = np.array(sizes, dtype=np.float64)
        self._starts = np.cumsum([0, *sizes[:-1]]).astype(np.intp)[: len(sizes)]
        self._table = np.array(
            [weight for _, column in groups for weight in column.weights], dtype=np.float64
        )

    def predict(self, matrix: Floats) -> Floats:
        """The probability of the positive class, shape (n,); NaN in a number makes that row's answer NaN.

        raises SchemaError for a category that is not a whole number of its vocabulary
        """
        rows = as_matrix(matrix, self.width)
        if len(rows) <= _FEW_ROWS:
            try:
                return np.array([self._alone(row) for row in rows.tolist()], dtype=np.float64)
            except (
                IndexError,
                OverflowError,
                ValueError,
            ):  # a category out of range, or NaN: `_together` says where
                pass
        return self._together(rows)

    def _alone(self, row: list[float]) -> float:
        """One row in plain floats: the operations of `_together` in the same order, so the same bits."""
        total = self.model.intercept
        for place, weights in self._categories:
            code = int(row[place])
            total += weights[code if code >= 0 else len(weights)]
        for place, weight, mean, scale in self._numbers:
            total += weight * ((row[place] - mean) / scale)
        return _sigmoid_alone(total)

    def _together(self, rows: Floats) -> Floats:
        """Many rows: the parts of every sum side by side, then added from left to right."""
        groups = len(self._categories)
        parts = np.empty((len(rows), 1 + self.width), dtype=np.float64)
        parts[:, 0] = self.model.intercept
        if groups:
            parts[:, 1 : 1 + groups] = self._category_parts(rows)
        if groups < self.width:
            numbers = rows.take(self._number_places, axis=1)
            numbers -= self._mean
            numbers /= self._scale
            np.multiply(self._weight, numbers, out=parts[:, 1 + groups :])
        # a running sum has one order by definition; `sum` adds pairwise, as the shape suggests
        return sigmoid(np.add.accumulate(parts, axis=1)[:, -1])

    def _category_parts(self, rows: Floats) -> Floats:
        codes = as_codes(rows.take(self._category_places, axis=1), self._sizes, self._names)
        parts: Floats = self._table.take(codes + self._starts)
        return parts


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + exp(-z)) with the same bits on every machine, for any shape of batch; NaN stays NaN.

    >>> sigmoid(np.array([0.0, 800.0])).tolist()
    [0.5, 1.0]
    """
    x = np.minimum(np.maximum(-z, -_EXTREME), _EXTREME)
    whole = np.rint(x * _LOG2_E)
    x -= whole * _LN2_HIGH
    x -= whole * _LN2_LOW
    power = x * _SERIES[0]
    for term in _SERIES[1:-1]:
        power += term
        power *= x
    power += _SERIES[-1]
    # fmax passes over NaN, which is no whole number; NaN times any power of two is still NaN
    power = np.ldexp(power, np.fmax(whole, -_EXTREME).astype(np.int32))
    power += 1.0
    answer: Floats = np.divide(1.0, power, out=power)
    return answer


def _sigmoid_alone(z: float) -> float:
    """`sigmoid` of one number, with the same bits and without an array."""
    if z != z:
        return z
    x = min(max(-z, -_EXTREME), _EXTREME)
    whole = round(x * _LOG2_E)
    rest = (x - whole * _LN2_HIGH) - whole * _LN2_LOW
    power = _SERIES[0]
    for term in _SERIES[1:]:
        power = power * rest + term
    return 1.0 / (1.0 + math.ldexp(power, whole))


def _places(columns: list[tuple[int, Any]]) -> npt.NDArray[np.intp]:
    return np.array([place for place, _ in columns], dtype=np.intp)
