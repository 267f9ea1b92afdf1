"""A log that cannot be written stops answers or counts what it misses, as declared, and is never silent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from roadworthy.predictionlog.unlogged import Unlogged

NOW = datetime(2013, 7, 1, tzinfo=UTC)
FULL = "No space left on device"


def test_policy_stop_answers_nothing_and_counts_it() -> None:
    """A record is the condition of an answer."""
    full = Unlogged("stop")
    assert not full.failed(3, FULL, NOW)
    assert (full.refused, full.unlogged) == (3, 0)


def test_policy_continue_answers_and_counts_what_the_log_misses() -> None:
    """Whoever reads the log can be told how much is not in it."""
    full = Unlogged("continue")
    assert full.failed(3, FULL, NOW)
    assert full.failed(2, FULL, NOW + timedelta(seconds=1))
    assert (full.refused, full.unlogged) == (0, 5)


@pytest.mark.parametrize("policy", ["stop", "continue"])
def test_the_alarm_stands_from_the_first_failure_to_the_next_success(policy: str) -> None:
    """It says since when and how many, while it lasts and when it ends; the totals stay."""
    full = Unlogged(policy)  # type: ignore[arg-type]
    assert full.alarm is None
    full.failed(3, FULL, NOW)
    full.failed(4, "Input/output error", NOW + timedelta(seconds=5))
    alarm = full.alarm
    assert alarm is not None
    assert (alarm.since, alarm.unlogged + alarm.refused, alarm.reason) == (NOW, 7, "Input/output error")
    assert "since 2013-07-01T00:00:00Z (Input/output error): 7 predictions were" in alarm.text
    ended = full.written(NOW + timedelta(minutes=1))
    assert ended is not None
    assert "written again at 2013-07-01T00:01:00Z" in ended.text
    assert (full.alarm, full.written(NOW)) == (None, None)
    full.failed(1, FULL, NOW + timedelta(hours=1))
    assert full.alarm is not None
    assert full.alarm.since == NOW + timedelta(hours=1)
    assert full.unlogged + full.refused == 8
