"""What a look at the days of one model gave, whoever served it."""

from __future__ import annotations

import msgspec

from roadworthy.registry.alarms import Alarm
from roadworthy.verdict import Verdict


class Monitored(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at one model gave.

    days       dates that were judged, matured windows included
    verdicts   of the last day judged
    opened     alarms that begin
    closed     alarms that end
    """

    model: str
    days: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    opened: tuple[Alarm, ...] = ()
    closed: tuple[Alarm, ...] = ()

    def sentences(self) -> list[str]:
        """What a person wants to read."""
        lines = [f"alarm: {alarm.reason}" for alarm in self.opened]
        lines += [f"over: {alarm.check} of {alarm.subject}: {alarm.closed_reason}" for alarm in self.closed]
        judged = f"{len(self.days)} days judged" if self.days else "no day is due"
        return [*lines, f"{judged}, {len(self.opened)} alarms opened, {len(self.closed)} closed"]
