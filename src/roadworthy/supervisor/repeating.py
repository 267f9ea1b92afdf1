"""A task that repeats in its own thread until it is stopped, and says each new trouble once.

Not here: what the tasks are.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from roadworthy.errors import RoadworthyError

logger = logging.getLogger("roadworthy.supervisor")


class Repeating:
    """Calls `task` every `seconds`; a failure is logged when it begins, changes and ends, and stops nothing.

    name   for the log and the thread, such as `control database`
    """

    def __init__(self, name: str, task: Callable[[], None], seconds: float) -> None:
        self._name, self._task, self._seconds = name, task, seconds
        self._stopped = threading.Event()
        self._trouble = ""
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
            self._say(str(error))
            return False
        except Exception as error:
            if type(error).__name__ != self._trouble:
                logger.exception("%s: failed in a way nobody foresaw", self._name)
            self._trouble = type(error).__name__
            return False
        if self._trouble:
            logger.info("%s: fine again", self._name)
            self._trouble = ""
        return True

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            logger.error("%s: %s", self._name, trouble)
        self._trouble = trouble

    def _run(self) -> None:
        while not self._stopped.is_set():
            began = time.monotonic()
            self.once()
            self._stopped.wait(max(0.0, self._seconds - (time.monotonic() - began)))
