"""One reading of a batch: typed access to its columns, and what several features need computed once.

Not here: what a feature makes of them (see `numeric` and `textual`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from roadworthy.errors import DefinitionError
from roadworthy.features.columns import NO_TIME, Column, Floats, Lists, Strings, Times, missing_rows
from roadworthy.features.localtime import local_micros

Mask = npt.NDArray[np.bool_]

_FLOAT, _TIME = (
    np.dtype(np.float64),
    np.dtype(np.int64),
)  # comparing with these is quicker than with the classes


class Reading:
    """The columns of one batch while it is encoded."""

    __slots__ = ("_local", "columns", "n")

    def __init__(self, columns: Mapping[str, Column], n: int) -> None:
        self.columns = columns
        self.n = n
        self._local: dict[tuple[str, str], tuple[Times, Mask | None]] = {}

    def numbers(self, name: str) -> Floats:
        """A column of numbers or booleans."""
        column = self.columns[name]
        if isinstance(column, np.ndarray) and column.dtype == _FLOAT:
            return cast(Floats, column)
        raise _other_kind(name, "numbers")

    def times(self, name: str) -> Times:
        """A column of timestamps."""
        column = self.columns[name]
        if isinstance(column, np.ndarray) and column.dtype == _TIME:
            return cast(Times, column)
        raise _other_kind(name, "timestamps")

    def strings(self, name: str) -> Strings:
        """A column of text."""
        column = self.columns[name]
        if isinstance(column, Strings):
            return column
        raise _other_kind(name, "text")

    def lists(self, name: str) -> Lists:
        """A column of lists of text."""
        column = self.columns[name]
        if isinstance(column, Lists):
            return column
        raise _other_kind(name, "lists of text")

    def array(self, name: str) -> npt.NDArray[np.generic]:
        """A column as a custom function sees it: text as an object array, None where it is missing."""
        column = self.columns[name]
        if isinstance(column, Strings):
            return np.array([*column.uniques, None], dtype=object)[column.codes]
        if isinstance(column, Lists):
            raise _other_kind(name, "numbers, times or text")
        return column

    def missing(self, *names: str) -> Mask:
        """Rows in which any of these columns is missing."""
        mask = missing_rows(self.columns[names[0]])
        for name in names[1:]:
            mask = mask | missing_rows(self.columns[name])
        return mask

    def local(self, name: str, zone: ZoneInfo) -> tuple[Times, Mask | None]:
        """Local microseconds of a timestamp column, and where it is missing (None: nowhere)."""
        key = (name, zone.key)
        found = self._local.get(key)
        if found is None:
            times = self.times(name)
            if self.n and times.min() == NO_TIME:
                absent = times == NO_TIME
                found = local_micros(np.where(absent, 0, times), zone), absent
            else:
                found = local_micros(times, zone), None
            self._local[key] = found
        return found


def _other_kind(name: str, wanted: str) -> DefinitionError:
    return DefinitionError(
        f"column {name} of this batch does not hold {wanted}: make the batch with the features' schema"
    )
