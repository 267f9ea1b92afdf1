"""Tasks that repeat and say each trouble once."""

from __future__ import annotations

import logging
import threading

import pytest

from roadworthy.errors import NotReady
from roadworthy.supervisor.repeating import Repeating, Troubles


def test_a_trouble_is_said_when_it_begins_and_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    """Not with every round, and not by two tasks that have the same."""
    caplog.set_level(logging.INFO)
    away = [True]

    def read() -> None:
        if away[0]:
            raise NotReady("the database is away")

    troubles = Troubles()
    poll, beat = (Repeating(name, read, 0.0, troubles) for name in ("poll", "beat"))
    assert [poll.once(), beat.once(), poll.once()] == [False] * 3
    assert caplog.messages == ["poll: the database is away"]
    away[0] = False
    assert poll.once()
    assert beat.once()
    assert beat.once()
    assert caplog.messages[1:] == ["beat: fine again"]


def test_a_bug_in_a_task_does_not_end_it() -> None:
    """The next round comes, whatever the last one raised."""
    rounds = []
    enough = threading.Event()

    def fail() -> None:
        rounds.append(1)
        if len(rounds) >= 3:
            enough.set()
        raise ZeroDivisionError

    task = Repeating("fails", fail, 0.001, Troubles())
    task.start()
    assert enough.wait(10)
    task.stop(10)
