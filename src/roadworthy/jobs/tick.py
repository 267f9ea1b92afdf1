"""One beat: the hard guards of every model, then the monitors of the days that are over. Idempotent.

The controller runs it on a clock, a replay in virtual time, cron or a scheduler from the command line. Trouble with
one model does not keep the others from being looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from roadworthy.clock import DAY_MICROS, instant, micros
from roadworthy.errors import RoadworthyError
from roadworthy.jobs.guard import Guarded, guard
from roadworthy.jobs.monitor import monitor
from roadworthy.jobs.monitored import Monitored
from roadworthy.jobs.seen import SeenAnswers
from roadworthy.jobs.stores import Stores

T = TypeVar("T")

#: How often a replay wants to look while a release is young, and then while its guards lack answers, in event time.
YOUNG, CLOSE_LOOK, WAITING_LOOK = timedelta(hours=3), timedelta(minutes=10), timedelta(hours=1)


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
            if seen.rolled_back
            else f"{seen.model}@{seen.watched} fails {', '.join(seen.failing)} and stays: a person must act"
            for seen in self.guarded
            if seen.rolled_back or seen.failing
        ]
        return lines + [
            line for seen in self.monitored if seen.opened or seen.closed for line in seen.sentences()
        ]


def tick(
    stores: Stores, at: datetime | None = None, *, monitors: bool = True, seen: SeenAnswers | None = None
) -> Ticked:
    """Run what is due at `at` (event time; now by default).

    monitors   False to run the guards alone
    seen       what earlier beats of this process counted; whoever beats again and again hands it over
    raises     what a model in trouble raised, after all others were looked at
    """
    now = at or stores.clock.now()
    models = list(stores.plans.routes())
    troubles: list[RoadworthyError] = []
    counts = seen or SeenAnswers(stores)
    guarded = _each(models, lambda model: guard(stores, model, now, counts), troubles)
    judged = models if monitors else []
    monitored = _each(judged, lambda model: monitor(stores, model, as_of=now), troubles)
    if troubles:
        raise troubles[0] if len(troubles) == 1 else RoadworthyError("; ".join(map(str, troubles)))
    return Ticked(
        at=now,
        guarded=tuple(seen for seen in guarded if seen is not None),
        monitored=tuple(monitored),
        next=_next(stores, now, [seen for seen in guarded if seen is not None]),
    )


def _each(models: Sequence[str], look: Callable[[str], T], troubles: list[RoadworthyError]) -> list[T]:
    """What `look` finds for each model; a model in trouble is left out, and its error kept."""
    found = []
    for model in models:
        try:
            found.append(look(model))
        except RoadworthyError as error:
            troubles.append(error)
    return found


def _next(stores: Stores, now: datetime, guarded: Sequence[Guarded]) -> datetime:
    """The end of the day; sooner while a release is young, or gave too few answers to say that they differ."""
    midnight = instant((micros(now) // DAY_MICROS + 1) * DAY_MICROS)
    waiting = {seen.model for seen in guarded if seen.waiting}
    wanted = [midnight]
    for model in stores.plans.routes():
        flips = stores.plans.history(model)
        if not flips or flips[-1].action == "rollback":
            continue
        if now - flips[-1].event_time < YOUNG:
            wanted.append(now + CLOSE_LOOK)
        elif model in waiting:
            wanted.append(now + WAITING_LOOK)
    return min(wanted)
