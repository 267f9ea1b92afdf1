"""Whoever drills may be killed, and nothing of it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from roadworthy.drills.pool import CLOSE_SECONDS, LOOK_SECONDS

#: What stands in for drills: three that take a minute each, on two processes, and close what they opened.
SCRIPT = """
import os, sys, time
from pathlib import Path
from roadworthy.drills.pool import pool

def drill(room, number):
    (Path(room) / f"opened-{number}").write_text(str(os.getpid()))
    try:
        time.sleep(60)
    finally:
        (Path(room) / f"closed-{number}").touch()

if __name__ == "__main__":
    with pool(2) as workers:
        for done in [workers.submit(drill, sys.argv[1], number) for number in range(3)]:
            done.result()
"""


def test_processes_close_what_they_opened_and_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    """Killed with -9, so that it can tell nobody."""
    script = tmp_path / "drilling.py"
    script.write_text(SCRIPT)
    with subprocess.Popen([sys.executable, str(script), str(tmp_path)]) as drilling:
        opened = [tmp_path / f"opened-{number}" for number in range(2)]
        _until(lambda: all(path.exists() and path.read_text() for path in opened))
        workers = [int(path.read_text()) for path in opened]
        drilling.send_signal(signal.SIGKILL)
    _until(lambda: not any(_lives(worker) for worker in workers), LOOK_SECONDS + 2 * CLOSE_SECONDS)
    assert (tmp_path / "closed-0").exists()
    assert (tmp_path / "closed-1").exists()


def _until(found: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"
