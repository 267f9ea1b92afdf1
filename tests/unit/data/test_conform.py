"""What is converted, what is a fault, and how a fault is told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from roadworthy.data.conform import conform, duplicates
from roadworthy.data.schema import table
from roadworthy.errors import Fault

MOMENT = datetime(2013, 7, 1, tzinfo=UTC)


def column_faults(values: Any, text: str) -> list[Fault]:
    """The faults of one column that holds `values` and is declared as `text`."""
    schema = table("t", key="id", columns={"id": "int", "c": text})
    given = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
    return conform(pa.table({"id": range(len(given)), "c": given}), schema)[1]


@pytest.mark.parametrize(
    ("values", "text", "stored"),
    [
        (pa.array([1, 2], pa.int8()), "int", [1, 2]),
        (pa.array([1.0, float("nan")]), "int?", [1, None]),
        (pa.array([1, 2]), "float", [1.0, 2.0]),
        (pa.array([float("nan"), 2.0], pa.float32()), "float?", [None, 2.0]),
        (pa.array(["a", "b"]).dictionary_encode(), "string", ["a", "b"]),
        (pa.array(["a", "b"], pa.large_string()), "string", ["a", "b"]),
        (pa.array([MOMENT], pa.timestamp("ns", tz="America/New_York")), "timestamp", [MOMENT]),
        (
            pa.array([1_999], pa.timestamp("ns", tz="UTC")),
            "timestamp",
            [datetime(1970, 1, 1, 0, 0, 0, 1, UTC)],
        ),
        (pa.nulls(2), "bool?", [None, None]),
        (pa.array([["a"], []], pa.large_list(pa.string())), "strings", [["a"], []]),
    ],
)
def test_only_what_loses_nothing_is_converted(values: pa.Array, text: str, stored: list[Any]) -> None:
    """Widths, encodings, whole floats, NaN, timezones; of an instant, what is below a microsecond."""
    schema = table("t", key="id", columns={"id": "int", "c": text})
    rows, faults = conform(pa.table({"id": range(len(values)), "c": values}), schema)
    assert not faults
    assert rows.column("c").to_pylist() == stored
    assert [field.type for field in rows.schema] == [field.type for field in schema.arrow]


@pytest.mark.parametrize(
    ("values", "text", "got", "rows", "first"),
    [
        ([1.0, -1.0, -2.0], "float >= 0", "-1.0", 2, 1),
        ([5, 200, None], "int? >= 0 <= 100", "200", 1, 1),
        ([1.0, float("inf"), float("-inf")], "float", "Infinity", 2, 1),
        ([1.0, float("inf")], "float >= 0 <= 9", "Infinity", 1, 1),
        ([1.0, None], "float", "null", 1, 1),
        ([1.0, float("nan")], "float", "null", 1, 1),
        (["UA", "AAL"], "string(2)", '"AAL"', 1, 1),
        (["n/a", "3.0"], "float", 'string such as "n/a"', 2, 0),
        ([1.5, 2.0], "int", "1.5", 1, 0),
        ([2.0**63, 1.0], "int", "9.223372036854776e+18", 1, 0),
        (pa.array([2**63], pa.uint64()), "int", "9223372036854775808", 1, 0),
        (pa.array([MOMENT.replace(tzinfo=None)]), "timestamp", "timestamp[us] without a timezone", 1, 0),
        ([["a"], ["b", None], [None, None]], "strings", '["b", null]', 2, 1),
        ([["a"], None], "strings", "null", 1, 1),
        ([True], "int", "bool such as true", 1, 0),
        ([0, 1, None], "bool?", "int64 such as 0; declare it 'int?', or cast it in load", 3, 0),
        (["x" * 100], "string(2)", '"' + "x" * 59 + "…", 1, 0),
    ],
)
def test_a_fault_says_what_was_there_in_how_many_rows_and_first_where(
    values: Any, text: str, got: str, rows: int, first: int
) -> None:
    """One fault for one thing that is wrong."""
    (fault,) = column_faults(values, text)
    assert (fault.path, fault.got, fault.rows, fault.first_row) == ("$.c", got, rows, first)


def test_missing_unknown_and_repeated_columns_are_told_together() -> None:
    """One round of fixing, not three."""
    schema = table("t", key="a", columns={"a": "int", "b": "int", "c": "int"})
    given = pa.Table.from_arrays(
        [pa.array([1]), pa.array([1]), pa.array([1]), pa.array([1])], ["a", "c", "c", "z"]
    )
    told = [(fault.path, fault.got) for fault in conform(given, schema)[1]]
    assert told == [
        ("$.b", "no such column"),
        ("$.c", "the column more than once"),
        ("$.z", "an unknown column"),
    ]


def test_faults_in_a_later_chunk_carry_the_row_number_of_the_whole_table() -> None:
    """Arrow tables come in chunks; a person counts rows."""
    chunked = pa.chunked_array([["a"], ["b", "c"], ["long"]])
    (fault,) = column_faults(chunked, "string(1)")
    assert fault.first_row == 3
    lists = pa.chunked_array([[["a"]], [["b"], [None]]])
    (fault,) = column_faults(lists, "strings")
    assert fault.first_row == 2


def test_a_key_that_is_there_already_is_told_with_its_values() -> None:
    """Twice in the batch and once before are two different mistakes."""
    batch = pa.table({"a": ["x", "y", "x", None, None], "b": [1, 2, 1, 3, 3]})
    before = pa.table({"b": [2, 9], "a": ["y", "y"]})
    within, against = duplicates(batch, ["a", "b"], before)
    assert (
        str(within)
        == '$(a, b): expected a key that occurs once in the batch, got "x", 1 again (1 row, row 2)'
    )
    assert (
        str(against)
        == "$(a, b): expected a key that is not in the table yet (the loader of a new batch returns only new rows), "
        'got "y", 2 again (1 row, row 1)'
    )
