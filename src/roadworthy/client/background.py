"""What a client still has to deliver: bounded queues that one thread empties, batch by batch.

Not here: HTTP and its repetition (client). Nothing is lost silently: what could not be taken, or was refused, is
counted, logged and told to whoever asks.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from roadworthy.client.messages import TooLarge
from roadworthy.errors import NotReady, RoadworthyError, SchemaError

Kind = Literal["outcomes", "predictions"]
Item = Mapping[str, Any]

#: Items in one request at most; servers take ten times as many.
BATCH = 1_000

logger = logging.getLogger("roadworthy.client")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of everything given to `outcomes` and `log` without waiting.

    waiting   still on its way
    sent      taken by the server
    refused   found wrong by the server, with the last reason in `reason`
    dropped   never sent: the queue was full, or the client was closed before the server could be reached
    """

    waiting: int = 0
    sent: int = 0
    refused: int = 0
    dropped: int = 0
    reason: str = ""


class Background:
    """Queues of items, and the thread that sends them.

    send        takes a kind, items of it and how long it may take in seconds; raises SchemaError for wrong items (one
                that names none is halved until it is about one), NotReady when the server cannot be reached, TooLarge
    most        items of a kind that may wait
    patience    seconds that one attempt to send a batch may take; it is attempted again until the client is closed
    """

    def __init__(
        self, send: Callable[[Kind, Sequence[Item], float], None], most: int, patience: float
    ) -> None:
        self._send, self._most, self._patience = send, most, patience
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._queues: dict[Kind, deque[Item]] = {"outcomes": deque(), "predictions": deque()}
        self._told = Delivery()
        self._flying = 0
        self._closing_at: float | None = None
        self._thread: threading.Thread | None = None

    def put(self, kind: Kind, items: Sequence[Item]) -> int:
        """Take items to be sent; returns how many there was room for, the first ones."""
        if self._pid != os.getpid():  # after a fork the thread is the parent's, and so is what it has to send
            self._reset()
        with self._changed:
            queue = self._queues[kind]
            closed = self._closing_at is not None
            room = 0 if closed else max(0, self._most - len(queue))
            queue.extend(items[:room])
            if len(items) > room:
                self._drop(len(items) - room, "the client is closed" if closed else "its queue is full")
            if self._thread is None and queue:
                self._thread = threading.Thread(target=self._run, name="roadworthy-client", daemon=True)
                self._thread.start()
                atexit.register(self.close, self._patience)
            self._changed.notify_all()
        return min(room, len(items))

    def delivery(self) -> Delivery:
        """What became of everything so far."""
        with self._changed:
            return replace(self._told, waiting=self._waiting())

    def flush(self, seconds: float) -> bool:
        """Wait until nothing waits, at most so long; whether nothing does."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting(), seconds)

    def close(self, seconds: float) -> Delivery:
        """Send what waits within so many seconds, drop the rest, and take nothing more."""
        with self._changed:
            if self._closing_at is None:
                self._closing_at = time.monotonic() + seconds
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and self._pid == os.getpid():
            thread.join(seconds + 1.0)
        atexit.unregister(self.close)
        with self._changed:
            left = sum(map(len, self._queues.values()))
            for queue in self._queues.values():
                queue.clear()
            if left:
                self._drop(left, "the client is closed")
        return self.delivery()

    def _waiting(self) -> int:
        return self._flying + sum(map(len, self._queues.values()))

    def _drop(self, count: int, why: str) -> None:
        first = self._told.dropped == 0
        self._told = replace(self._told, dropped=self._told.dropped + count, reason=why)
        say = logger.error if first else logger.warning
        say("%d items were dropped and will not be logged: %s (%d so far)", count, why, self._told.dropped)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing_at is not None or any(self._queues.values()))
                kind = next((kind for kind, queue in self._queues.items() if queue), None)
                if kind is None or (self._closing_at is not None and time.monotonic() >= self._closing_at):
                    return
                queue = self._queues[kind]
                batch = [queue.popleft() for _ in range(min(BATCH, len(queue)))]
                self._flying = len(batch)
            self._deliver(kind, batch)
            with self._changed:
                self._flying = 0
                self._changed.notify_all()

    def _deliver(self, kind: Kind, batch: Sequence[Item]) -> None:
        """Send a batch until it is taken, refused, or the client is closed."""
        while batch:
            until = self._closing_at
            left = self._patience if until is None else min(self._patience, until - time.monotonic())
            try:
                if left <= 0:
                    raise NotReady("the client is closed")
                self._send(kind, batch, left)
            except NotReady as error:
                if self._closing_at is not None and time.monotonic() >= self._closing_at - 0.05:
                    with self._changed:
                        self._drop(len(batch), str(error))
                    return None
                logger.warning("%d items wait to be logged: %s", len(batch), error)
            except (TooLarge, SchemaError) as error:
                wrong = faulty(error, kind, len(batch))
                if wrong:
                    self._refuse(len(wrong), str(error))
                    batch = [item for number, item in enumerate(batch) if number not in wrong]
                else:
                    half = len(batch) // 2
                    self._deliver(kind, batch[:half])
                    batch = batch[half:]
            except RoadworthyError as error:
                return self._refuse(len(batch), str(error))
            except Exception as error:  # the edge of this thread, which nobody would start again
                logger.exception("%d items could not be sent", len(batch))
                return self._refuse(len(batch), f"{type(error).__name__}: {error}")
            else:
                with self._changed:
                    self._told = replace(self._told, sent=self._told.sent + len(batch))
                return None
        return None

    def _refuse(self, count: int, reason: str) -> None:
        items = "1 item was" if count == 1 else f"{count} items were"
        logger.error("%s refused and will not be logged: %s", items, reason)
        with self._changed:
            self._told = replace(self._told, refused=self._told.refused + count, reason=reason)


def faulty(error: TooLarge | SchemaError, kind: Kind, count: int) -> set[int]:
    """The numbers of the items that were found wrong; none when nobody said which of several it was.

    >>> from roadworthy.errors import Fault
    >>> faulty(SchemaError("a batch", [Fault("$.outcomes[1].name", "late", "lat")]), "outcomes", 3)
    {1}
    """
    start = f"$.{kind}["
    faults = error.faults if isinstance(error, SchemaError) else ()
    numbers = {fault.path[len(start) :].partition("]")[0] for fault in faults if fault.path.startswith(start)}
    found = {int(number) for number in numbers if number.isdigit() and int(number) < count}
    return found or ({0} if count == 1 else set())
