"""One worker process as its supervisor holds it: started, listened to, drained, killed.

Not here: when any of that is done (crew). A worker is heard through a pipe and not through its files: a full disk must
not make a healthy worker look hung.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

#: What a worker writes into the pipe; the same letters stand in `roadworthy.serving.pulse`.
ACCEPTING = b"a"


class Member:
    """A running worker.

    number      of the worker on its node
    options     command line of a worker after `--worker` and `--pulse-fd`
    inherited   file descriptors that it gets

    raises      OSError when the operating system gives no process
    """

    def __init__(self, number: int, options: Sequence[str], inherited: Sequence[int]) -> None:
        self.number = number
        self.started = time.monotonic()
        self.accepting = False
        self.drain_until: float | None = None
        self.was_hung = False
        #: When it was last heard; None before its first sign of life.
        self._heard: float | None = None
        self._pulse, theirs = os.pipe()
        try:
            os.set_blocking(self._pulse, False)
            command = [sys.executable, "-m", "roadworthy.serving", "--worker", str(number)]
            command += ["--pulse-fd", str(theirs), *options]
            environment = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
            self._process = subprocess.Popen(  # noqa: S603  # our own module
                command, pass_fds=[*inherited, theirs], env=environment
            )
        except OSError:
            os.close(self._pulse)
            raise
        finally:
            os.close(theirs)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def listen(self, now: float) -> None:
        """Take in what it said since the last time."""
        try:
            said = os.read(self._pulse, 4_096)
        except BlockingIOError:
            return
        if said:
            self._heard = now
            self.accepting = said.endswith(ACCEPTING)

    def excuse(self, now: float) -> None:
        """Do not count silence until now: whoever should have listened was not there."""
        if self._heard is not None:
            self._heard = now

    def silent_seconds(self, now: float) -> float:
        """How long it has said nothing; 0 while it starts or drains."""
        return 0.0 if self._heard is None or self.drain_until is not None else now - self._heard

    def drain(self, now: float, seconds: float) -> None:
        """Let it end what it has begun, at most so long."""
        self.drain_until = now + seconds
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it now."""
        self._process.kill()

    def ending(self) -> str | None:
        """How it ended, such as `signal 9`; None while it runs."""
        status = self._process.poll()
        if status is None:
            return None
        return f"signal {-status}" if status < 0 else f"status {status}"

    def wait(self, seconds: float) -> bool:
        """Wait for its end; False when it did not come."""
        try:
            self._process.wait(max(0.05, seconds))
        except subprocess.TimeoutExpired:
            return False
        return True

    def close(self) -> None:
        """Let go of the pipe of one that has ended."""
        os.close(self._pulse)
