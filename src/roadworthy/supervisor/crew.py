"""The worker processes of a node: started, watched, started again with patience, and drained.

Not here: what workers do, and when the node stops. Workers are reached only as processes: by command line, signals,
an inherited socket and the node's directory.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from roadworthy.node import NodeDirectory

#: A worker that lived shorter than this is started again only after a pause that doubles.
SHORT_LIFE_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0

DRAIN_SECONDS = 30.0

logger = logging.getLogger("roadworthy.supervisor")


class _Place:
    """One worker's place: the process in it now, and how often processes died young in it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.short_lives = 0
        self.start_at = 0.0


class Crew:
    """Keeps `count` workers alive.

    options       command line of a worker after `--worker`
    inherited     file descriptors that workers get
    """

    def __init__(
        self, node: NodeDirectory, count: int, options: Sequence[str], inherited: Sequence[int]
    ) -> None:
        self._node = node
        self._options, self._inherited = list(options), tuple(inherited)
        self._places = [_Place(number) for number in range(count)]

    def tend(self) -> None:
        """Look after every place once: notice deaths, start what is due."""
        for place in self._places:
            if place.process is not None and place.process.poll() is not None:
                self._died(place, place.process)
            if place.process is None and time.monotonic() >= place.start_at:
                self._start(place)

    def _start(self, place: _Place) -> None:
        command = [sys.executable, "-m", "roadworthy.serving", "--worker", str(place.number), *self._options]
        place.started = time.monotonic()
        try:
            place.process = subprocess.Popen(command, pass_fds=self._inherited)  # noqa: S603  # our own module
        except OSError as error:  # no memory or no process left: the workers that run must not end with it
            place.start_at = place.started + LONGEST_PAUSE_SECONDS
            logger.error(
                "worker %d cannot be started (%s); tried again in %.1f s",
                place.number,
                error,
                LONGEST_PAUSE_SECONDS,
            )
            return
        logger.info("worker %d started as process %d", place.number, place.process.pid)

    def _died(self, place: _Place, process: subprocess.Popen[bytes]) -> None:
        self._node.state(place.number).unlink(missing_ok=True)
        place.process = None
        short = time.monotonic() - place.started < SHORT_LIFE_SECONDS
        place.short_lives = place.short_lives + 1 if short else 0
        pause = pause_seconds(place.short_lives)
        place.start_at = time.monotonic() + pause
        logger.error(
            "worker %d (process %d) ended with %s; another starts in %.1f s",
            place.number,
            process.pid,
            _ending(process.returncode),
            pause,
        )

    @property
    def numbers(self) -> list[int]:
        """Numbers of all places, manned or not."""
        return [place.number for place in self._places]

    @property
    def processes(self) -> dict[int, int]:
        """Worker number → process id, of those that run."""
        return {place.number: place.process.pid for place in self._places if place.process is not None}

    def stop(self, seconds: float = DRAIN_SECONDS) -> bool:
        """Drain all workers and wait for their end, at most `seconds`; True when all ended by themselves."""
        running = [place.process for place in self._places if place.process is not None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + seconds
        orderly = True
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                logger.error("process %d did not drain in %.0f s and is killed", process.pid, seconds)
                process.kill()
                process.wait()
                orderly = False
        for place in self._places:
            self._node.state(place.number).unlink(missing_ok=True)
            place.process = None
        return orderly


def pause_seconds(short_lives: int) -> float:
    """How long a place stays empty after that many short lives in a row; the first one is forgiven.

    >>> [pause_seconds(count) for count in (0, 1, 2, 3, 9)]
    [0.0, 0.0, 0.5, 1.0, 10.0]
    """
    return (
        0.0 if short_lives < 2 else min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** (short_lives - 2))
    )


def _ending(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"status {status}"
