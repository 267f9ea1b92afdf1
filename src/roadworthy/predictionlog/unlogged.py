"""What a worker does while its log cannot be written: the declared policy, what it counts, and the alarm it raises.

Not here: the writing (journal), the answers (serving). Reads no clock and no disk: the worker says what happened, and
this says what follows.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

#: `stop`: no answer without a record (503 until there is room). `continue`: answers go on, counted as unlogged.
FullLogPolicy = Literal["stop", "continue"]


class FullLogAlarm(msgspec.Struct, frozen=True):
    """A log that cannot be written, while it cannot and once more when it can again.

    since      when the first write of this episode failed
    until      when a write succeeded again; None while none did
    unlogged   predictions of this episode that were answered without a record
    refused    predictions of this episode that were not answered because there would be no record
    reason     what the last failed write said
    """

    since: datetime
    until: datetime | None
    unlogged: int
    refused: int
    reason: str

    @property
    def text(self) -> str:
        """One sentence for a log line and for `/metrics` readers.

        >>> from datetime import UTC
        >>> FullLogAlarm(datetime(2013, 7, 1, tzinfo=UTC), None, 12, 0, "disk full").text.partition(": ")[2]
        '12 predictions were answered without a record'
        """
        since = f"{self.since:%Y-%m-%dT%H:%M:%SZ}"
        counted = []
        if self.unlogged:
            counted.append(f"{self.unlogged} predictions were answered without a record")
        if self.refused:
            counted.append(f"{self.refused} predictions were refused")
        what = " and ".join(counted) or "nothing was asked since"
        if self.until is None:
            return f"the prediction log cannot be written since {since} ({self.reason}): {what}"
        return f"the prediction log is written again at {self.until:%Y-%m-%dT%H:%M:%SZ}; since {since} {what}"


class Unlogged:
    """Decides by `policy`, and never forgets: totals only grow, and an alarm stands from a failure to a success.

    unlogged, refused   predictions since the worker started, for telemetry

    >>> from datetime import UTC
    >>> now = datetime(2013, 7, 1, tzinfo=UTC)
    >>> full = Unlogged("continue")
    >>> full.failed(3, "No space left on device", now)
    True
    >>> full.unlogged, full.alarm.unlogged, full.written(now).until == now, full.alarm
    (3, 3, True, None)
    """

    def __init__(self, policy: FullLogPolicy) -> None:
        self.policy = policy
        self.unlogged = self.refused = 0
        self.alarm: FullLogAlarm | None = None

    def failed(self, rows: int, reason: str, now: datetime) -> bool:
        """Predictions could not be logged: whether they are answered all the same; the caller must do as it says."""
        answered = self.policy == "continue"
        unlogged, refused = (rows, 0) if answered else (0, rows)
        self.unlogged += unlogged
        self.refused += refused
        before = self.alarm or FullLogAlarm(now, None, 0, 0, reason)
        self.alarm = FullLogAlarm(
            before.since, None, before.unlogged + unlogged, before.refused + refused, reason
        )
        return answered

    def written(self, now: datetime) -> FullLogAlarm | None:
        """A write succeeded: what the episode that this ends had cost, None without one. Cheap."""
        if self.alarm is None:
            return None
        ended, self.alarm = msgspec.structs.replace(self.alarm, until=now), None
        return ended
