"""Waits until a node that was started answers. Not here: starting it, which must not cost what asking does."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from roadworthy.errors import NotReady, RoadworthyError
from roadworthy.jobs.sender import Sender
from roadworthy.node import NodeDirectory

#: A node that does not answer after this long will not.
PATIENCE_SECONDS = 90.0


def until_live(supervisor: subprocess.Popen[bytes], node: NodeDirectory, log: Path) -> str:
    """Wait until a node answers, and return its address.

    log      where its processes write, to be named where it does not
    raises   RoadworthyError where the supervisor ended, NotReady where nobody answered within 90 seconds
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if supervisor.poll() is not None:
            raise RoadworthyError(
                f"the server ended at once with status {supervisor.returncode}; its log: {log}"
            )
        if node.address.exists():
            url = node.address.read_text().strip()
            try:
                with Sender(url, connections=1) as sender:
                    if sender.get("/v2/health/live")[0] == 200:
                        return url
            except NotReady:  # it does not listen yet
                pass
        time.sleep(0.05)
    raise NotReady(f"the server did not answer within {PATIENCE_SECONDS:g} s; its log: {log}")
