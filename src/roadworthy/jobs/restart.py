"""Asks the supervisor of a node on this machine to replace its workers, and waits until it has.

Not here: replacing them (supervisor). The two meet in the node's directory alone, so that no signal can reach a process
that only has the number of one that is gone.
"""

from __future__ import annotations

import secrets
import time

import msgspec

from roadworthy.durable import write_whole
from roadworthy.errors import NotReady, UnknownName
from roadworthy.node import NodeDirectory, Restarted
from roadworthy.settings import Settings

#: A supervisor looks ten times a second.
TAKEN_SECONDS = 5.0
POLL_SECONDS = 0.1


def restart_workers(settings: Settings, node: str, seconds: float) -> float:
    """Have every worker of a node replaced, one at a time, and return how many seconds it took.

    seconds   how long to wait for the end
    raises    UnknownName when there is no such node here; NotReady when nobody supervises it, when a new worker could
              not serve (the others go on then), or when it takes longer
    """
    directory = NodeDirectory(settings.nodes / node)
    if not directory.lock.exists():
        known = sorted(path.name for path in settings.nodes.glob("*") if path.is_dir())
        raise UnknownName(
            f"there is no node {node!r} in {settings.nodes}; there is: {', '.join(known) or 'none'}"
        )
    request, began = secrets.token_hex(8), time.monotonic()
    write_whole(directory.restart, request.encode())
    while directory.restart.exists():
        if time.monotonic() - began > TAKEN_SECONDS:
            directory.restart.unlink(missing_ok=True)
            raise NotReady(
                f"no supervisor serves from {directory.root}: start the node with roadworthy serve"
            )
        time.sleep(POLL_SECONDS)
    while time.monotonic() - began < seconds:
        ended = _ended(directory)
        if ended is not None and ended.request == request:
            if ended.error:
                raise NotReady(
                    f"the workers of {node} are not all replaced, those before go on: {ended.error}"
                )
            return time.monotonic() - began
        time.sleep(POLL_SECONDS)
    raise NotReady(
        f"the workers of {node} are not all replaced after {seconds:g} s; the supervisor goes on with it"
    )


def _ended(directory: NodeDirectory) -> Restarted | None:
    try:
        return msgspec.json.decode(directory.restarted.read_bytes(), type=Restarted)
    except (OSError, msgspec.DecodeError):
        return None
