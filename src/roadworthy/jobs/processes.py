"""Starts the long-running processes of Roadworthy, which no other process may import."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from roadworthy.errors import NotReady, RoadworthyError
from roadworthy.jobs.sender import Sender
from roadworthy.node import NodeDirectory
from roadworthy.settings import Settings

#: A node that does not answer after this long will not.
PATIENCE_SECONDS = 90.0


def supervisor_command(
    settings: Settings,
    *,
    host: str,
    port: int,
    workers: int,
    replay_clock: bool,
    durability: str,
    node: str,
    seed: str = "",
    more: Sequence[str] = (),
) -> list[str]:
    """The command line of a node's supervisor; `more` are options that stand on it as they are."""
    command = [
        sys.executable,
        "-m",
        "roadworthy.supervisor",
        *_where(settings),
        "--host",
        host,
        "--port",
        str(port),
    ]
    command += ["--workers", str(workers), "--durability", durability, "--node", node]
    return [*command, *["--replay-clock"] * replay_clock, *(["--seed", seed] if seed else []), *more]


def controller_command(settings: Settings, *, replay: bool) -> list[str]:
    """The command line of the controller."""
    return [sys.executable, "-m", "roadworthy.controller", *_where(settings), *["--replay"] * replay]


def become(command: Sequence[str]) -> NoReturn:
    """Replace this process by the command: signals and exit status are then its own."""
    os.execv(command[0], list(command))  # noqa: S606  # our own interpreter and module, no shell


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


def _where(settings: Settings) -> list[str]:
    return ["--workspace", str(settings.root), "--namespace", settings.namespace]
