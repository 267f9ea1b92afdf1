"""What asking costs, and so who does it: the event loop what is quick, a thread what is slow.

Not here: what is asked (predicting) and what waits for it (batching, shadowing).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

#: What is expected to take longer is done on a thread; up to then a thread costs more than it gives.
INLINE_SECONDS = 0.004
#: What is quick is timed once in so many times.
_LOOK_EVERY = 32
#: Nobody waits so long for a processor or the interpreter alone.
_WAITED_SECONDS = 0.03

Said = TypeVar("Said")


class Cost:
    """What a batch costs, by the power of two of its rows: an average that forgets, in seconds."""

    def __init__(self) -> None:
        self._seconds = [0.0] * 32
        self._batches = 0
        self.slow = False

    def expected(self, rows: int) -> float:
        """Seconds a batch of so many rows will take; sizes never seen are judged by smaller ones."""
        size = rows.bit_length()
        for smaller in range(size, -1, -1):
            if self._seconds[smaller]:
                return self._seconds[smaller] * 2.0 ** (size - smaller)
        return 0.0

    def learn(self, rows: int, seconds: float) -> None:
        """Take in one more batch."""
        size = rows.bit_length()
        before = self._seconds[size]
        self._seconds[size] = seconds if not before else before + 0.2 * (seconds - before)
        self.slow = self._seconds[size] > INLINE_SECONDS

    def here(self, rows: int, ask: Callable[[], Said]) -> Said:
        """Ask on the event loop, with one eye on the clock: who was quick may have become slow."""
        self._batches += 1
        # Now and then only, because reading processor time is dear on some machines.
        if self._batches % _LOOK_EVERY == 0 or not self._seconds[rows.bit_length()]:
            said, seconds = timed(ask)
            self.learn(rows, seconds)
            return said
        started = time.perf_counter()
        said = ask()
        passed = time.perf_counter() - started
        if passed > _WAITED_SECONDS:
            self.learn(rows, passed)
        return said


def timed(ask: Callable[[], Said]) -> tuple[Said, float]:
    """Ask; returns what was said, and the seconds for which that holds up whoever does it.

    That is processor time, because a busy machine or the interpreter lock says nothing about the model; unless the
    model waited for something of its own.
    """
    started, began = time.perf_counter(), time.thread_time()
    said = ask()
    passed, worked = time.perf_counter() - started, time.thread_time() - began
    return said, passed if passed - worked > _WAITED_SECONDS else worked
