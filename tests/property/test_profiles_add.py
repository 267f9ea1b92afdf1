"""Summaries add: in any order, in any grouping, a sum is exactly the summary of all rows counted together."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.errors import DefinitionError
from roadworthy.features.batch import Batch, Lists, Strings
from roadworthy.features.columns import NO_TIME
from roadworthy.profiles.counting import count_days
from roadworthy.profiles.reference import Reference, build_reference
from roadworthy.profiles.summary import DayStatistics

WORDS = ("EWR", "JFK", "", "\x00", "ü")
numbers = st.floats(allow_nan=True, allow_infinity=True, width=64)
row = st.fixed_dictionaries(
    {
        "wind": numbers,
        "origin": st.sampled_from([None, *WORDS]),
        "before": st.lists(st.sampled_from(WORDS), max_size=3),
        "asked": st.sampled_from([NO_TIME, 0, 10**15]),
        "state": st.sampled_from([0, 1, 2]),
        "output": st.one_of(st.floats(0, 1), st.sampled_from([np.nan, np.inf, -3.0, 1e300])),
        "label": st.sampled_from([0.0, 1.0, np.nan]),
        "matured": st.booleans(),
    }
)
windows = st.lists(row, min_size=1, max_size=12)


def batch(rows: list[dict[str, object]]) -> Batch:
    """The rows as columns."""
    return Batch(
        {
            "wind": np.array([entry["wind"] for entry in rows], dtype=np.float64),
            "origin": Strings.of([entry["origin"] for entry in rows]),
            "before": Lists.of([entry["before"] for entry in rows]),
            "asked": np.array([entry["asked"] for entry in rows], dtype=np.int64),
        },
        len(rows),
    )


def column(rows: list[dict[str, object]], name: str, kind: type = np.float64) -> np.ndarray:
    """One column of the rows."""
    return np.array([entry[name] for entry in rows], dtype=kind)


LEARNED = build_reference(
    Batch(
        {
            "wind": np.linspace(-3.0, 3.0, 40),
            "origin": Strings.of(["EWR", "JFK"] * 20),
            "before": Lists.of([["EWR"], []] * 20),
            "asked": np.arange(40),
        },
        40,
    ),
    {"origin": np.zeros(40, dtype=np.int8)},
    np.full(40, 0.25),
    np.tile([0.0, 1.0], 20),
    np.zeros(40, dtype=np.int64),
)


def counted(rows: list[dict[str, object]], day: int = 7) -> DayStatistics:
    """The day statistics of the rows."""
    states = {"origin": column(rows, "state", np.int8)}
    days = np.full(len(rows), day)
    labels, matured = column(rows, "label"), column(rows, "matured", np.bool_)
    return count_days(LEARNED.cells, batch(rows), states, column(rows, "output"), days, labels, matured)[0]


@given(windows, windows)
def test_a_sum_is_counting_both(left: list[dict[str, object]], right: list[dict[str, object]]) -> None:
    """Files, hours and machines can be counted apart and added."""
    assert counted(left) + counted(right) == counted(left + right)


@given(windows, windows, windows)
def test_addition_is_commutative_and_associative(
    a: list[dict[str, object]], b: list[dict[str, object]], c: list[dict[str, object]]
) -> None:
    """Exactly, not nearly: sums are kept in whole units, so the order of files cannot show."""
    x, y, z = counted(a), counted(b), counted(c)
    assert x + y == y + x
    assert (x + y) + z == x + (y + z)


@given(windows)
def test_a_day_survives_json(rows: list[dict[str, object]]) -> None:
    """What a tick stored is what the next tick reads, bit for bit."""
    day = counted(rows)
    assert DayStatistics.from_json(day.to_json()) == day
    assert DayStatistics.from_json(day.to_json()).to_json() == day.to_json()


@given(windows, windows)
def test_days_counted_together_are_the_days_counted_apart(
    left: list[dict[str, object]], right: list[dict[str, object]]
) -> None:
    """A reference counts all its days at once; a monitor one at a time."""
    both = left + right
    days = np.repeat([7, 8], [len(left), len(right)])
    together = count_days(
        LEARNED.cells,
        batch(both),
        {"origin": column(both, "state", np.int8)},
        column(both, "output"),
        days,
        column(both, "label"),
        column(both, "matured", np.bool_),
    )
    assert together == (counted(left, 7), counted(right, 8))


@given(windows)
def test_every_row_is_somewhere(rows: list[dict[str, object]]) -> None:
    """Nothing is lost between the cells: missing and counted add up to the rows."""
    profile = counted(rows).profile
    for name in ("wind", "origin"):
        assert profile.inputs[name].missing + sum(profile.inputs[name].counts) == profile.n
    assert profile.output.invalid + profile.output.n == profile.n


def test_a_reference_survives_json() -> None:
    """The artifact's bytes are canonical: the digest covers them."""
    text = LEARNED.to_json()
    assert Reference.from_json(text) == LEARNED
    assert Reference.from_json(text).to_json() == text
    assert Reference.from_json(text).digest == LEARNED.digest


def test_days_of_different_references_do_not_add() -> None:
    """Counts over other cells have another meaning."""
    day = counted([{"wind": 1.0, "origin": None, "before": [], "asked": 0, "state": 0, "output": 0.5,
                    "label": 1.0, "matured": True}])  # fmt: skip
    fewer = msgspec.structs.replace(
        day.profile, inputs={name: held for name, held in day.profile.inputs.items() if name != "wind"}
    )
    with pytest.raises(DefinitionError, match="different inputs"):
        day.profile + fewer
    with pytest.raises(DefinitionError, match="not one day"):
        day + msgspec.structs.replace(day, day=8)
