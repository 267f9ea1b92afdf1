"""The newest predictions as they were logged."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from roadworthy.clock import micros, uuid7
from roadworthy.errors import DefinitionError, UnknownName
from roadworthy.jobs.log import newest
from roadworthy.jobs.stores import Stores
from roadworthy.predictionlog.cases import Answered, Case
from roadworthy.predictionlog.journal import Journal
from roadworthy.predictionlog.record import Number, Outcome, Prediction
from small_workspace import MODEL, PROMOTED, TRAFFIC, TRAFFIC_END


def test_the_newest_predictions_come_last_whether_they_are_rolled_or_not(small_stores: Stores) -> None:
    """April is in a journal, March in Parquet; both are one log."""
    tail = newest(small_stores, MODEL, limit=5)
    assert [row["version"] for row in tail] == [2] * 5
    assert tail == sorted(tail, key=lambda row: row["event_time"])
    across = newest(small_stores, MODEL, limit=600)
    assert [row["version"] for row in across].count(1) == 30
    assert across[-5:] == tail


def test_looking_back_finds_as_many_rows_as_are_asked_for_or_all(small_stores: Stores) -> None:
    """The look-back grows by days until there are enough."""
    everything = small_stores.log().predictions(MODEL, columns=["id"]).column("id").to_pylist()
    for limit in (1, 31, 200, 900, 1_499, 5_000):
        assert [row["id"] for row in newest(small_stores, MODEL, limit=limit)] == everything[-limit:]
    march = newest(small_stores, MODEL, end=PROMOTED, limit=40)
    assert [row["id"] for row in march] == everything[890:930]


def test_only_a_few_days_are_read_for_a_few_rows(
    small_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log of years answers as quickly as one of days."""
    asked = []
    log = type(small_stores.log())
    read = log.predictions
    monkeypatch.setattr(
        log,
        "predictions",
        lambda self, *a, **more: (asked.append(more.get("start")), read(self, *a, **more))[1],
    )
    newest(small_stores, MODEL, end=PROMOTED, limit=10)
    assert min(asked) == PROMOTED - timedelta(days=1)


def test_a_label_is_shown_as_soon_as_it_is_known_and_not_before(small_stores: Stores) -> None:
    """Outcomes arrive three hours after the question; what never landed stays unknown."""
    last = newest(small_stores, MODEL, limit=300)
    labels = [row["label"] for row in last]
    assert set(labels) == {0.0, 1.0, None}
    early = newest(small_stores, MODEL, limit=300, as_of=last[0]["event_time"] + timedelta(hours=3))
    known = [row for row in early if row["label"] is not None]
    assert known
    assert all(row["event_time"] <= last[0]["event_time"] for row in known)


def test_what_turned_out_is_shown_beside_what_a_person_said(own_stores: Stores) -> None:
    """An outcome that names the prediction is one of the person's answer too, whatever the request was called."""
    scorer = own_stores.scorer(own_stores.versions.get(MODEL, 2))
    journal = Journal(own_stores.journals()[0], 7)
    schema = journal.declare(scorer.log_schema)
    for number, request_id in enumerate(("", "mine")):
        asked = micros(TRAFFIC_END) + number
        said = Prediction(
            id=uuid7(asked, random.Random(number)), request_id=request_id, row=3, model=MODEL, version=2,
            schema=schema, unit="T9", event_time=asked, logged_at=asked, inputs=(), output=Number(0.5),
        )  # fmt: skip
        case = Case(
            id=said.id, request_id=request_id, row=3, namespace=said.namespace, model=MODEL, version=2,
            schema=scorer.log_schema, unit="T9", event_time=asked, inputs=(), output=0.5, outputs=(0.0, 1.0),
            opened_at=asked,
        )  # fmt: skip
        answer = Answered(
            case=case,
            id=f"p{number}",
            output=1.0,
            by="ann",
            note="",
            event_time=asked + 9,
            answered_at=asked + 9,
        )
        journal.append([said, answer.record("0")])
        fact = Outcome(
            id=f"o{number}", model=MODEL, name="late", value=1.0, prediction_id=said.id, event_time=asked + 99,
            arrival_time=asked + 99, logged_at=asked + 99,
        )  # fmt: skip
        journal.append_outcomes([fact])
    found = newest(own_stores, MODEL, start=TRAFFIC_END)
    assert [(row["role"], row["label"]) for row in found] == [("champion", 1.0)] * 2 + [("person", 1.0)] * 2


def test_a_period_may_hold_nothing(small_stores: Stores) -> None:
    """No rows is an answer, not an error."""
    assert newest(small_stores, MODEL, start=TRAFFIC_END, limit=5) == []
    assert newest(small_stores, MODEL, end=TRAFFIC, limit=5) == []
    within = newest(small_stores, MODEL, start=TRAFFIC, end=TRAFFIC + timedelta(days=1), limit=100)
    assert len(within) == 30


def test_what_cannot_be_shown_is_refused_with_a_sentence(small_stores: Stores) -> None:
    """Unknown models and limits below one."""
    with pytest.raises(UnknownName, match="no model 'trips'"):
        newest(small_stores, "trips")
    with pytest.raises(DefinitionError, match="limit 0"):
        newest(small_stores, MODEL, limit=0)
