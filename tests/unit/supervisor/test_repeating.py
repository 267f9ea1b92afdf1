"""Tasks that repeat and say each trouble once."""

from __future__ import annotations

import errno
import logging
import os
import sys
import threading

import pytest

from roadworthy.errors import NotReady
from roadworthy.supervisor.repeating import NICE, Repeating, Troubles


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


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
def test_work_that_nobody_waits_for_gives_way() -> None:
    """Writing Parquet competes with the workers for the cores; the heartbeat beside it stays as quick as ever."""
    found: dict[str, int] = {}

    def run(name: str, *, yielding: bool) -> None:
        done = threading.Event()

        def look() -> None:
            found[name] = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
            done.set()

        task = Repeating(name, look, 60.0, Troubles(), yielding=yielding)
        task.start()
        assert done.wait(10)
        task.stop(10)

    run("prediction log", yielding=True)
    run("heartbeat", yielding=False)
    assert found == {"prediction log": NICE, "heartbeat": os.getpriority(os.PRIO_PROCESS, 0)}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
def test_where_priorities_may_not_be_changed_the_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some containers forbid the call; the log is rolled there all the same."""

    def forbidden(*_: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "setpriority", forbidden)
    done = threading.Event()
    task = Repeating("prediction log", done.set, 60.0, Troubles(), yielding=True)
    task.start()
    assert done.wait(10)
    task.stop(10)
