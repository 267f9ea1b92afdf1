"""One supervisor a node."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from roadworthy.errors import Conflict
from roadworthy.supervisor.lock import acquire


def test_a_node_has_one_supervisor(tmp_path: Path) -> None:
    """The second one is told, and may follow when the first has gone."""
    first = acquire(tmp_path / "lock", 0)
    with pytest.raises(Conflict, match="another supervisor"):
        acquire(tmp_path / "lock", 0.2)
    os.close(first)
    os.close(acquire(tmp_path / "lock", 0))


def test_the_lock_is_held_until_the_last_worker_has_ended(tmp_path: Path) -> None:
    """A worker that still drains keeps its journal from being taken for an orphan's."""
    held = acquire(tmp_path / "lock", 0)
    worker = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[held])
    os.close(held)
    with pytest.raises(Conflict):
        acquire(tmp_path / "lock", 0)
    worker.communicate(b"\n")
    os.close(acquire(tmp_path / "lock", 0))
