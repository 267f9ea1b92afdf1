"""What a look at the days of one model gave, whoever served it."""

from __future__ import annotations

import msgspec

from roadworthy.monitoring.budget import share_of
from roadworthy.registry.alarms import Alarm
from roadworthy.verdict import Verdict


class Monitored(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at one model gave.

    days       dates that were judged, matured windows included
    verdicts   of the last day judged
    opened     alarms and warnings that begin
    closed     alarms and warnings that end
    """

    model: str
    days: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    opened: tuple[Alarm, ...] = ()
    closed: tuple[Alarm, ...] = ()

    def sentences(self) -> list[str]:
        """What a person wants to read."""
        severities = [share_of(alarm.check).severity for alarm in self.opened]
        lines = [f"{said}: {alarm.reason}" for said, alarm in zip(severities, self.opened, strict=True)]
        lines += [f"over: {alarm.check} of {alarm.subject}: {alarm.closed_reason}" for alarm in self.closed]
        judged = f"{len(self.days)} day{'s' * (len(self.days) != 1)} judged" if self.days else "no day is due"
        counts = [
            f"{severities.count(said)} {said}{'s' * (severities.count(said) != 1)}"
            for said in ("alarm", "warning")
        ]
        return [*lines, f"{judged}, {' and '.join(counts)} opened, {len(self.closed)} closed"]
