"""The plan file follows the control database, here one that the test plays."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest

from roadworthy.clock import SystemClock
from roadworthy.errors import Conflict, NotReady
from roadworthy.node import NodeDirectory, Prepared, WorkerState
from roadworthy.supervisor.following import Follower, Reporter
from roadworthy.supervisor.planning import Registered, Said, Wanted
from roadworthy.supervisor.staging import Stager
from roadworthy.traffic import Route


class Database:
    """Says what the test wants, and keeps what it is told."""

    def __init__(self) -> None:
        self.wanted: Wanted | None = Wanted({}, ())
        self.told: list[Said] = []

    def read(self) -> Wanted:
        """What is wanted, unless the database is away."""
        if self.wanted is None:
            raise NotReady("away")
        return self.wanted

    def heartbeat(self, said: Said) -> None:
        """Keep it."""
        self.told.append(said)


def follower(database: Database, node: NodeDirectory) -> Follower:
    """A follower as a fresh supervisor has it."""
    node.create()
    return Follower(database, Stager(node.staged), node, "default", SystemClock())


def test_a_plan_is_written_once_and_confirmed_with_every_look(tmp_path: Path) -> None:
    """An unchanged plan is not written again, and grows no older."""
    node, database = NodeDirectory(tmp_path), Database()
    one = follower(database, node)
    one.poll()
    written, confirmed = node.plan.stat().st_mtime_ns, node.confirmed.stat().st_mtime_ns
    time.sleep(0.02)
    one.poll()
    assert node.plan.stat().st_mtime_ns == written
    assert node.confirmed.stat().st_mtime_ns > confirmed


def test_a_node_that_starts_without_a_release_says_what_is_missing_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It looks healthy and answers nothing; also when the plan on disk is as empty as before."""
    caplog.set_level(logging.INFO)
    node, database = NodeDirectory(tmp_path), Database()
    for _ in range(2):
        one = follower(database, node)
        one.poll()
        one.poll()
    hint = "nothing is released yet: roadworthy release NAME@N --promote"
    assert caplog.messages.count(hint) == 2


def test_an_artifact_that_is_missing_holds_back_the_plan_and_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The plan on disk stays one that can be served."""
    caplog.set_level(logging.INFO)
    node, database = NodeDirectory(tmp_path), Database()
    one = follower(database, node)
    lost = Registered(Prepared("delay", 1, "ab" * 32), str(tmp_path / "nowhere"))
    database.wanted = Wanted({"delay": (1, Route(champion=1))}, (lost,))
    deadline = time.monotonic() + 10
    while not caplog.messages and time.monotonic() < deadline:
        one.poll()
    for _ in range(3):
        one.poll()
    assert len(caplog.messages) == 1
    assert "cannot stage delay@1" in caplog.messages[0]
    assert node.read_plan() is None


def test_a_database_that_is_away_leaves_the_plan_as_it_is(tmp_path: Path) -> None:
    """And it is not confirmed."""
    node, database = NodeDirectory(tmp_path), Database()
    follower(database, node).poll()
    node.confirmed.unlink()
    database.wanted = None
    with pytest.raises(NotReady):
        follower(database, node).poll()
    assert node.read_plan() is not None
    assert not node.confirmed.exists()


def test_an_older_database_is_refused_also_after_a_restart(tmp_path: Path) -> None:
    """The number on disk counts, not what a process remembers."""
    node, database = NodeDirectory(tmp_path), Database()
    database.wanted = Wanted({"delay": (4, Route())}, ())
    follower(database, node).poll()
    database.wanted = Wanted({}, ())
    with pytest.raises(Conflict):
        follower(database, node).poll()


def test_a_damaged_local_plan_is_replaced_by_that_of_the_database(tmp_path: Path) -> None:
    """It must not keep the node from starting."""
    node, database = NodeDirectory(tmp_path), Database()
    node.create()
    node.plan.write_text("{")
    follower(database, node).poll()
    assert node.read_plan() is not None


def test_a_node_reports_changes_at_once_and_else_once_a_second() -> None:
    """A flip waits for the first, liveness for the second."""
    database = Database()
    state = WorkerState(worker=0, pid=1, plan_number=3, prepared=(Prepared("delay", 1, "ab"),))
    said: list[WorkerState | None] = [state]
    reporter = Reporter(database, lambda: said, lambda: troubles)
    troubles: dict[str, str] = {}
    reporter.report()
    reporter.report()
    assert database.told == [Said(3, (("delay", 1),))]
    troubles["delay@2"] = "cannot be staged"
    reporter.report()
    assert database.told[1:] == [Said(3, (("delay", 1),), {"delay@2": "cannot be staged"})]
    said[0] = None
    reporter.report()
    assert database.told[2:] == [Said(errors={"delay@2": "cannot be staged"})]
