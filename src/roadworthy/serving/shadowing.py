"""Shadows, asked when there is time: after the answers, and not at all where answers already come late.

Not here: what a shadow is asked (predicting). Like a version, a quick one is asked on the event loop and a slow one on
a thread.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

from roadworthy.serving.cost import INLINE_SECONDS, Cost, timed
from roadworthy.serving.telemetry import Telemetry

#: Rows whose answers came later than this are not shown to the shadow: the time belongs to the next answers.
PATIENCE_SECONDS = 0.05
#: Rows that may wait for the shadow.
MAX_ROWS = 20_000

#: Asks a shadow, on any thread; what it returns writes down what was said, on the event loop.
Ask = Callable[[], Callable[[], None]]


class Shadows:
    """The rows that the shadow of one model is still to be asked.

    executor   asks a slow one
    at_once    a replay leaves nothing for later, so that two runs log the same
    """

    def __init__(self, telemetry: Telemetry, executor: Executor, at_once: bool) -> None:
        self._telemetry, self._executor, self._at_once = telemetry, executor, at_once
        self._queue: deque[tuple[Ask, int]] = deque()
        self._rows = 0
        self._cost = Cost()
        self._asking = False

    def add(self, ask: Ask, rows: int, asked_ns: int, usual_seconds: float) -> None:
        """Ask later, unless the answer to these rows, asked at `asked_ns`, was late or too many wait already.

        usual_seconds   what such a batch takes; an answer may have waited for one batch before its own
        """
        if self._at_once:
            ask()()
            return
        late = time.perf_counter_ns() - asked_ns > (PATIENCE_SECONDS + 2 * usual_seconds) * 1e9
        if late or self._rows + rows > MAX_ROWS:
            self._telemetry.shadow_shed(rows)
            return
        self._queue.append((ask, rows))
        self._rows += rows
        asyncio.get_running_loop().call_soon(self.work_off)

    def work_off(self) -> None:
        """Ask for what waits now, until something slow is at work; what comes meanwhile has its own turn."""
        for _ in range(len(self._queue)):
            if self._asking:
                return
            ask, rows = self._queue.popleft()
            if self._cost.expected(rows) > INLINE_SECONDS:
                self._ask_elsewhere(ask, rows)
            else:
                self._rows -= rows
                self._cost.here(rows, ask)()

    def _ask_elsewhere(self, ask: Ask, rows: int) -> None:
        self._asking = True
        loop = asyncio.get_running_loop()

        def asked(done: asyncio.Future[tuple[Callable[[], None], float]]) -> None:
            self._asking = False
            self._rows -= rows
            loop.call_soon(self.work_off)
            write, seconds = done.result()
            self._cost.learn(rows, seconds)
            write()

        loop.run_in_executor(self._executor, timed, ask).add_done_callback(asked)

    def finish(self) -> None:
        """Ask everything that waits, but leave out what would take long."""
        while self._queue:
            ask, rows = self._queue.popleft()
            self._rows -= rows
            if self._cost.expected(rows) > INLINE_SECONDS:
                self._telemetry.shadow_shed(rows)
            else:
                ask()()
