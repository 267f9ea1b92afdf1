"""One beat: the hard guards of every model, then the monitors of the days that are over. Idempotent.

The controller runs it on a clock, a replay in virtual time, cron or a scheduler from the command line.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from roadworthy.clock import instant, micros
from roadworthy.jobs.guard import Guarded, guard
from roadworthy.jobs.monitor import Monitored, monitor
from roadworthy.jobs.stores import Stores

_DAY_MICROS = 86_400_000_000

#: How often a replay wants to look while a release is young, in event time.
YOUNG, CLOSE_LOOK = timedelta(hours=3), timedelta(minutes=10)


class Ticked(msgspec.Struct, frozen=True, kw_only=True):
    """What one beat did, and when it wants to be run again, in event time."""

    at: datetime
    guarded: tuple[Guarded, ...]
    monitored: tuple[Monitored, ...]
    next: datetime

    def sentences(self) -> list[str]:
        """What a person wants to read; empty when nothing happened."""
        lines = [
            f"{seen.model}@{seen.watched} rolled back after {seen.answered:,} answers: {seen.reason}"
            for seen in self.guarded
            if seen.rolled_back
        ]
        return lines + [
            line for seen in self.monitored if seen.opened or seen.closed for line in seen.sentences()
        ]


def tick(stores: Stores, at: datetime | None = None) -> Ticked:
    """Run what is due at `at` (event time; now by default)."""
    now = at or stores.clock.now()
    guarded, monitored = [], []
    for model in stores.plans.routes():
        seen = guard(stores, model, now)
        if seen is not None:
            guarded.append(seen)
        monitored.append(monitor(stores, model, as_of=now))
    return Ticked(at=now, guarded=tuple(guarded), monitored=tuple(monitored), next=_next(stores, now))


def _next(stores: Stores, now: datetime) -> datetime:
    """The end of the day, or sooner while a release is young."""
    midnight = instant((micros(now) // _DAY_MICROS + 1) * _DAY_MICROS)
    for model in stores.plans.routes():
        flips = stores.plans.history(model)
        if flips and flips[-1].action != "rollback" and now - flips[-1].event_time < YOUNG:
            return min(now + CLOSE_LOOK, midnight)
    return midnight
