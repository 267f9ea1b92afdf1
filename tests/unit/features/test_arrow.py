"""Claims about Arrow tables as batches."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from roadworthy.errors import DefinitionError, SchemaError
from roadworthy.features.arrow import batch_from_arrow, batch_to_arrow, schema_from_arrow
from roadworthy.features.batch import Batch
from roadworthy.features.columns import LATEST
from roadworthy.features.schema import Field, InputSchema, Kind

UTC = pa.timestamp("us", "UTC")


def read(array: Any, kind: Kind, nullable: bool = True) -> list[Any]:
    """The values of one column after it became a batch."""
    schema = InputSchema((Field("x", kind, nullable and kind != "strings"),))
    return [row["x"] for row in batch_from_arrow(pa.table({"x": array}), schema).rows(schema)]


@pytest.mark.parametrize(
    ("array", "kind", "expected"),
    [
        (pa.array([1, None], pa.int8()), "number", [1.0, None]),
        (pa.array([1.5, float("nan")]), "number", [1.5, None]),
        (pa.array([2**53 + 1], pa.int64()), "number", [float(2**53)]),
        (pa.array([Decimal("1.5")]), "number", [1.5]),
        (pa.array([True, None]), "boolean", [True, None]),
        (pa.array(["a", None]), "string", ["a", None]),
        (pa.array(["a", None], pa.large_string()), "string", ["a", None]),
        (pa.array(["a", None, "a"]).dictionary_encode(), "string", ["a", None, "a"]),
        (pa.chunked_array([["a", "b"], ["c", None, "a"]]), "string", ["a", "b", "c", None, "a"]),
        (pa.array([7, None], UTC), "timestamp", [7, None]),
        (pa.array([7_999], pa.timestamp("ns", "UTC")), "timestamp", [7]),
        (pa.array([7], pa.timestamp("s", "America/New_York")), "timestamp", [7_000_000]),
        (pa.array([["a"], [], ["b", "a"]]), "strings", [["a"], [], ["b", "a"]]),
        (pa.array([["x"], ["a"], [], ["b"]]).slice(1), "strings", [["a"], [], ["b"]]),
        (pa.chunked_array([[["a"]], [["b"], []]]), "strings", [["a"], ["b"], []]),
    ],
)
def test_every_arrow_type_of_a_kind_is_read(array: Any, kind: Kind, expected: list[Any]) -> None:
    """Widths, units, chunks, slices and dictionaries make no difference."""
    assert read(array, kind) == expected


@pytest.mark.parametrize(
    ("array", "kind", "got", "rows"),
    [
        (pa.array([1.0, float("inf"), float("-inf")]), "number", "an infinite number", 2),
        (pa.array([1.0, None, float("nan")]), "number", "null", 2),
        (pa.array(["1"]), "number", "string", 1),
        (pa.array([1]), "string", "int64", 1),
        (pa.array([7], pa.timestamp("us")), "timestamp", "timestamp[us]", 1),
        (pa.array([LATEST + 1], UTC), "timestamp", "a time outside of them", 1),
        (pa.array([["a"], None, ["b", None]]), "strings", "null, or a list with null in it", 2),
        (pa.array([[1]]), "strings", "list<", 1),
    ],
)
def test_what_does_not_fit_is_counted(array: Any, kind: Kind, got: str, rows: int) -> None:
    """The fault says how many rows."""
    with pytest.raises(SchemaError) as raised:
        read(array, kind, nullable=False)
    (fault,) = raised.value.faults
    assert fault.got.startswith(got)
    assert fault.rows == rows


def test_all_columns_are_looked_at_before_anything_is_refused() -> None:
    """One message lists every fault of a table."""
    schema = InputSchema((Field("a", "number"), Field("b", "string"), Field("c", "number")))
    table = pa.table({"a": [1.0, None], "b": [1, 2]})
    with pytest.raises(SchemaError, match=r"3 faults in table \(2 rows\)") as raised:
        batch_from_arrow(table, schema)
    assert [fault.path for fault in raised.value.faults] == ["$.a", "$.b", "$.c"]
    assert raised.value.faults[0].first_row == 1


def test_a_table_and_its_rows_make_the_same_batch() -> None:
    """Column for column."""
    table = pa.table(
        {
            "n": pa.array([1, None, 3]),
            "b": pa.array([True, False, None]),
            "s": pa.array(["x", None, "y"]),
            "t": pa.array([1, None, 3], UTC),
            "l": pa.array([["x"], [], ["y", "x"]]),
        }
    )
    schema = schema_from_arrow(table.schema, dict.fromkeys(table.column_names, "input"))
    rows = [
        {"n": 1, "b": True, "s": "x", "t": 1, "l": ["x"]},
        {"n": None, "b": False, "s": None, "t": None, "l": []},
        {"n": 3, "b": None, "s": "y", "t": 3, "l": ["y", "x"]},
    ]
    assert batch_from_arrow(table, schema).rows(schema) == Batch.from_rows(rows, schema).rows(schema)


def test_a_batch_survives_arrow() -> None:
    """Types are the ones that tables are stored in."""
    schema = InputSchema(
        (
            Field("n", "number", True),
            Field("b", "boolean", True),
            Field("s", "string", True),
            Field("t", "timestamp", True),
            Field("l", "strings"),
        )
    )
    rows = [
        {"n": 1.5, "b": True, "s": "x", "t": 5, "l": ["x", "y"]},
        {"n": None, "b": None, "s": None, "t": None, "l": []},
    ]
    table = batch_to_arrow(Batch.from_rows(rows, schema).take(np.array([1, 0])), schema)
    assert [str(field.type) for field in table.schema] == [
        "double",
        "bool",
        "string",
        "timestamp[us, tz=UTC]",
        str(pa.list_(pa.string())),
    ]
    assert batch_from_arrow(table, schema).rows(schema) == rows[::-1]
    assert batch_to_arrow(Batch.from_rows([], schema), schema).num_rows == 0


def test_a_schema_is_read_from_arrow_in_the_order_wanted() -> None:
    """Nullability comes from Arrow, or from who knows better."""
    arrow = pa.schema(
        [
            pa.field("a", pa.int64(), nullable=False),
            pa.field("b", pa.string()),
            pa.field("l", pa.list_(pa.string())),
        ]
    )
    assert schema_from_arrow(arrow, {"l": "input", "b": "context", "a": "unit"}).fields == (
        Field("l", "strings"),
        Field("b", "string", True, "context"),
        Field("a", "number", False, "unit"),
    )
    assert schema_from_arrow(arrow, {"a": "input", "b": "input"}, ["a"]).fields == (
        Field("a", "number", True),
        Field("b", "string", False),
    )


def test_columns_that_features_cannot_use_are_all_named() -> None:
    """Absent ones and strange ones."""
    arrow = pa.schema([pa.field("a", pa.binary()), pa.field("t", pa.timestamp("us"))])
    with pytest.raises(DefinitionError, match=r"a is binary; t is timestamp\[us\]; z is not there"):
        schema_from_arrow(arrow, {"a": "input", "t": "input", "z": "input"})
