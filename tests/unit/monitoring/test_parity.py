"""Parity: exact, and it names feature, stage and first row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from roadworthy.errors import DefinitionError
from roadworthy.features.batch import Batch, Lists, Strings
from roadworthy.features.columns import NO_TIME
from roadworthy.monitoring.parity import encoding_parity, source_parity


@dataclass(frozen=True)
class Column:
    """An encoded column."""

    name: str
    feature: str


COLUMNS = (Column("wind", "wind"), Column("queue", "queue"))
LOGGED = np.array([[3.0, 0.5], [np.nan, -1.0], [4.0, -1.0]])


def test_equal_matrices_pass_and_nan_equals_nan() -> None:
    """A missing number is the same missing number."""
    verdict = encoding_parity(LOGGED, LOGGED.copy(), COLUMNS)
    assert (verdict.ruling, verdict.measured, verdict.n) == ("pass", 0.0, 3)


def test_a_division_by_zero_encoded_otherwise_is_named_with_its_first_row() -> None:
    """-1 in training and 0 in serving: the fault of the field, found from one row."""
    again = LOGGED.copy()
    again[1:, 1] = 0.0
    verdict = encoding_parity(LOGGED, again, COLUMNS, rows=["a", "b", "c"])
    assert verdict.ruling == "fail"
    assert (
        verdict.reason
        == "queue differs at the stage `encoded` in 2 of 3 rows, first row b: logged -1.0, again 0.0"
    )
    assert verdict.evidence["calls_for"] == "roll back"


def test_the_last_bit_counts_unless_a_tolerance_is_declared() -> None:
    """Exact for trees; a format that declares a tolerance is held to it."""
    again = np.nextafter(LOGGED, np.inf)
    assert encoding_parity(LOGGED, again, COLUMNS).ruling == "fail"
    assert encoding_parity(LOGGED, again, COLUMNS, tolerance=1e-9).ruling == "pass"
    assert encoding_parity(LOGGED, LOGGED + 1e-6, COLUMNS, tolerance=1e-9).ruling == "fail"


def test_missing_on_one_side_differs_even_within_a_tolerance() -> None:
    """No tolerance makes a number out of nothing."""
    again = LOGGED.copy()
    again[1, 0] = 3.0
    assert encoding_parity(LOGGED, again, COLUMNS, tolerance=10.0).ruling == "fail"


def test_the_stage_that_differs_first_is_named() -> None:
    """Where the cleaned values differ already, the encoding is not to blame."""
    again = LOGGED.copy()
    again[0, 1] = 9.0
    dirty, clean = (
        Batch({"app": Strings.of(["a$hl=en", "b", "c"])}, 3),
        Batch({"app": Strings.of(["a", "b", "c"])}, 3),
    )
    verdict = encoding_parity(LOGGED, again, COLUMNS, cleaned=(dirty, clean))
    assert "app differs at the stage `cleaned`" in verdict.reason
    assert "1 other differs too" in verdict.reason


def test_source_parity_compares_every_kind() -> None:
    """Numbers, times, text and lists, with other dictionaries behind the same text."""
    carried = Batch(
        {
            "wind": np.array([1.0, np.nan]),
            "seen": np.array([NO_TIME, 5]),
            "origin": Strings(np.array([1, -1], dtype=np.int32), ("EWR", "JFK")),
            "before": Lists.of([["EWR"], []]),
        },
        2,
    )
    known = Batch(
        {
            "wind": np.array([1.0, np.nan]),
            "seen": np.array([NO_TIME, 5]),
            "origin": Strings(np.array([0, -1], dtype=np.int32), ("JFK",)),
            "before": Lists.of([["EWR"], []]),
        },
        2,
    )
    assert source_parity(carried, known).ruling == "pass"
    for name, other in {
        "wind": np.array([1.0, 0.0]),
        "seen": np.array([0, 5]),
        "origin": Strings.of(["JFK", "LGA"]),
        "before": Lists.of([["EWR"], ["EWR"]]),
    }.items():
        verdict = source_parity(carried, Batch({**known.columns, name: other}, 2))
        assert verdict.ruling == "fail"
        assert verdict.reason.startswith(f"{name} differs at the stage `raw`")


def test_no_rows_are_no_pass() -> None:
    """Nothing compared is nothing proved."""
    assert encoding_parity(np.zeros((0, 2)), np.zeros((0, 2)), COLUMNS).ruling == "insufficient"
    assert source_parity(Batch({}, 0), Batch({}, 0)).ruling == "insufficient"


def test_what_does_not_fit_is_refused() -> None:
    """Other rows, columns or kinds are a mistake of the caller, not a difference."""
    with pytest.raises(DefinitionError, match="do not fit"):
        encoding_parity(LOGGED, LOGGED[:2], COLUMNS)
    with pytest.raises(DefinitionError, match="wind"):
        source_parity(Batch({"wind": np.zeros(1)}, 1), Batch({}, 1))
    with pytest.raises(DefinitionError, match="cannot be compared"):
        source_parity(Batch({"wind": np.zeros(1)}, 1), Batch({"wind": Strings.of(["3"])}, 1))
