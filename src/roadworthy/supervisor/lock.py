"""The node's lock: one supervisor at a time, and none before the workers of the last one are gone.

Not here: the locks of journals (predictionlog.journal).
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from roadworthy.errors import Conflict


def acquire(path: Path, seconds: float) -> int:
    """A file descriptor that holds the lock. Processes that inherit it hold it too: it is free when all have ended.

    seconds   how long to wait for the workers of a supervisor that died to drain
    raises    Conflict when it does not get free
    """
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(handle)
                raise Conflict(
                    f"another supervisor serves from {path.parent}: stop it, or give this one another node name"
                ) from None
            time.sleep(0.1)
        else:
            return handle
