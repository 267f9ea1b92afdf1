"""Claims about batches."""

from __future__ import annotations

import numpy as np
import pytest

from roadworthy.errors import DefinitionError
from roadworthy.features.batch import NO_TIME, Batch, Lists, Strings
from roadworthy.features.schema import Field, InputSchema

SCHEMA = InputSchema(
    (
        Field("wind", "number", nullable=True),
        Field("holiday", "boolean", nullable=True),
        Field("carrier", "string", nullable=True),
        Field("scheduled", "timestamp", nullable=True),
        Field("last", "strings"),
    )
)
ROWS = [
    {"wind": 3.5, "holiday": True, "carrier": "UA", "scheduled": 1_000_000, "last": ["a", "b"]},
    {"wind": None, "holiday": None, "carrier": None, "scheduled": None, "last": []},
    {"wind": -1.0, "holiday": False, "carrier": "B6", "scheduled": -5, "last": ["b"]},
]


def test_every_kind_is_held_as_documented() -> None:
    """Numbers as floats, text as codes, times as microseconds, lists as offsets."""
    batch = Batch.from_rows(ROWS, SCHEMA)
    columns = batch.columns
    assert np.array_equal(columns["wind"], np.array([3.5, np.nan, -1.0]), equal_nan=True)
    assert np.array_equal(columns["holiday"], np.array([1.0, np.nan, 0.0]), equal_nan=True)
    assert columns["scheduled"].tolist() == [1_000_000, NO_TIME, -5]
    carrier, last = columns["carrier"], columns["last"]
    assert isinstance(carrier, Strings)
    assert isinstance(last, Lists)
    assert (carrier.codes.tolist(), carrier.codes.dtype, carrier.uniques) == (
        [0, -1, 1],
        np.int32,
        ("UA", "B6"),
    )
    assert (last.offsets.tolist(), last.values.texts()) == ([0, 2, 2, 3], ["a", "b", "b"])


def test_rows_come_back_as_they_went_in() -> None:
    """With the schema, `rows` gives what `from_rows` was given."""
    assert Batch.from_rows(ROWS, SCHEMA).rows(SCHEMA) == ROWS


def test_rows_without_a_schema_show_booleans_as_numbers() -> None:
    """A batch by itself does not know which numbers were booleans."""
    assert [row["holiday"] for row in Batch.from_rows(ROWS, SCHEMA).rows()] == [1.0, None, 0.0]


@pytest.mark.parametrize("indices", [[2, 0], [1], [0, 0, 2, 1], []])
def test_take_gives_the_rows_asked_for(indices: list[int]) -> None:
    """In the order asked for, repeated where asked twice."""
    taken = Batch.from_rows(ROWS, SCHEMA).take(np.array(indices, dtype=np.int64))
    assert taken.n == len(indices)
    assert taken.rows(SCHEMA) == [ROWS[index] for index in indices]


def test_take_drops_texts_that_are_in_no_row_any_more() -> None:
    """One row out of ten thousand must not drag ten thousand texts along."""
    column = Strings.of([f"N{number}" for number in range(10_000)])
    assert column.take(np.array([77])).uniques == ("N77",)


def test_concat_gives_all_rows_in_order() -> None:
    """Texts of both sides are told apart although their codes collide."""
    batch = Batch.from_rows(ROWS, SCHEMA)
    parts = [batch.take(np.array([2])), batch.take(np.array([], dtype=np.int64)), batch]
    assert Batch.concat(parts).rows(SCHEMA) == [ROWS[2], *ROWS]


def test_concat_refuses_batches_with_other_columns() -> None:
    """The message names the column that only one of them has."""
    batch = Batch.from_rows(ROWS, SCHEMA)
    with pytest.raises(DefinitionError, match=r"batches 0 and 1 .* differ in: wind"):
        Batch.concat([batch, batch.select(["holiday", "carrier", "scheduled", "last"])])


def test_concat_refuses_columns_of_another_kind() -> None:
    """A text and a number of one name cannot be joined."""
    text = Batch({"x": Strings.of(["a"])}, 1)
    with pytest.raises(DefinitionError, match="another kind"):
        Batch.concat([text, Batch({"x": np.zeros(1)}, 1)])


def test_concat_of_nothing_is_refused() -> None:
    """It would not know its columns."""
    with pytest.raises(DefinitionError, match="at least one batch"):
        Batch.concat([])
