"""Tells the supervisor four times a second that the event loop of this worker runs, and whether it takes requests.

Not here: what the supervisor makes of it. A pipe and not a file: a full disk must not look like a hung worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable

PULSE_SECONDS = 0.25

ALIVE, ACCEPTING = b".", b"a"


async def pulse(pipe: int, accepts: Callable[[], bool], is_stuck: Callable[[], bool]) -> None:
    """Until cancelled; silent while the worker is stuck. A supervisor that is stopped or gone does not matter here."""
    os.set_blocking(pipe, False)
    while True:
        if not is_stuck():
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                os.write(pipe, ACCEPTING if accepts() else ALIVE)
        await asyncio.sleep(PULSE_SECONDS)
