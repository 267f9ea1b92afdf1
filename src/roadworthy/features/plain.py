"""A few rows as plain Python values, column by column: what requests are encoded from without a NumPy call a feature.

Not here: columns of arrays (see `columns` and `reading`), which is how tables are encoded. Every encoder reads both,
and both give the same bits; a property test holds them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from roadworthy.features.batch import Batch
from roadworthy.features.columns import NO_TIME, Column, Kind, Lists, Strings
from roadworthy.features.localtime import local_of
from roadworthy.features.schema import InputSchema

#: Up to this many rows plain values are quicker than arrays.
FEW_ROWS = 128


class Plain:
    """Columns of plain values while they are encoded.

    columns   name → one value a row: float or bool, text, microseconds since 1970, a list of text; None where missing
    kinds     name → kind of the column
    n         number of rows
    """

    __slots__ = ("_arrays", "_local", "columns", "kinds", "n")

    def __init__(self, columns: Mapping[str, Sequence[Any]], kinds: Mapping[str, Kind], n: int) -> None:
        self.columns, self.kinds, self.n = columns, kinds, n
        self._local: dict[tuple[str, str], list[int | None]] = {}
        self._arrays: dict[str, npt.NDArray[np.generic]] = {}

    def local(self, name: str, zone: ZoneInfo) -> list[int | None]:
        """Local microseconds of a column of times."""
        key = (name, zone.key)
        found = self._local.get(key)
        if found is None:
            found = [None if time is None else local_of(time, zone) for time in self.columns[name]]
            self._local[key] = found
        return found

    def array(self, name: str) -> npt.NDArray[np.generic]:
        """A column as a custom function sees it: text as an object array, None where it is missing."""
        found = self._arrays.get(name)
        if found is None:
            values = self.columns[name]
            kind = self.kinds[name]
            if kind == "string":
                found = np.array(values, dtype=object)
            elif kind == "timestamp":
                found = np.array(_times(values), dtype=np.int64)
            else:
                found = np.array(values, dtype=np.float64)  # None becomes NaN
            self._arrays[name] = found
        return found


def batch_of(rows: Sequence[Sequence[Any]], schema: InputSchema) -> Batch:
    """The batch of checked rows, each with one plain value for every field of `schema` in its order.

    >>> from roadworthy.features.schema import Field
    >>> schema = InputSchema((Field("carrier", "string", nullable=True),))
    >>> batch_of([("UA",), (None,)], schema).columns["carrier"].texts()
    ['UA', None]
    """
    columns: dict[str, Column] = {}
    values: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(schema.fields)
    for field, column in zip(schema.fields, values, strict=True):
        if field.kind == "string":
            columns[field.name] = Strings.of(column)
        elif field.kind == "strings":
            columns[field.name] = Lists.of(column)
        elif field.kind == "timestamp":
            columns[field.name] = np.array(_times(column), dtype=np.int64)
        else:
            columns[field.name] = np.array(column, dtype=np.float64)
    return Batch(columns, len(rows))


def _times(values: Sequence[int | None]) -> Sequence[int]:
    return [NO_TIME if value is None else value for value in values]
