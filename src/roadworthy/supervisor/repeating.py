"""A task that repeats in its own thread until it is stopped, and says each new trouble once.

Not here: what the tasks are.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable

from roadworthy.errors import RoadworthyError

#: How much a task that gives way does: beside busy workers it still has a tenth of a core.
NICE = 10

logger = logging.getLogger("roadworthy.supervisor")


class Troubles:
    """What is wrong now, by task, so that two tasks with the same trouble say it once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: dict[str, str] = {}

    def begin(self, task: str, trouble: str) -> bool:
        """Note a trouble; True when it is news."""
        with self._lock:
            news = trouble not in self._now.values()
            self._now[task] = trouble
            return news

    def end(self, task: str) -> bool:
        """Note that a task is fine; True when that is news and no other task has the same trouble still."""
        with self._lock:
            trouble = self._now.pop(task, None)
            return trouble is not None and trouble not in self._now.values()


class Repeating:
    """Calls `task` every `seconds`; a failure is logged when it begins, changes and ends, and stops nothing.

    name       for the log and the thread, such as `control database`
    troubles   shared by tasks that may have the same trouble
    yielding   whether it gives way to everything else on the machine: work that nobody waits for
    """

    def __init__(
        self,
        name: str,
        task: Callable[[], None],
        seconds: float,
        troubles: Troubles,
        *,
        yielding: bool = False,
    ) -> None:
        self._name, self._task, self._seconds, self._troubles = name, task, seconds, troubles
        self._yielding = yielding
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Begin no further round, and wait at most `seconds` for the one under way."""
        self._stopped.set()
        self._thread.join(seconds)

    def once(self) -> bool:
        """One round; False when it failed."""
        try:
            self._task()
        except RoadworthyError as error:
            if self._troubles.begin(self._name, str(error)):
                logger.error("%s: %s", self._name, error)
            return False
        except Exception as error:
            if self._troubles.begin(self._name, repr(error)):
                logger.exception("%s: failed in a way nobody foresaw", self._name)
            return False
        if self._troubles.end(self._name):
            logger.info("%s: fine again", self._name)
        return True

    def _run(self) -> None:
        if self._yielding and sys.platform == "linux":  # where a thread has a priority of its own
            with contextlib.suppress(OSError):  # where that is not allowed, it works on at the usual priority
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        while not self._stopped.is_set():
            began = time.monotonic()
            self.once()
            self._stopped.wait(max(0.0, self._seconds - (time.monotonic() - began)))
