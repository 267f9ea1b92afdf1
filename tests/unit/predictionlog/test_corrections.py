"""An outcome's id is one event: what arrived first says when it was, and corrections say what it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from roadworthy.clock import instant, micros
from roadworthy.predictionlog.outcomes import OutcomeRule, labelled
from roadworthy.predictionlog.read import CORRECTED_DAYS, PredictionLog
from roadworthy.predictionlog.record import Outcome
from roadworthy.predictionlog.roll import roll

from .building import DAY, HOUR, SECOND, START, outcome, prediction, sealed

RULE = OutcomeRule(name="late", window=timedelta(hours=2))
NOON = START + 12 * HOUR

Told = Callable[..., PredictionLog]


@pytest.fixture(params=["rolled", "in journals"])
def told(tmp_path: Path, request: pytest.FixtureRequest) -> Told:
    """A log with a prediction at noon and these outcomes, which arrived in this order."""

    def log_of(*outcomes: Outcome) -> PredictionLog:
        for number, one in enumerate(outcomes):
            one.logged_at = 20 * START + number
            path = sealed(tmp_path / "journals", [], [one])
            if request.param == "rolled":
                assert not roll([path], tmp_path / "log").refused
        sealed(tmp_path / "journals", [prediction(1, event_time=NOON)])
        return PredictionLog(tmp_path / "log", [tmp_path / "journals"])

    return log_of


def values(log: PredictionLog, **span: int | None) -> list[tuple[int, float]]:
    """(revision, value) of the outcomes in a span of microseconds."""
    table = log.outcomes("delay", **{name: None if at is None else instant(at) for name, at in span.items()})
    return list(zip(table.column("revision").to_pylist(), table.column("value").to_pylist(), strict=True))


def label(log: PredictionLog, *, narrow: bool = True) -> list[float | None]:
    """The label of the prediction at noon, asked for its day or for all time."""
    day = {"start": instant(START), "end": instant(START + DAY)} if narrow else {}
    return labelled(log, "delay", RULE, instant(START + 90 * DAY), **day).column("label").to_pylist()  # type: ignore[arg-type]  # dates alone


def test_of_one_revision_the_first_that_arrived_is_read_whatever_a_later_one_says(told: Told) -> None:
    """Also where the later one claims an earlier event, and whichever part of the day is asked for."""
    log = told(
        outcome(1, value=1.0, event_time=NOON),
        outcome(1, value=0.0, event_time=NOON - HOUR, arrival_time=NOON + HOUR),
    )
    assert values(log) == [(0, 1.0)]
    assert values(log, start=NOON - 2 * HOUR, end=NOON - SECOND) == []
    assert values(log, start=NOON, end=NOON + SECOND) == [(0, 1.0)]


@pytest.mark.parametrize("away", [3 * HOUR, 3 * DAY, CORRECTED_DAYS * DAY, -3 * DAY])
def test_a_correction_speaks_of_the_event_that_arrived_first(told: Told, away: int) -> None:
    """Three days later somebody takes it back, with the time of the day: the label is gone in every question."""
    at = NOON + HOUR
    log = told(
        outcome(1, value=1.0, event_time=at),
        outcome(1, value=float("nan"), revision=1, event_time=at + away, arrival_time=at + 3 * DAY),
    )
    assert label(log) == label(log, narrow=False) == [None]
    assert [revision for revision, _ in values(log, start=at, end=at + 1)] == [0, 1]


def test_a_corrected_event_does_not_happen_again_when_it_was_corrected(told: Told) -> None:
    """A unit that was asked about again on that day keeps its label."""
    log = told(
        outcome(1, value=0.0, event_time=NOON - 3 * DAY),
        outcome(1, value=1.0, revision=1, event_time=NOON + HOUR),
    )
    assert label(log) == label(log, narrow=False) == [None]
    assert values(log, start=START, end=START + DAY) == []


def test_a_monitor_that_reads_what_is_new_finds_the_day_of_the_event(told: Told) -> None:
    """Not the day of the correction; and what it has seen before is not new."""
    old = outcome(1, event_time=NOON + HOUR)
    late = NOON + 3 * DAY
    log = told(old, outcome(1, revision=1, value=0.0, event_time=late, arrival_time=late))
    table = log.outcomes(
        "delay", start=instant(START), end=instant(late + HOUR), arrived_from=instant(late - HOUR)
    )
    assert table.column("revision").to_pylist() == [1]
    assert [micros(at) for at in table.column("event_time").to_pylist()] == [NOON + HOUR]
