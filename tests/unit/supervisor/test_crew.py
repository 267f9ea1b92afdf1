"""The workers' life, without workers."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roadworthy.node import NodeDirectory
from roadworthy.supervisor.crew import Crew, _keep_counters


def test_a_machine_without_room_for_another_process_keeps_its_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The supervisor says so and goes on: with it, the workers that run would end."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    crew = Crew(NodeDirectory(tmp_path), 2, [], [])
    crew.tend()
    crew.tend()
    assert crew.processes == {0: None, 1: None}
    assert [record.message.split(" (")[0] for record in caplog.records] == [
        "worker 0 cannot be started",
        "worker 1 cannot be started",
    ]


def test_what_a_worker_that_is_gone_said_of_itself_is_not_exported_any_more(tmp_path: Path) -> None:
    """Its plan number would look like a worker that does not follow; what it counted stays counted."""
    path = tmp_path / "1.json"
    said = {"plan": {'worker="1"': 4, 'worker="11"': 5}, "total": {'model="delay",code="200"': 7}}
    path.write_bytes(msgspec.json.encode(said))
    _keep_counters(path, 1)
    assert msgspec.json.decode(path.read_bytes()) == {
        "plan": {'worker="11"': 5},
        "total": {'model="delay",code="200"': 7},
    }
    path.write_text("{")
    _keep_counters(path, 1)
    _keep_counters(tmp_path / "none.json", 1)
