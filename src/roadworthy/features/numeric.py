"""Encoders of the features that become one column of numbers: number, ratio, parts of a time, custom functions.

An encoder writes into the columns of a matrix that it is given, makes the same of a few plain values, and says of
each row whether its feature was present or missing. Not here: text (see `textual`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from roadworthy.features.columns import Floats
from roadworthy.features.declarations import Custom, Number, Ratio, TimePart, as_float
from roadworthy.features.functions import call
from roadworthy.features.localtime import part_of, part_of_one
from roadworthy.features.plain import Plain
from roadworthy.features.reading import Reading

States = npt.NDArray[np.int8]


class NumberEncoder:
    """Copies a column; NaN becomes what the feature declares."""

    def __init__(self, columns: tuple[str, ...], options: Number, at: int) -> None:
        (self._column,) = columns
        self._missing = as_float(options.missing)
        self._at = at

    def write(self, reading: Reading, matrix: Floats) -> None:
        """Fill the feature's column."""
        values = reading.numbers(self._column)
        target = matrix[:, self._at]
        target[...] = values
        if self._missing is not None:
            np.copyto(target, self._missing, where=np.isnan(values))

    def few(self, plain: Plain) -> list[Sequence[float]]:
        """The feature's column for a few rows."""
        values = plain.columns[self._column]
        if None not in values:
            return [values]
        absent = np.nan if self._missing is None else self._missing
        return [[absent if value is None else value for value in values]]

    def states(self, reading: Reading) -> States:
        """0 present, 1 missing."""
        return reading.missing(self._column).astype(np.int8)


class RatioEncoder:
    """Divides two columns."""

    def __init__(self, columns: tuple[str, ...], options: Ratio, at: int) -> None:
        self._numerator, self._denominator = columns
        self._zero = np.float64(options.when_zero)
        self._missing = as_float(options.missing)
        self._at = at

    def write(self, reading: Reading, matrix: Floats) -> None:
        """Fill the feature's column."""
        numerator, denominator = reading.numbers(self._numerator), reading.numbers(self._denominator)
        target = matrix[:, self._at]
        np.divide(numerator, denominator, out=target)
        np.copyto(target, self._zero, where=denominator == 0.0)
        absent = np.isnan(numerator) | np.isnan(denominator)
        np.copyto(target, np.nan if self._missing is None else self._missing, where=absent)

    def few(self, plain: Plain) -> list[Sequence[float]]:
        """The feature's column for a few rows."""
        absent = np.nan if self._missing is None else self._missing
        zero = float(self._zero)
        pairs = zip(plain.columns[self._numerator], plain.columns[self._denominator], strict=True)
        return [
            [
                absent
                if numerator is None or denominator is None
                else numerator / denominator
                if denominator
                else zero
                for numerator, denominator in pairs
            ]
        ]

    def states(self, reading: Reading) -> States:
        """0 present, also where the denominator is zero; 1 missing."""
        return reading.missing(self._numerator, self._denominator).astype(np.int8)


class TimePartEncoder:
    """Takes a part of the local time."""

    def __init__(self, columns: tuple[str, ...], options: TimePart, at: int) -> None:
        (self._column,) = columns
        self._part = options.part
        self._zone = ZoneInfo(options.timezone)
        self._missing = as_float(options.missing)
        self._at = at

    def write(self, reading: Reading, matrix: Floats) -> None:
        """Fill the feature's column."""
        local, absent = reading.local(self._column, self._zone)
        target = matrix[:, self._at]
        target[...] = part_of(local, self._part)
        if absent is not None:
            target[absent] = np.nan if self._missing is None else self._missing

    def few(self, plain: Plain) -> list[Sequence[float]]:
        """The feature's column for a few rows."""
        absent = np.nan if self._missing is None else self._missing
        local = plain.local(self._column, self._zone)
        return [[absent if time is None else part_of_one(time, self._part) for time in local]]

    def states(self, reading: Reading) -> States:
        """0 present, 1 missing."""
        return reading.missing(self._column).astype(np.int8)


class CustomEncoder:
    """Calls a function of the user's own on the rows that have all inputs."""

    def __init__(self, columns: tuple[str, ...], options: Custom, at: int, f: Callable[..., Any]) -> None:
        self._columns = columns
        self._name = options.function
        self._missing = as_float(options.missing)
        self._at = at
        self._f = f

    def write(self, reading: Reading, matrix: Floats) -> None:
        """Fill the feature's column; NaN from the function is missing too."""
        values = self._values(reading)
        target = matrix[:, self._at]
        target[...] = values
        if self._missing is not None:
            np.copyto(target, self._missing, where=np.isnan(values))

    def few(self, plain: Plain) -> list[Sequence[float]]:
        """The feature's column for a few rows; the function sees arrays here too."""
        arrays = [plain.array(name) for name in self._columns]
        columns = [plain.columns[name] for name in self._columns]
        with np.errstate(all="ignore"):
            if any(None in column for column in columns):
                absent = np.array([None in row for row in zip(*columns, strict=True)])
                values = self._present(arrays, absent)
            else:
                values = call(self._name, self._f, arrays)
        numbers: list[float] = values.tolist()
        missing = self._missing
        return [numbers if missing is None else [missing if value != value else value for value in numbers]]

    def states(self, reading: Reading) -> States:
        """0 present, 1 missing: an input is, or the function returned NaN."""
        return np.isnan(self._values(reading)).astype(np.int8)

    def _values(self, reading: Reading) -> Floats:
        arrays = [reading.array(name) for name in self._columns]
        absent = reading.missing(*self._columns)
        if not absent.any():
            return call(self._name, self._f, arrays)
        return self._present(arrays, absent)

    def _present(self, arrays: Sequence[npt.NDArray[np.generic]], absent: npt.NDArray[np.bool_]) -> Floats:
        """What the function makes of the rows that have all inputs; NaN for the others."""
        values = np.full(len(absent), np.nan)
        present = ~absent
        if present.any():
            values[present] = call(self._name, self._f, [array[present] for array in arrays])
        return values
