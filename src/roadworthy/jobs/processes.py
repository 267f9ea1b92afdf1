"""Starts the long-running processes of Roadworthy, which no other process may import."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from roadworthy.settings import Settings


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


def _where(settings: Settings) -> list[str]:
    return ["--workspace", str(settings.root), "--namespace", settings.namespace]
