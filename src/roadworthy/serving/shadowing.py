"""Shadows, asked when there is time: after the answers, and not at all where answers already come late.

Not here: what a shadow is asked (predicting).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from roadworthy.serving.telemetry import Telemetry

#: Rows whose answers took longer than this are not shown to the shadow: the time belongs to the next answers.
PATIENCE_SECONDS = 0.05
#: Rows that may wait for the shadow.
MAX_ROWS = 20_000


class Shadows:
    """The rows that the shadows of one worker are still to be asked.

    at_once   a replay leaves nothing for later, so that two runs log the same
    """

    def __init__(self, telemetry: Telemetry, at_once: bool) -> None:
        self._telemetry, self._at_once = telemetry, at_once
        self._queue: deque[tuple[Callable[[], None], int]] = deque()
        self._rows = 0

    def add(self, ask: Callable[[], None], rows: int, asked_ns: int) -> None:
        """Ask later, unless the answer to these rows, asked at `asked_ns`, was late or too many wait already."""
        if self._at_once:
            ask()
            return
        late = time.perf_counter_ns() - asked_ns > PATIENCE_SECONDS * 1e9
        if late or self._rows + rows > MAX_ROWS:
            self._telemetry.shadow_shed(rows)
            return
        self._queue.append((ask, rows))
        self._rows += rows
        asyncio.get_running_loop().call_soon(self.work_off)

    def work_off(self) -> None:
        """Ask once; the rest follows in the next turns of the loop."""
        if self._queue:
            ask, rows = self._queue.popleft()
            self._rows -= rows
            ask()

    def finish(self) -> None:
        """Ask everything that waits."""
        while self._queue:
            self.work_off()
