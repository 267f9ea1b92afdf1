"""Tells the service manager that started this process how it is: ready, alive, stopping (the protocol of sd_notify).

Not here: when that is so. Without NOTIFY_SOCKET in the environment nothing is said to anybody.
"""

from __future__ import annotations

import os
import socket
import time


class Notifier:
    """Speaks to the datagram socket `address`; a name that begins with `@` is in the abstract namespace of Linux.

    watchdog_seconds   how often the manager wants to hear from a living process, at least; 0 when it does not
    """

    def __init__(self, address: str = "", watchdog_seconds: float = 0.0) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._pause = watchdog_seconds / 3
        self._alive_at = 0.0
        self._was_ready = False

    @classmethod
    def from_environment(cls) -> Notifier:
        """As the manager wants it: NOTIFY_SOCKET, and WATCHDOG_USEC when it is meant for this process."""
        microseconds = os.environ.get("WATCHDOG_USEC", "0")
        meant = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watchdog = int(microseconds) / 1e6 if meant and microseconds.isdigit() else 0.0
        return cls(os.environ.get("NOTIFY_SOCKET", ""), watchdog)

    def ready(self) -> None:
        """Requests are taken; said once."""
        if not self._was_ready:
            self._was_ready = True
            self._say("READY=1")

    def alive(self) -> None:
        """This process works, as often as the manager wants to hear it."""
        if self._pause and time.monotonic() - self._alive_at >= self._pause:
            self._alive_at = time.monotonic()
            self._say("WATCHDOG=1")

    def stopping(self) -> None:
        """No more requests are taken, what is under way is ended."""
        self._say("STOPPING=1")

    def _say(self, state: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as datagrams:
                datagrams.setblocking(False)
                datagrams.sendto(state.encode(), self._address)
        except OSError:
            return  # a manager that does not listen is no reason to serve nobody
