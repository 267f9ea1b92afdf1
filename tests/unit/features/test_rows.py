"""Claims about rows of Python values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from roadworthy.clock import micros
from roadworthy.errors import SchemaError
from roadworthy.features.batch import Batch
from roadworthy.features.columns import EARLIEST, LATEST
from roadworthy.features.schema import Field, InputSchema, Kind


def one(kind: Kind, value: Any, nullable: bool = False) -> Any:
    """What a single value becomes."""
    schema = InputSchema((Field("x", kind, nullable),))
    return Batch.from_rows([{"x": value}], schema).rows(schema)[0]["x"]


NEW_YORK = timezone(timedelta(hours=-4))


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("number", 3, 3.0),
        ("number", np.float32(0.5), 0.5),
        ("number", np.int64(7), 7.0),
        ("boolean", np.True_, True),
        ("string", "", ""),
        ("string", np.str_("UA"), "UA"),
        ("timestamp", datetime(2013, 7, 1, 6, tzinfo=NEW_YORK), micros(datetime(2013, 7, 1, 10, tzinfo=UTC))),
        ("timestamp", "2013-07-01T10:00:00Z", micros(datetime(2013, 7, 1, 10, tzinfo=UTC))),
        ("timestamp", "2013-07-01T06:00:00.000001-04:00", micros(datetime(2013, 7, 1, 10, tzinfo=UTC)) + 1),
        ("timestamp", np.int64(5), 5),
        ("timestamp", EARLIEST, EARLIEST),
        ("timestamp", LATEST, LATEST),
        ("strings", ("a", "b"), ["a", "b"]),
    ],
)
def test_values_of_the_kind_are_accepted(kind: Kind, value: Any, expected: Any) -> None:
    """NumPy scalars, three ways to write a time, tuples for lists."""
    assert one(kind, value) == expected


@pytest.mark.parametrize(
    ("kind", "value", "got"),
    [
        ("number", "3", '"3"'),
        ("number", True, "true"),
        ("number", float("inf"), "Infinity"),
        ("number", np.float32("-inf"), "-Infinity"),
        ("number", 10**400, "an integer beyond the range of a number"),
        ("number", None, "null"),
        ("number", float("nan"), "null"),
        ("number", np.float32("nan"), "null"),
        ("boolean", 1, "1"),
        ("boolean", None, "null"),
        ("string", 7, "7"),
        ("string", None, "null"),
        ("string", b"UA", "b'UA'"),
        ("timestamp", datetime(2013, 7, 1), "2013-07-01T00:00:00 without an offset"),  # noqa: DTZ001  # the fault
        ("timestamp", "2013-07-01T10:00:00", "2013-07-01T10:00:00 without an offset"),
        ("timestamp", "noon", '"noon"'),
        ("timestamp", 1.5, "1.5"),
        ("timestamp", True, "true"),
        ("timestamp", LATEST + 1, f"{LATEST + 1}, outside the years 1 to 9999"),
        ("timestamp", None, "null"),
        ("strings", "UA", '"UA"'),
        ("strings", ["a", None], '["a", null]'),
        ("strings", None, "null"),
    ],
)
def test_values_of_another_kind_are_refused_and_shown(kind: Kind, value: Any, got: str) -> None:
    """The fault repeats what was there."""
    with pytest.raises(SchemaError) as raised:
        one(kind, value)
    (fault,) = raised.value.faults
    assert (fault.path, fault.got) == ("$.instances[0].x", got)


@pytest.mark.parametrize("kind", ["number", "boolean", "string", "timestamp"])
def test_null_is_accepted_where_it_may_be(kind: Kind) -> None:
    """NaN counts as null in every kind, because that is how pandas writes it."""
    assert one(kind, None, nullable=True) is None
    assert one(kind, float("nan"), nullable=True) is None


def test_all_faults_are_found_at_once_each_at_its_path() -> None:
    """One round trip is enough to mend a request."""
    schema = InputSchema((Field("wind", "number"), Field("carrier", "string", nullable=True)))
    rows = [{"wind": 1.0, "carrier": None}, {"wind": "n/a"}, {"wind": None, "carrier": 7}]
    with pytest.raises(SchemaError) as raised:
        Batch.from_rows(rows, schema, path="$.rows")
    assert {fault.path: fault.got for fault in raised.value.faults} == {
        "$.rows[1].wind": '"n/a"',
        "$.rows[1].carrier": "nothing: the key is absent",
        "$.rows[2].wind": "null",
        "$.rows[2].carrier": "7",
    }


def test_an_absent_key_is_a_fault_even_where_null_may_be() -> None:
    """A client that forgets a field must hear of it."""
    schema = InputSchema((Field("wind", "number", nullable=True),))
    with pytest.raises(SchemaError, match=r"\$.instances\[0\].wind: .*absent"):
        Batch.from_rows([{}], schema)


def test_a_flood_of_faults_is_cut_and_counted() -> None:
    """Ten thousand lines help nobody."""
    schema = InputSchema((Field("wind", "number"),))
    with pytest.raises(SchemaError, match="Only the first 100 of 5,000 faults are listed") as raised:
        Batch.from_rows([{"wind": "n/a"}] * 5_000, schema)
    assert len(raised.value.faults) == 100


def test_a_long_value_is_shortened_in_the_message() -> None:
    """The message stays readable."""
    with pytest.raises(SchemaError) as raised:
        one("number", "x" * 1_000)
    assert len(raised.value.faults[0].got) == 60


def test_no_rows_give_empty_columns_of_every_kind() -> None:
    """Zero rows are rows too."""
    kinds: tuple[Kind, ...] = ("number", "boolean", "string", "timestamp", "strings")
    schema = InputSchema(tuple(Field(kind, kind) for kind in kinds))
    batch = Batch.from_rows([], schema)
    assert batch.n == 0
    assert batch.rows(schema) == []
    assert batch.take(np.array([], dtype=np.int64)).rows(schema) == []
