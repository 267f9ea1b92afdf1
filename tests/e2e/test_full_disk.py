"""A worker whose disk is full: it does what it was told, says so, and goes on when there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from processes import Server, Starter, Version, plan_of, wait_until
from roadworthy.node import NodeDirectory
from roadworthy.traffic import Route


@pytest.fixture
def node(tmp_path: Path, versions: list[Version]) -> Iterator[NodeDirectory]:
    """A node whose journals lie on a disk of 64 KiB."""
    made = NodeDirectory(tmp_path / "n")
    made.create()
    made.write_plan(plan_of(1, Route(champion=1), versions[0]))
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(made.journals)],
        check=False,
        capture_output=True,
    )
    if not mounted or mounted.returncode:
        pytest.skip("a small file system can only be mounted by root, where the machine allows it")
    yield made
    subprocess.run(["umount", "-l", str(made.journals)], check=True)


def filled(server: Server) -> list[int]:
    """Statuses of requests until the disk has certainly been full for a while."""
    return [server.predict().status for _ in range(400)]


def unlogged(server: Server) -> tuple[float, float]:
    """Predictions answered without a record, and whether the log cannot be written now."""
    lines = server.ask("GET", "/metrics").content.splitlines()
    values = {line.split()[0].partition("{")[0]: float(line.split()[1]) for line in lines if line[:1] != "#"}
    return values.get("roadworthy_unlogged_rows_total", 0.0), values["roadworthy_log_unwritable"]


def test_by_default_nothing_is_answered_without_a_record(node: NodeDirectory, start: Starter) -> None:
    """503 with Retry-After and a reason; with room again, answers again, and the log has what was answered."""
    server = start.worker(node)
    wait_until(server.ready, "readiness")
    statuses = filled(server)
    assert set(statuses) == {200, 503}
    refused = server.predict()
    assert (refused.status, refused.kind) == (503, "log_unavailable")
    assert unlogged(server) == (0.0, 1.0)
    state = wait_until(
        lambda: (found := node.read_state(0)) and found.errors and found, "a state that says so"
    )
    assert "the prediction log cannot be written since" in state.errors["log"]
    for path in node.journals.glob("*.sealed"):
        path.unlink()
    wait_until(lambda: server.predict().status == 200, "an answer")
    assert unlogged(server)[1] == 0.0


def test_answers_go_on_where_that_is_the_policy(node: NodeDirectory, start: Starter) -> None:
    """Every prediction without a record is counted."""
    server = start.worker(node, "--on-full-log", "continue")
    wait_until(server.ready, "readiness")
    assert set(filled(server)) == {200}
    count, unwritable = unlogged(server)
    assert unwritable == 1.0
    assert count > 0
    assert server.predict().status == 200
    assert unlogged(server)[0] == count + 1
