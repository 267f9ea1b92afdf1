"""Labels as of an instant, against a slow and obvious second version."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.clock import instant
from roadworthy.predictionlog.columns import outcome_table, prediction_schema, prediction_table
from roadworthy.predictionlog.outcomes import OutcomeRule, join_outcomes
from roadworthy.predictionlog.record import LogSchema, Outcome, Prediction

SCHEMA = LogSchema("delay", ())
WINDOW = 3

small = st.integers(0, 6)
keys = st.sampled_from(["a", "a", "b", ""])


@st.composite
def predictions(draw: st.DrawFn) -> list[Prediction]:
    """A few predictions that share units and requests."""
    count = draw(st.integers(0, 6))
    return [
        Prediction(
            id=f"p{number}",
            request_id=draw(st.sampled_from(["", "r", "s"])),
            row=draw(st.integers(0, 1)),
            model="delay",
            version=1,
            schema=SCHEMA.digest,
            unit=draw(keys),
            event_time=draw(small),
            logged_at=0,
            inputs=(),
        )
        for number in range(count)
    ]


@st.composite
def outcome(draw: st.DrawFn) -> Outcome:
    """An outcome that may revise, repeat, withdraw, and name a prediction, a unit, both or nothing."""
    return Outcome(
        id=draw(st.sampled_from(["x", "y", "z"])),
        revision=draw(st.integers(0, 2)),
        model="delay",
        name=draw(st.sampled_from(["late", "late", "cost"])),
        value=draw(st.sampled_from([0.0, 1.0, 2.0, float("nan")])),
        prediction_id=draw(st.sampled_from(["", "", "p0", "p1", "p9"])),
        unit=draw(keys),
        event_time=draw(small),
        arrival_time=draw(small),
        logged_at=0,
    )


outcomes = st.lists(outcome(), max_size=8, unique_by=lambda found: (found.id, found.revision))
rules = st.builds(
    OutcomeRule,
    name=st.just("late"),
    window=st.just(timedelta(microseconds=WINDOW)),
    absent=st.sampled_from(["negative", "unknown"]),
    attribute=st.sampled_from(["first", "last", "all"]),
)


def known_at(event: Outcome) -> int:
    """When an outcome can be seen."""
    return max(event.event_time, event.arrival_time)


def belongs(event: Outcome, row: Prediction, rows: list[Prediction]) -> bool:
    """Whether an outcome is about a prediction."""
    if event.event_time > row.event_time + WINDOW:
        return False
    if event.prediction_id:
        named = [other for other in rows if other.id == event.prediction_id]
        return any(
            row is other or (row.request_id and (row.request_id, row.row) == (other.request_id, other.row))
            for other in named
        )
    return bool(event.unit) and event.unit == row.unit and event.event_time >= row.event_time


def slow_label(
    row: Prediction, rows: list[Prediction], events: list[Outcome], rule: OutcomeRule, as_of: int
) -> float | None:
    """The label of one prediction, in the words of ADR 3."""
    visible = [event for event in events if event.name == rule.name and known_at(event) <= as_of]
    latest = [e for e in visible if e.revision == max(o.revision for o in visible if o.id == e.id)]
    own = [event for event in latest if not np.isnan(event.value) and belongs(event, row, rows)]
    if own:
        ordered = sorted(own, key=lambda event: (event.event_time, known_at(event), event.id))
        values = [event.value for event in ordered]
        return {"first": values[0], "last": values[-1], "all": max(values)}[rule.attribute]
    return 0.0 if rule.absent == "negative" and row.event_time + WINDOW <= as_of else None


def join(rows: list[Prediction], events: list[Outcome], rule: OutcomeRule, as_of: int) -> pa.Table:
    """The version under test."""
    table = prediction_table(SCHEMA, "j", rows)[0] if rows else prediction_schema(SCHEMA).empty_table()
    return join_outcomes(table, outcome_table("j", events), rule, instant(as_of))


@given(predictions(), outcomes, rules, small)
def test_labels_equal_those_of_the_slow_version(
    rows: list[Prediction], events: list[Outcome], rule: OutcomeRule, as_of: int
) -> None:
    """Units, requests, revisions, withdrawals and windows, in every combination."""
    table = join(rows, events, rule, as_of)
    assert table.column("label").to_pylist() == [slow_label(row, rows, events, rule, as_of) for row in rows]
    passed = [row.event_time + WINDOW <= as_of for row in rows]
    assert table.column("window_passed").to_pylist() == passed
    labels = table.column("label").to_pylist()
    assert table.column("matured").to_pylist() == [
        over or label is not None for over, label in zip(passed, labels, strict=True)
    ]


@given(predictions(), outcomes, outcomes, rules, small)
def test_an_outcome_that_arrives_after_as_of_changes_nothing(
    rows: list[Prediction], events: list[Outcome], others: list[Outcome], rule: OutcomeRule, as_of: int
) -> None:
    """Nor does a revision of one that is known, whatever it says."""
    later = [event for event in others if known_at(event) > as_of]
    assert join(rows, [*events, *later], rule, as_of).equals(join(rows, events, rule, as_of))


@given(predictions(), outcomes, rules, small)
def test_a_label_is_never_known_later_than_asked(
    rows: list[Prediction], events: list[Outcome], rule: OutcomeRule, as_of: int
) -> None:
    """`label_known_at` is at most `as_of`, and null where there is no label."""
    table = join(rows, events, rule, as_of)
    for label, at in zip(
        table.column("label").to_pylist(),
        table.column("label_known_at").cast(pa.int64()).to_pylist(),
        strict=True,
    ):
        assert (label is None) == (at is None)
        assert at is None or at <= as_of


@given(predictions(), outcomes, rules, small, st.randoms())
def test_the_order_in_which_outcomes_are_stored_does_not_matter(
    rows: list[Prediction], events: list[Outcome], rule: OutcomeRule, as_of: int, random: object
) -> None:
    """Two workers may have received them."""
    shuffled = list(events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis gives a random.Random
    assert join(rows, shuffled, rule, as_of).equals(join(rows, events, rule, as_of))
