"""The slow, obvious point-in-time join, row by row in plain Python, and that the fast one gives the same answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.clock import instant
from roadworthy.data.pointintime import join_as_known
from roadworthy.data.sources import Join, Source, source

Row = Mapping[str, Any]

MINUTE = timedelta(minutes=1)
TIME = pa.timestamp("us", tz="UTC")
EVENTS = pa.schema(
    {
        "k": pa.string(),
        "j": pa.int64(),
        "at": TIME,
        "x": pa.float64(),
        "flag": pa.bool_(),
        "text": pa.string(),
    }
)
QUESTIONS = pa.schema({"k": pa.string(), "j": pa.int64(), "asked": TIME})


def as_known(question: Row, join: Join, rows: Sequence[Row]) -> Any:
    """What `join` says about `question`: look at every row, keep what was known, order it, read it off."""
    known = [row for row in rows if is_visible(question, row, join)]
    known.sort(key=lambda row: position(row, join.source))
    if join.kind == "latest":
        return known[-1][join.value] if known else None
    if join.kind == "count":
        return len([row for row in known if join.value is None or row[join.value] is True])
    values = [row[join.value] for row in known if row[join.value] is not None]
    if join.kind == "last":
        return values[::-1][: join.n]
    return sum(map(Fraction, values), Fraction(0)) / len(values) if values else None


def is_visible(question: Row, row: Row, join: Join) -> bool:
    """Whether the row has the question's key, was known when it was asked, and is recent enough."""
    if any(question[key] is None or row[key] is None or question[key] != row[key] for key in join.source.key):
        return False
    known_at = since(row, join.source)
    if known_at is None or question["asked"] is None:
        return known_at == "always" and question["asked"] is not None
    if known_at == "always":
        return True
    age = question["asked"] - known_at
    if age < timedelta(0):
        return False
    if join.source.max_age is not None and age > join.source.max_age:
        return False
    return join.over is None or age < join.over


def since(row: Row, of: Source) -> Any:
    """When the row became known: an instant, `always`, or None for never."""
    if of.known_at is None:
        return "always"
    return None if row[of.known_at.column] is None else row[of.known_at.column] + of.known_at.offset


def position(row: Row, of: Source) -> list[tuple[bool, Any]]:
    """Older before newer; then by the other columns in the order of their names, null first."""
    others = sorted(name for name in row if name not in of.key)
    return [(True, since(row, of)), *((row[name] is not None, row[name]) for name in others)]


keys = st.sampled_from([None, "a", "b", "ä"])
numbers = st.sampled_from([None, 0, 1])
minutes = st.one_of(st.none(), st.integers(0, 12).map(lambda minute: instant(0) + minute * MINUTE))
floats = st.one_of(
    st.none(),
    st.sampled_from([0.0, -0.0, 1.0, 1e16, -1e16, 0.1, 5e-324]),
    st.floats(-1e300, 1e300),
)
texts = st.sampled_from([None, "", "x", "y", "\x00", "é"])
event = st.fixed_dictionaries(
    {"k": keys, "j": numbers, "at": minutes, "x": floats, "flag": st.none() | st.booleans(), "text": texts}
)
question = st.fixed_dictionaries({"k": keys, "j": numbers, "asked": minutes})


@st.composite
def joins(draw: st.DrawFn) -> list[Join]:
    """Every kind of join, on two sources of one table with different keys and on a static one."""
    known_at = draw(st.sampled_from(["at", "at + 2m", "at - 1m"]))
    made: list[Join] = []
    for name, key in (("events", "k"), ("other", ("j", "k"))):
        max_age = draw(st.sampled_from([None, "3m", "8m"]))
        of = source("events", name=name, key=key, known_at=known_at, max_age=max_age)
        over = draw(st.sampled_from(["1m", "3m"]))
        made += [of.latest(column) for column in ("x", "text", "flag", "at")]
        made += [
            of.count(over=over),
            of.count("flag", over=over),
            of.mean("x", over=over),
            of.mean("flag", over=over),
        ]
        made += [of.last("text", n=2), of.last("text", n=3, over=over)]
    made.append(source("events", name="static", key="j", known_at="always").latest("x"))
    return made


def same(fast: Any, slow: Any) -> bool:
    """Equal; a mean within two units in the last place of the exact fraction."""
    if isinstance(slow, Fraction) and fast is not None:
        return abs(Fraction(fast) - slow) <= 2 * Fraction(math.ulp(float(slow)))
    return bool(fast == slow)


@given(st.lists(question, max_size=6), st.lists(event, max_size=14), joins())
def test_the_join_says_what_a_look_at_every_row_says(
    questions: list[Row], events: list[Row], wanted: list[Join]
) -> None:
    """Ties, nulls in keys, times and values, max_age, windows, static sources, one table under two keys."""
    asked, history = pa.Table.from_pylist(questions, QUESTIONS), pa.Table.from_pylist(events, EVENTS)
    joined = join_as_known(asked, "asked", wanted, {"events": history})
    assert joined.select(QUESTIONS.names) == asked
    for join in wanted:
        expected = [as_known(question, join, events) for question in questions]
        got = joined.column(join.column).to_pylist()
        assert all(map(same, got, expected)), (join.column, got, expected)
