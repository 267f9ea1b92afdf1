"""What must hold of every point-in-time join, whatever the history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.clock import instant
from roadworthy.data.pointintime import join_as_known
from roadworthy.data.sources import source

TIME = pa.timestamp("us", tz="UTC")
EVENTS = pa.schema(
    {"id": pa.int64(), "k": pa.string(), "at": TIME, "x": pa.float64(), "flag": pa.bool_(), "s": pa.string()}
)

events = source("events", key="k", known_at="at + 1m", max_age="20m")
JOINS = [
    events.latest("x"),
    events.latest("s"),
    events.count(over="5m"),
    events.count("flag", over="20m"),
    events.mean("x", over="5m"),
    events.mean("x", over="20m"),
    events.last("s", n=3),
]


def minute(number: int) -> Any:
    """An instant, that many minutes after the epoch."""
    return instant(0) + timedelta(minutes=number)


rows = st.lists(
    st.fixed_dictionaries(
        {
            "k": st.sampled_from(["a", "b", None]),
            "at": st.integers(0, 30).map(minute),
            "x": st.none() | st.floats(-1e300, 1e300),
            "flag": st.none() | st.booleans(),
            "s": st.none() | st.text(max_size=2),
        }
    ),
    max_size=25,
)
askings = st.lists(
    st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 40).map(minute)), min_size=1, max_size=8
)


def table(drawn: Sequence[dict[str, Any]]) -> pa.Table:
    """The drawn rows, numbered, so that no two are equal."""
    return pa.Table.from_pylist([{"id": number, **row} for number, row in enumerate(drawn)], EVENTS)


def joined(asked: Sequence[tuple[Any, Any]], history: pa.Table) -> list[dict[str, Any]]:
    """Joined rows, so written that equal means equal in every bit."""
    questions = pa.table(
        {"k": pa.array([k for k, _ in asked], pa.string()), "asked": pa.array([at for _, at in asked], TIME)}
    )
    answers = join_as_known(questions, "asked", JOINS, {"events": history}).to_pylist()
    return [
        {name: value.hex() if isinstance(value, float) else value for name, value in row.items()}
        for row in answers
    ]


@given(askings, rows, rows)
def test_what_becomes_known_later_never_changes_the_past(asked: Any, before: Any, after: Any) -> None:
    """Rows appended that became known after the last question leave every answer as it was, bit for bit."""
    last = max(at for _, at in asked)
    later = [{**row, "at": last + (row["at"] - minute(0))} for row in after]
    assert joined(asked, table([*before, *later])) == joined(asked, table(before))


@given(askings, rows, st.randoms(use_true_random=False))
def test_the_order_in_which_history_arrived_does_not_matter(asked: Any, drawn: Any, random: Any) -> None:
    """Files, batches and threads bring rows in any order; the answer is one."""
    history = table(drawn)
    order = list(range(history.num_rows))
    random.shuffle(order)
    assert joined(asked, history.take(pa.array(order, pa.int64()))) == joined(asked, history)


@given(askings, rows)
def test_a_question_alone_gets_the_answer_it_gets_among_others(asked: Any, drawn: Any) -> None:
    """One request online and ten million rows in training are the same join."""
    history = table(drawn)
    assert [joined([one], history)[0] for one in asked[:3]] == joined(asked, history)[:3]


@given(askings, rows)
def test_rows_of_other_keys_do_not_matter(asked: Any, drawn: Any) -> None:
    """Nothing leaks from one key to the next, not even the rounding of a sum."""
    mine = [(k, at) for k, at in asked if k == "a"]
    history = table(drawn)
    only = history.filter(pa.array([k == "a" for k in history.column("k").to_pylist()], pa.bool_()))
    assert joined(mine, history) == joined(mine, only)
