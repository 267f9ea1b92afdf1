"""A batch: columns of equal length, one row or ten million, and the only thing features are computed from.

Not here: Arrow (see `arrow`) and checks of rows (see `rows`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from roadworthy.errors import DefinitionError
from roadworthy.features.columns import NO_TIME, Column, Floats, Indices, Kind, Lists, Strings, Times
from roadworthy.features.rows import columns_from_rows
from roadworthy.features.schema import InputSchema

__all__ = ["NO_TIME", "Batch", "Column", "Floats", "Kind", "Lists", "Strings", "Times"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Columns by name, all of `n` rows.

    number, boolean   float64 (n,), NaN where missing, booleans as 0 and 1
    timestamp         int64 (n,), microseconds since 1970 UTC, NO_TIME where missing
    string            `Strings`: codes and uniques, code -1 where missing
    strings           `Lists`: values and offsets, never missing
    """

    columns: Mapping[str, Column]
    n: int

    @classmethod
    def from_rows(
        cls, rows: Sequence[Mapping[str, Any]], schema: InputSchema, *, path: str = "$.instances"
    ) -> Batch:
        """The batch of these rows; keys that the schema does not name are left out.

        Times may be datetimes with a timezone, RFC 3339 text with an offset, or integer microseconds since 1970.
        raises   SchemaError with all faults, each at a path such as `$.instances[3].carrier`

        >>> from roadworthy.features.schema import Field
        >>> Batch.from_rows([{"wind": 3}, {"wind": 4.5}], InputSchema((Field("wind", "number"),))).columns["wind"]
        array([3. , 4.5])
        """
        return cls(columns_from_rows(rows, schema, path), len(rows))

    def take(self, indices: Indices) -> Batch:
        """The rows at `indices` (integers, in any order, repeated or not), in that order."""
        columns: dict[str, Column] = {}
        for name, column in self.columns.items():
            columns[name] = column.take(indices) if isinstance(column, Strings | Lists) else column[indices]
        return Batch(columns, len(indices))

    def select(self, names: Sequence[str]) -> Batch:
        """The batch with only these columns."""
        return Batch({name: self.columns[name] for name in names}, self.n)

    @staticmethod
    def concat(batches: Sequence[Batch]) -> Batch:
        """All rows of all batches, which must have the same columns; DefinitionError where they have not."""
        if not batches:
            raise DefinitionError("there is nothing to concatenate: give at least one batch")
        names = batches[0].columns.keys()
        for number, batch in enumerate(batches):
            if batch.columns.keys() != names:
                wrong = ", ".join(sorted(batch.columns.keys() ^ names))
                raise DefinitionError(
                    f"batches 0 and {number} do not have the same columns; they differ in: {wrong}"
                )
        columns = {name: _joined([batch.columns[name] for batch in batches]) for name in names}
        return Batch(columns, sum(batch.n for batch in batches))

    def rows(self, schema: InputSchema | None = None) -> list[dict[str, Any]]:
        """Every row as JSON-compatible values: times as microseconds, missing as None.

        With a `schema` booleans come back as booleans, so that `from_rows` accepts what `rows` gave; without
        one they are the numbers 0.0 and 1.0.
        """
        booleans = {field.name for field in schema.fields if field.kind == "boolean"} if schema else set()
        columns = {name: _values(column, name in booleans) for name, column in self.columns.items()}
        return [{name: values[row] for name, values in columns.items()} for row in range(self.n)]


def _values(column: Column, boolean: bool) -> list[Any]:
    if isinstance(column, Strings):
        return column.texts()
    if isinstance(column, Lists):
        return column.lists()
    if column.dtype == np.int64:
        return [None if value == NO_TIME else value for value in column.tolist()]
    numbers = [None if value != value else value for value in column.tolist()]
    return [None if value is None else bool(value) for value in numbers] if boolean else numbers


def _joined(columns: Sequence[Column]) -> Column:
    texts = [column for column in columns if isinstance(column, Strings)]
    lists = [column for column in columns if isinstance(column, Lists)]
    numbers = [column for column in columns if isinstance(column, np.ndarray) and column.dtype == np.float64]
    times = [column for column in columns if isinstance(column, np.ndarray) and column.dtype == np.int64]
    if len(texts) == len(columns):
        return _joined_texts(texts)
    if len(lists) == len(columns):
        lengths = [np.diff(column.offsets) for column in lists]
        offsets = np.concatenate([np.zeros(1, dtype=np.int64), *lengths]).cumsum()
        everything = [
            column.values.take(np.arange(column.offsets[0], column.offsets[-1])) for column in lists
        ]
        return Lists(_joined_texts(everything), offsets)
    if len(numbers) == len(columns):
        return np.concatenate(numbers, dtype=np.float64)
    if len(times) == len(columns):
        return np.concatenate(times, dtype=np.int64)
    raise DefinitionError("batches cannot be concatenated: a column is of another kind in one of them")


def _joined_texts(columns: Sequence[Strings]) -> Strings:
    index: dict[str, int] = {}
    codes = []
    for column in columns:
        table = [index.setdefault(text, len(index)) for text in column.uniques]
        codes.append(np.array([*table, -1], dtype=np.int32)[column.codes])
    return Strings(np.concatenate(codes), tuple(index))
