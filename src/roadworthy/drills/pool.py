"""Processes that drill side by side, and that end when whoever started them is gone.

An executor's processes wait for work for ever when their parent was killed, each with all it has loaded, and so do the
servers that they started. Here each looks every second whether its parent is still there; where it is not, it is
interrupted as by Ctrl-C, so that what it opened is closed.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

#: How often a process looks for its parent, and how long it has to close what it opened.
LOOK_SECONDS, CLOSE_SECONDS = 1.0, 30.0


def pool(processes: int) -> ProcessPoolExecutor:
    """An executor of that many processes; use it as a context manager."""
    return ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_end_with, initargs=(os.getpid(),)
    )


def _end_with(parent: int) -> None:
    threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    ends = time.monotonic() + CLOSE_SECONDS
    # An executor's process takes the next cell when one was interrupted, so once is not enough.
    while time.monotonic() < ends:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(CLOSE_SECONDS / 6)
    os._exit(1)
