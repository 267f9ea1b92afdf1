"""A node as processes: a supervisor with two workers, under the accidents of production."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import time
from collections import Counter

import pytest

from processes import Server, Starter, Version, Workspace, wait_until
from roadworthy.traffic import Route
from streaming import stream

FLIPS = 100 if "ROADWORTHY_PROOF" in os.environ else 10


def pids(server: Server) -> dict[int, int]:
    """Worker number → process id of those that serve."""
    states = (server.node.read_state(number) for number in (0, 1))
    return {
        state.worker: state.pid for state in states if state is not None and state.plan_number is not None
    }


def both(server: Server) -> dict[int, int]:
    """Wait until both workers serve."""
    return dict(wait_until(lambda: len(found := pids(server)) == 2 and found, "two serving workers"))


def test_a_node_serves_reports_itself_and_drains(start: Starter, workspace: Workspace) -> None:
    """From registered version to rolled log: nothing is left in journals, the node leaves, status 0."""
    server = start.supervisor(workspace)
    both(server)
    found = wait_until(lambda: workspace.nodes.all(), "a heartbeat")
    wait_until(
        lambda: workspace.nodes.all()[0].prepared == {("delay", 1)}, "a heartbeat with what is prepared"
    )
    assert [node.node for node in found] == ["n"]
    identifiers = [server.predict().content["ids"][0] for _ in range(20)]
    assert server.ready() is not None
    text = server.ask("GET", "/metrics").content
    assert 'roadworthy_plan_number{worker="0"} 1' in text
    assert 'roadworthy_plan_number{worker="1"} 1' in text
    assert server.stop() == 0
    assert os.listdir(server.node.journals) == []
    assert sorted(row["id"] for row in workspace.logged()) == sorted(identifiers)
    assert workspace.nodes.all() == ()


def test_a_killed_worker_costs_only_what_was_in_flight_and_loses_no_answer(
    start: Starter, workspace: Workspace
) -> None:
    """kill -9 of one of two workers under requests: it comes back, and the log has every answer exactly once."""
    server = start.supervisor(workspace)
    before = both(server)
    with stream(server, 4) as client:
        client.answered(100)
        os.kill(before[0], signal.SIGKILL)
        wait_until(
            lambda: pids(server).get(0, before[0]) != before[0], "another process in the place of worker 0"
        )
        client.answered(100)
    assert client.failures == []
    assert len(client.broken) <= 4
    assert server.stop() == 0
    rows = workspace.logged()
    times = Counter(row["id"] for row in rows)
    assert {answer["ids"][0] for answer in client.answers} <= set(times)
    assert set(times.values()) == {1}
    outputs = {row["id"]: row["output"] for row in rows}
    assert all(outputs[answer["ids"][0]] == answer["predictions"][0] for answer in client.answers)


def test_versions_flip_under_requests_without_a_failure(start: Starter, workspace: Workspace) -> None:
    """Flips between two prepared versions: every request is answered, by the old or by the new one."""
    server = start.supervisor(workspace)
    both(server)
    workspace.plans.prepare("delay", 2)
    with stream(server, 4) as client:
        for turn in range(FLIPS):
            champion = 2 - turn % 2
            number = workspace.flip(Route(champion=champion, standby=3 - champion))
            wait_until(lambda number=number: server.serves(number), f"plan {number} in both workers")
            client.answered(10)
    assert client.failures == []
    assert client.broken == []
    ready = server.ready()
    assert ready is not None
    assert ready["plan"] == FLIPS + 1
    assert {answer["versions"][0] for answer in client.answers} == {1, 2}
    assert server.stop() == 0
    rows = {row["id"]: row for row in workspace.logged()}
    assert all(rows[answer["ids"][0]]["version"] == answer["versions"][0] for answer in client.answers)
    assert len(rows) == len(client.answers)


def test_a_locked_database_stops_no_prediction(start: Starter, workspace: Workspace) -> None:
    """While another process holds the database, requests are served; afterwards the node follows again."""
    server = start.supervisor(workspace)
    both(server)
    other = sqlite3.connect(workspace.settings.root / "control.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with stream(server) as client:
            wait_until(lambda: "is locked" in server.log.read_text(), "a word about the lock")
            client.answered(50)
        assert client.failures == client.broken == []
    finally:
        other.execute("COMMIT")
        other.close()
    number = workspace.flip(Route(champion=1, standby=1))
    wait_until(lambda: server.serves(number), "the plan after the lock")


def test_a_node_without_its_database_starts_with_the_last_local_plan(
    start: Starter, workspace: Workspace
) -> None:
    """It serves, says how old its plan is, does not put an empty database in the place, and follows once it is back."""
    first = start.supervisor(workspace)
    both(first)
    assert first.stop() == 0
    workspace.engine.dispose()
    file = workspace.settings.root / "control.db"
    away = file.with_name("away")
    for suffix in ("", "-wal", "-shm"):
        if file.with_name(f"control.db{suffix}").exists():
            file.with_name(f"control.db{suffix}").rename(f"{away}{suffix}")
    server = start.supervisor(workspace)
    both(server)
    assert server.predict().content["versions"] == [1]
    old = wait_until(
        lambda: (ready := server.ready()) and ready["plan_age_seconds"] > 1 and ready, "an ageing plan"
    )
    assert "roadworthy_plan_age_seconds" in server.ask("GET", "/metrics").content
    assert old["plan"] == 1
    assert server.log.read_text().count("is missing") == 1
    assert not file.exists()
    for suffix in ("", "-wal", "-shm"):
        if file.with_name(f"away{suffix}").exists():
            file.with_name(f"away{suffix}").rename(f"{file}{suffix}")
    number = workspace.flip(Route(champion=1, standby=1))
    wait_until(lambda: server.serves(number), "the plan after the return")
    ready = server.ready()
    assert ready is not None
    assert ready["plan_age_seconds"] < 5


def test_a_corrupt_artifact_is_refused_and_the_old_version_goes_on(
    start: Starter, workspace: Workspace, versions: list[Version]
) -> None:
    """A changed byte in the store: it is named, never prepared, no flip can reach it, and version 1 answers."""
    damaged = workspace.settings.artifacts / versions[1].digest / "features.json"
    damaged.write_bytes(damaged.read_bytes().replace(b"UA", b"AU"))
    server = start.supervisor(workspace)
    both(server)
    workspace.plans.prepare("delay", 2)
    wait_until(lambda: "features.json" in server.log.read_text(), "the damaged file being named")
    time.sleep(0.5)
    state = server.node.read_state(0)
    assert state is not None
    assert [one.version for one in state.prepared] == [1]
    assert ("delay", 2) not in workspace.nodes.all()[0].prepared
    assert server.predict().content["versions"] == [1]
    shutil.copyfile(versions[1].directory / "features.json", damaged)
    workspace.flip(
        Route(champion=2, standby=1)
    )  # restored from a copy, it is staged, loaded and can be flipped to


def test_a_staged_copy_that_rots_is_not_loaded_and_the_plan_keeps_serving(
    start: Starter, workspace: Workspace, versions: list[Version]
) -> None:
    """The worker checks what it loads itself: a respawned one says why it cannot, the others go on."""
    server = start.supervisor(workspace)
    before = both(server)
    copy = server.node.staged / versions[0].digest / "estimator"
    broken = next(path for path in copy.iterdir())
    broken.write_bytes(broken.read_bytes()[:-2])
    os.kill(before[0], signal.SIGKILL)

    def complaint() -> str | None:
        state = server.node.read_state(0)
        return state.errors.get("delay@1") if state is not None else None

    assert broken.name in wait_until(complaint, "a word about the damaged copy")
    with stream(server) as client:
        client.answered(40)
    assert client.failures == client.broken == []


def test_workers_end_when_their_supervisor_is_killed(start: Starter, workspace: Workspace) -> None:
    """They drain: journals are sealed, and a new supervisor of the node rolls them; nothing is lost."""
    server = start.supervisor(workspace)
    running = both(server)
    identifier = server.predict().content["ids"][0]
    server.process.kill()
    server.process.wait()

    def gone() -> bool:
        return not any(os.path.exists(f"/proc/{pid}") for pid in running.values())

    wait_until(gone, "the end of the workers")
    again = start.supervisor(workspace)
    both(again)
    assert again.predict().status == 200
    assert again.stop() == 0
    assert identifier in {row["id"] for row in workspace.logged()}
    assert os.listdir(server.node.journals) == []


def test_an_address_that_others_reach_wants_tokens(start: Starter, workspace: Workspace) -> None:
    """It does not open without a file of tokens."""
    with pytest.raises(AssertionError, match="ROADWORTHY_TOKENS_FILE"):
        start.supervisor(workspace, "--host", "0.0.0.0")


def test_requests_in_flight_are_answered_while_the_node_drains(start: Starter, workspace: Workspace) -> None:
    """SIGTERM in a stream: whatever was accepted is answered or refused by the closed socket, never cut in the log."""
    server = start.supervisor(workspace)
    both(server)
    with stream(server, 4) as client:
        client.answered(50)
        assert server.stop() == 0
    assert client.failures == []
    rows = Counter(row["id"] for row in workspace.logged())
    assert {answer["ids"][0] for answer in client.answers} <= set(rows)
    assert set(rows.values()) == {1}
