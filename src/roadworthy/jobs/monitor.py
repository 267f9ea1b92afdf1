"""Judges the days that are due: each once it is over, and again when its outcomes matured or were revised."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import numpy as np

from roadworthy.clock import instant, micros
from roadworthy.jobs.days import DAY, DayRows, Watched, kept_days, read_day, statistics
from roadworthy.jobs.source_parity import check_source_parity
from roadworthy.jobs.stores import Stores
from roadworthy.monitoring.parity import encoding_parity
from roadworthy.monitoring.window import judge_day, judge_matured
from roadworthy.registry.alarms import Alarm, Changes
from roadworthy.traffic import Route
from roadworthy.verdict import Verdict

_DAY_MICROS = 86_400_000_000

#: How far back revised outcomes are looked for, and how much history the checks want.
REVISED_DAYS, HISTORY_DAYS = 14, 100

#: Source parity joins the history again: on every seventh day.
SOURCE_PARITY_EVERY = 7


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


def monitor(stores: Stores, model: str, *, as_of: datetime | None = None) -> Monitored:
    """Judge every whole day before `as_of` that a version answered as champion all day, and was not judged yet.

    as_of    virtual time in a replay; now by default. Outcomes that arrived later do not exist yet.
    """
    now = as_of or stores.clock.now()
    seen = _Looking(stores, model, now)
    for day in seen.due():
        seen.look(day)
    return seen.result()


class _Looking:
    """One look at one model: which days are due, and what they gave."""

    def __init__(self, stores: Stores, model: str, now: datetime) -> None:
        self.stores, self.model, self.now = stores, model, now
        self.today = micros(now) // _DAY_MICROS
        self.flips = stores.plans.history(model)
        self.days: list[str] = []
        self.verdicts: list[Verdict] = []
        self.changes: list[Changes] = []
        self.watched: dict[int, Watched] = {}

    def due(self) -> list[int]:
        """Days since 1970 that are over and not judged, oldest first."""
        if not self.flips:
            return []
        first = micros(self.flips[0].event_time) // _DAY_MICROS
        runs = self.stores.runs.all("monitor", self.model, limit=1)
        if runs and runs[0].state == "succeeded":
            first = max(first, int(runs[0].metrics["next_day"]))
        return list(range(first, self.today))

    def look(self, day: int) -> None:
        """Judge one day, what matured with it, and what was revised since."""
        start = instant(day * _DAY_MICROS)
        at = self.stores.clock.now()
        run = self.stores.runs.start(
            "monitor", at=at, model=self.model, claim=f"{start:%Y-%m-%d}", event_time=start + DAY
        )
        version = self._champion_all_day(start)
        if version is not None:
            watched = self._open(version)
            rows = read_day(self.stores, watched, day, start + DAY)
            today = statistics(self.stores, watched, day, rows)
            history = kept_days(self.stores, watched.row, day - HISTORY_DAYS, day - 1)
            found = judge_day(watched.reference, history, today, subject=watched.row.reference)
            self._keep(watched, day, [*found, *self._parity(watched, day, rows)])
            self._judge_matured(watched, day)
            self.days.append(f"{start:%Y-%m-%d}")
        self.stores.runs.succeed(run, self.stores.clock.now(), {"next_day": day + 1})

    def result(self) -> Monitored:
        """Everything that was seen."""
        return Monitored(
            model=self.model,
            days=tuple(self.days),
            verdicts=tuple(self.verdicts),
            opened=tuple(alarm for change in self.changes for alarm in change.opened),
            closed=tuple(alarm for change in self.changes for alarm in change.closed),
        )

    def _judge_matured(self, watched: Watched, day: int) -> None:
        """Count the day again whose outcome window has now passed, and those with revisions; judge from there."""
        now = instant((day + 1) * _DAY_MICROS)
        window = watched.rule.window // DAY + 1
        ripe = day - window
        again = sorted({ripe, *self._revised(watched, now)})
        for each in again:
            if kept_days(self.stores, watched.row, each, each):
                statistics(self.stores, watched, each, read_day(self.stores, watched, each, now))
        for each in again:
            history = kept_days(self.stores, watched.row, each - HISTORY_DAYS, each)
            if history and history[-1].day == each:
                self._keep(
                    watched, each, judge_matured(watched.reference, history, subject=watched.row.reference)
                )

    def _revised(self, watched: Watched, now: datetime) -> list[int]:
        """Days with predictions whose outcomes were revised since the day before."""
        outcomes = self.stores.log().outcomes(
            self.model, namespace=self.stores.settings.namespace, names=[watched.rule.name],
            start=now - timedelta(days=REVISED_DAYS), end=now,
        )  # fmt: skip
        if not outcomes.num_rows:
            return []
        arrived = outcomes.column("arrival_time").cast("int64").to_numpy()
        recent = (arrived >= micros(now - DAY)) & (outcomes.column("revision").to_numpy() > 0)
        events = outcomes.column("event_time").cast("int64").to_numpy()[recent] // _DAY_MICROS
        span = watched.rule.window // DAY + 1
        return sorted({int(day) - back for day in np.unique(events) for back in range(span + 1)})

    def _parity(self, watched: Watched, day: int, rows: DayRows) -> list[Verdict]:
        units = rows.table.column("unit").to_pylist() if rows.table.num_rows else []
        again = watched.scorer.features.encode(rows.inputs)
        found = [
            encoding_parity(
                rows.encoded,
                again,
                watched.scorer.features.columns,
                subject=watched.row.reference,
                rows=units,
            )
        ]
        if day % SOURCE_PARITY_EVERY == 0 and rows.table.num_rows:
            found.append(check_source_parity(self.stores, watched, rows.table))
        return found

    def _keep(self, watched: Watched, day: int, verdicts: Sequence[Verdict]) -> None:
        start = instant(day * _DAY_MICROS)
        self.verdicts += verdicts
        self.changes.append(
            self.stores.alarms.record(
                self.model, start, start + DAY, verdicts, self.stores.clock.now(), self.now,
                version=watched.row.version,
            )
        )  # fmt: skip

    def _champion_all_day(self, start: datetime) -> int | None:
        """The version that was champion from the first to the last moment of a day; None where it changed."""
        routes = [Route()]
        for flip in self.flips:
            if flip.event_time <= start:
                routes = [flip.route or Route()]
            elif flip.event_time < start + DAY:
                routes.append(flip.route or Route())
        champions = {route.champion for route in routes}
        return champions.pop() if len(champions) == 1 else None

    def _open(self, version: int) -> Watched:
        if version not in self.watched:
            self.watched[version] = Watched.open(self.stores, self.stores.versions.get(self.model, version))
        return self.watched[version]
