"""A worker whose disk is full: it does what it was told, says so, and goes on when there is room."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from processes import Server, Starter, Version, plan_of, wait_until
from roadworthy.node import NodeDirectory
from roadworthy.traffic import Route


@contextmanager
def small_disk(at: Path) -> Iterator[None]:
    """A disk of 64 KiB, mounted there."""
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(at)], check=False, capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("a small file system can only be mounted by root, where the machine allows it")
    yield
    subprocess.run(["umount", "-l", str(at)], check=True)


@pytest.fixture
def node(tmp_path: Path, versions: list[Version]) -> Iterator[NodeDirectory]:
    """A node whose journals lie on a small disk."""
    made = NodeDirectory(tmp_path / "n")
    made.create()
    made.write_plan(plan_of(1, Route(champion=1), versions[0]))
    with small_disk(made.journals):
        yield made


@pytest.fixture
def full_node(tmp_path: Path, versions: list[Version]) -> Iterator[NodeDirectory]:
    """A node of which everything lies on one disk, which is full."""
    made = NodeDirectory(tmp_path / "n")
    made.root.mkdir()
    with small_disk(made.root):
        made.create()
        made.write_plan(plan_of(1, Route(champion=1), versions[0]))
        with suppress(OSError), (made.root / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(512))
        yield made


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


def test_a_worker_that_begins_on_a_full_disk_answers_all_the_same(
    full_node: NodeDirectory, tmp_path: Path
) -> None:
    """One that replaces another must not end because it cannot say that it is there; it ends in peace, too."""
    with socket.create_server(("127.0.0.1", 0)) as listening, (tmp_path / "log").open("wb") as log:
        command = ["-m", "roadworthy.serving", "--node-dir", str(full_node.root), "--on-full-log", "continue"]
        process = subprocess.Popen(
            [sys.executable, *command, "--fd", str(listening.fileno())],
            pass_fds=[listening.fileno()],
            stderr=log,
        )
        server = Server(process, full_node, tmp_path / "log", listening.getsockname()[1])
        try:
            wait_until(server.ready, "readiness")
            answered = server.predict()
        finally:
            process.send_signal(signal.SIGTERM)
            ended = process.wait(40)
    said = (tmp_path / "log").read_text()
    assert (answered.status, ended) == (200, 0), f"{answered.content}\n{said}"
