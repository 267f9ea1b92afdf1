"""Whether there is time for one more request: what an overloaded worker cannot answer soon it refuses at once.

Not here: the queue of a slow model (batching). A quick model has no queue: its requests wait in the sockets, and one
turn of the event loop reads all of them. A turn that has gone on for too long, with a full batch answered, takes no
more; so accepted requests keep their time, and the others are told to come back instead of waiting for everybody.
"""

from __future__ import annotations

import asyncio


class Admission:
    """Counts the requests of one turn of the event loop.

    patience_ns   how long a turn may take requests; 0 = whatever comes is taken
    at_least      requests of a turn that are taken however long they take: a few large ones are no overload
    """

    def __init__(self, patience_ns: int, at_least: int) -> None:
        self._patience_ns, self._at_least = patience_ns, at_least
        self._began_ns = 0
        self._taken = 0

    def takes(self, now_ns: int) -> bool:
        """Whether to take a request that was read now, on the performance counter; on the event loop."""
        if not self._patience_ns:
            return True
        if not self._began_ns:
            self._began_ns = now_ns
            asyncio.get_running_loop().call_soon(self._over)
        if self._taken >= self._at_least and now_ns - self._began_ns > self._patience_ns:
            return False
        self._taken += 1
        return True

    def _over(self) -> None:
        self._began_ns = self._taken = 0
