"""The workers' life, without workers."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path
from typing import Any

import pytest

from roadworthy.node import NodeDirectory
from roadworthy.supervisor.crew import Crew


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
