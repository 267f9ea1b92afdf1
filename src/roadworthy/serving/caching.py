"""A cache of frequent predictions of one version: the same encoded row is scored once in a while, not every time.

Not here: the encoding, which every row goes through, and the log, in which a hit is a prediction like any other.
Another version, or the same number with other content, is another `Loaded` with a cache of its own, so what is
answered never outlives the version that said it.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence


class Cache:
    """Encoded row → output, least recently used ones going first; safe for several threads.

    max_rows   outputs kept
    seconds    how long one is kept
    now        seconds that only grow

    >>> cache = Cache(2, 60.0)
    >>> cache.put([b"a", b"b", b"c"], [0.1, 0.2, 0.3])
    >>> cache.get([b"a", b"c"])
    [None, 0.3]
    """

    def __init__(self, max_rows: int, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._max_rows, self._seconds, self._now = max_rows, seconds, now
        self._kept: OrderedDict[bytes, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, rows: Sequence[bytes]) -> list[float | None]:
        """The output of each row, None where it is not known or too old."""
        oldest = self._now() - self._seconds
        found: list[float | None] = []
        with self._lock:
            for row in rows:
                kept = self._kept.get(row)
                if kept is None or kept[1] < oldest:
                    found.append(None)
                else:
                    self._kept.move_to_end(row)
                    found.append(kept[0])
        return found

    def put(self, rows: Sequence[bytes], outputs: Sequence[float]) -> None:
        """Keep these outputs."""
        now = self._now()
        with self._lock:
            for row, output in zip(rows, outputs, strict=True):
                self._kept[row] = (output, now)
                self._kept.move_to_end(row)
            while len(self._kept) > self._max_rows:
                self._kept.popitem(last=False)
