"""The newest predictions as they were logged."""

from __future__ import annotations

from datetime import timedelta

import pytest

from roadworthy.errors import DefinitionError, UnknownName
from roadworthy.jobs.log import newest
from roadworthy.jobs.stores import Stores
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
