"""Pinned fingerprints, and what makes two tables different; the rest is in tests/property."""

from __future__ import annotations

import pyarrow as pa
import pytest

from roadworthy.data.fingerprint import fingerprint
from roadworthy.errors import DefinitionError


def test_two_swapped_cells_are_another_table() -> None:
    """A sum over columns alone would not see it."""
    assert fingerprint(pa.table({"a": [1, 2], "b": [3, 4]})) != fingerprint(
        pa.table({"a": [1, 2], "b": [4, 3]})
    )
    assert fingerprint(pa.table({"a": [1], "b": [2]})) != fingerprint(pa.table({"a": [2], "b": [1]}))


def test_names_and_kinds_count_even_without_rows() -> None:
    """1, 1.0, true and "1" are four things."""
    tables = [pa.table({"a": [value]}) for value in (1, 1.0, True, "1", ["1"])]
    tables += [table.slice(0, 0) for table in tables]
    tables += [pa.table({"b": [1]}), pa.table({})]
    assert len({fingerprint(table) for table in tables}) == len(tables)


def test_every_nan_is_one_value_and_no_null() -> None:
    """The bits of a NaN depend on the processor."""
    negative = pa.array([-float("nan")])
    assert fingerprint(pa.table({"a": negative})) == fingerprint(pa.table({"a": [float("nan")]}))
    assert fingerprint(pa.table({"a": negative})) != fingerprint(pa.table({"a": pa.nulls(1, pa.float64())}))


def test_a_value_under_a_null_does_not_count() -> None:
    """Arrow leaves whatever it likes there."""
    hidden = pa.Array.from_buffers(pa.int64(), 2, [pa.py_buffer(b"\x01"), pa.array([7, 8]).buffers()[1]])
    assert hidden.to_pylist() == [7, None]
    assert fingerprint(pa.table({"a": hidden})) == fingerprint(pa.table({"a": [7, None]}))


def test_a_table_of_more_rows_than_are_hashed_at_once_is_one_table() -> None:
    """The order of rows does not matter across parts either."""
    ascending = pa.table({"a": range(150_000)})
    descending = pa.table({"a": range(149_999, -1, -1)})
    assert fingerprint(ascending) == fingerprint(descending)
    assert fingerprint(ascending) != fingerprint(pa.table({"a": [*range(149_999), 0]}))


@pytest.mark.parametrize("column", [pa.array([b"x"]), pa.array([[1]]), pa.array([0], pa.timestamp("us"))])
def test_a_column_without_a_kind_is_refused(column: pa.Array) -> None:
    """Better no fingerprint than one that leaves something out."""
    with pytest.raises(DefinitionError, match="has no fingerprint"):
        fingerprint(pa.table({"a": column}))


def test_two_columns_of_one_name_are_refused() -> None:
    """Columns are told apart by name."""
    with pytest.raises(DefinitionError, match="two columns of one name"):
        fingerprint(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]))
