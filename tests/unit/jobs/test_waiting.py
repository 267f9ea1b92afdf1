"""A node that was started is waited for, and not for ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from roadworthy.errors import NotReady, RoadworthyError
from roadworthy.jobs import waiting
from roadworthy.jobs.waiting import until_live
from roadworthy.node import NodeDirectory


def test_a_server_that_ended_is_not_waited_for(tmp_path: Path) -> None:
    """Its status is said, and where to read why."""
    ended = subprocess.Popen([sys.executable, "-c", "raise SystemExit(4)"])
    ended.wait()
    with pytest.raises(RoadworthyError, match=r"ended at once with status 4; its log: .*serve\.log"):
        until_live(ended, NodeDirectory(tmp_path), tmp_path / "serve.log")


def test_a_server_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address alone is no answer: nobody listens there."""
    monkeypatch.setattr(waiting, "PATIENCE_SECONDS", 0.3)
    node = NodeDirectory(tmp_path)
    node.address.write_text("http://127.0.0.1:9")
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as sleeping:
        try:
            with pytest.raises(NotReady, match=r"did not answer within 0\.3 s; its log: .*serve\.log"):
                until_live(sleeping, node, tmp_path / "serve.log")
        finally:
            sleeping.kill()
