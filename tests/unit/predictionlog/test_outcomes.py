"""What the label of a prediction is, as of an instant."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from roadworthy.clock import instant
from roadworthy.errors import DefinitionError
from roadworthy.predictionlog.columns import outcome_table, prediction_table
from roadworthy.predictionlog.outcomes import OutcomeRule, join_outcomes, labelled
from roadworthy.predictionlog.read import PredictionLog
from roadworthy.predictionlog.record import Outcome, Prediction

from .building import DAY, HOUR, SCHEMA, SECOND, START, outcome, prediction, sealed

RULE = OutcomeRule(name="late", window=timedelta(hours=2))


def joined(
    predictions: list[Prediction], outcomes: list[Outcome], as_of: int = START + 9 * DAY, **rule: Any
) -> list[tuple[float | None, bool, bool]]:
    """(label, matured, window_passed) of each prediction, as of microseconds."""
    asked = OutcomeRule(**({"name": "late", "window": timedelta(hours=2)} | rule))
    table = join_outcomes(
        prediction_table(SCHEMA, "j", predictions)[0], outcome_table("j", outcomes), asked, instant(as_of)
    )
    return list(
        zip(*(table.column(name).to_pylist() for name in ("label", "matured", "window_passed")), strict=True)
    )


def labels(*arguments: Any, **options: Any) -> list[float | None]:
    """Only the labels."""
    return [row[0] for row in joined(*arguments, **options)]


def test_an_outcome_reaches_the_prediction_of_its_unit() -> None:
    """And no other."""
    assert labels([prediction(0), prediction(1), prediction(2)], [outcome(1)]) == [None, 1.0, None]


def test_every_prediction_of_a_unit_within_the_window_gets_the_outcome() -> None:
    """The window begins with each prediction and includes its last instant."""
    event = START + 3 * HOUR
    asked = [event - 2 * HOUR - 1, event - 2 * HOUR, event - HOUR, event, event + 1]
    rows = [prediction(number, unit="UA1", event_time=at) for number, at in enumerate(asked)]
    assert labels(rows, [outcome(1, event_time=event)]) == [None, 1.0, 1.0, 1.0, None]


def test_an_outcome_that_names_a_prediction_reaches_only_that() -> None:
    """Even when others of the unit are as near."""
    rows = [prediction(0, unit="u"), prediction(1, unit="u")]
    assert labels(rows, [outcome(1, unit="u", prediction_id="id-0")]) == [1.0, None]


def test_an_outcome_that_names_a_prediction_reaches_its_shadow_too() -> None:
    """A client knows the answer it got; the shadow that was asked the same row is judged by the same fact."""
    rows = [
        prediction(0, request_id="r", row=0),
        prediction(0, request_id="r", row=0, id="shadow", role="shadow", version=2),
        prediction(1, request_id="r", row=1, id="other row"),
        prediction(2, request_id="", id="no request"),
    ]
    assert labels(rows, [outcome(1, unit="", prediction_id="id-0")]) == [1.0, 1.0, None, None]


def test_a_clock_that_is_a_little_early_loses_no_outcome_that_names_its_prediction() -> None:
    """By unit it must come after the prediction: before, it belongs to an earlier one."""
    early = {"event_time": START - SECOND, "arrival_time": START}
    assert labels([prediction(0)], [outcome(1, prediction_id="id-0", **early)]) == [1.0]
    assert labels([prediction(0)], [outcome(1, unit="UA0", **early)]) == [None]


def test_an_outcome_without_owner_reaches_nobody() -> None:
    """Not the predictions without a unit either."""
    assert labels([prediction(0, unit="")], [outcome(0, unit="")]) == [None]


def test_an_outcome_of_another_name_is_another_outcome() -> None:
    """Cost is not lateness."""
    assert labels([prediction(1)], [outcome(1, name="cost")]) == [None]


def test_absent_negative_is_the_answer_once_the_window_has_passed() -> None:
    """Not a moment earlier."""
    close = START + 2 * HOUR
    rows = [prediction(0)]
    assert joined(rows, [], close - 1, absent="negative") == [(None, False, False)]
    assert joined(rows, [], close, absent="negative") == [(0.0, True, True)]


def test_absent_unknown_stays_unknown() -> None:
    """It matures without a label."""
    assert joined([prediction(0)], [], START + 2 * HOUR, absent="unknown") == [(None, True, True)]


def test_a_known_outcome_matures_its_prediction_before_the_window_has_passed() -> None:
    """`window_passed` says that a set of such rows favours what is known early."""
    assert joined([prediction(1)], [outcome(1)], START + SECOND + HOUR) == [(1.0, True, False)]


def test_an_outcome_is_seen_from_its_arrival_on() -> None:
    """By the clock of events; a negative may turn positive when its outcome comes late."""
    event, arrival = START + HOUR, START + 5 * HOUR
    late = [outcome(1, unit="UA0", event_time=event, arrival_time=arrival)]
    assert labels([prediction(0)], late, arrival - 1, absent="negative") == [0.0]
    assert labels([prediction(0)], late, arrival, absent="negative") == [1.0]


def test_an_event_that_is_announced_is_not_seen_before_it_happens() -> None:
    """Its source may know the future; a monitor must not."""
    announced = [outcome(1, unit="UA0", event_time=START + HOUR, arrival_time=START)]
    assert labels([prediction(0)], announced, START + HOUR - 1) == [None]
    assert labels([prediction(0)], announced, START + HOUR) == [1.0]


@pytest.mark.parametrize(("attribute", "label"), [("first", 2.0), ("last", 3.0), ("all", 5.0)])
def test_of_several_events_the_declared_one_counts(attribute: str, label: float) -> None:
    """First and last go by event time, whatever arrived first; all takes the largest."""
    events = [
        outcome(1, id="b", value=5.0, event_time=START + 20, arrival_time=START + 21),
        outcome(1, id="a", value=2.0, event_time=START + 10, arrival_time=START + 50),
        outcome(1, id="c", value=3.0, event_time=START + 30, arrival_time=START + 31),
    ]
    assert labels([prediction(1, event_time=START)], events, attribute=attribute) == [label]


def test_the_latest_visible_revision_counts_wherever_it_stands() -> None:
    """Until it arrives the earlier one does."""
    arrival = START + 5 * HOUR
    events = [
        outcome(1, revision=2, value=7.0, event_time=START + 10, arrival_time=arrival),
        outcome(1, revision=0, value=1.0, event_time=START + 10, arrival_time=START + 10),
        outcome(1, revision=1, value=4.0, event_time=START + 10, arrival_time=START + 20),
    ]
    row = [prediction(1, event_time=START)]
    assert labels(row, events, START + 19) == [1.0]
    assert labels(row, events, START + 20) == [4.0]
    assert labels(row, events, arrival) == [7.0]


def test_a_withdrawn_outcome_is_as_if_it_had_never_happened() -> None:
    """A revision without a number takes it back."""
    events = [outcome(1), outcome(1, revision=1, value=float("nan"))]
    assert labels([prediction(1)], events, absent="negative") == [0.0]


def test_a_label_is_known_since_its_event_arrived_or_its_window_passed() -> None:
    """A training set as known at a time is cut by this."""
    rows = [prediction(0), prediction(1)]
    events = [outcome(1, event_time=START + HOUR, arrival_time=START + 2 * HOUR)]
    rule = OutcomeRule(name="late", window=timedelta(hours=2), absent="negative")
    table = join_outcomes(
        prediction_table(SCHEMA, "j", rows)[0], outcome_table("j", events), rule, instant(START + DAY)
    )
    assert table.column("label_known_at").cast(pa.int64()).to_pylist() == [START + 2 * HOUR, START + 2 * HOUR]
    unknown = join_outcomes(
        prediction_table(SCHEMA, "j", rows)[0], outcome_table("j", events), RULE, instant(START + DAY)
    )
    assert unknown.column("label_known_at").null_count == 1


def test_without_predictions_or_outcomes_the_columns_are_there() -> None:
    """A first day needs no special case."""
    assert joined([], [outcome(0)]) == []
    assert joined([prediction(0)], []) == [(None, True, True)]


def test_a_window_of_nothing_is_refused() -> None:
    """Every label would be absent."""
    with pytest.raises(DefinitionError, match="longer than nothing"):
        OutcomeRule(name="late", window=timedelta(0))


def test_labelled_reads_outcomes_after_the_end_of_the_predictions(tmp_path: Path) -> None:
    """The last prediction of a day is decided on the next."""
    at = START + DAY - 1
    sealed(
        tmp_path / "journals",
        [prediction(1, event_time=at), prediction(2, event_time=START + DAY)],
        [outcome(1, event_time=at + 2 * HOUR), outcome(2)],
    )
    table = labelled(
        PredictionLog(tmp_path / "log", [tmp_path / "journals"]),
        "delay",
        RULE,
        instant(START + 2 * DAY),
        start=instant(START),
        end=instant(START + DAY),
        columns=["in_wind", "unit"],
    )
    assert table.to_pylist() == [
        {
            "in_wind": 1.0,
            "unit": "UA1",
            "label": 1.0,
            "label_known_at": instant(at + 2 * HOUR),
            "matured": True,
            "window_passed": True,
        }
    ]


@pytest.mark.parametrize("named", ["first", "second"])
def test_a_client_that_asked_twice_may_name_either_answer(tmp_path: Path, named: str) -> None:
    """After a time-out the client holds the second identifier; the first answer is read, and the label is not lost."""
    asked = [
        prediction(1, id="first", request_id="r", row=0, logged_at=START),
        prediction(1, id="second", request_id="r", row=0, logged_at=START + 5 * SECOND),
    ]
    sealed(tmp_path / "journals", asked, [outcome(1, unit="", prediction_id=named)])
    log = PredictionLog(tmp_path / "log", [tmp_path / "journals"])
    table = labelled(log, asked[0].model, RULE, instant(START + 9 * DAY), columns=["id"])
    assert table.column("id").to_pylist() == ["first"]
    assert table.column("label").to_pylist() == [1.0]
