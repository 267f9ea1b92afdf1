"""Judges the days that are due: each once it is over, and again when its outcomes matured or were revised."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from roadworthy.clock import DAY_MICROS, instant, micros
from roadworthy.features.lint import counted
from roadworthy.gate.vocabulary import MERGED
from roadworthy.jobs.days import DAY, DayRows, Watched, encoded_of, kept_days, read_day, statistics
from roadworthy.jobs.monitored import Monitored
from roadworthy.jobs.source_parity import check_source_parity
from roadworthy.jobs.stores import Stores
from roadworthy.monitoring.parity import encoding_parity
from roadworthy.monitoring.vocabulary import written_otherwise
from roadworthy.monitoring.window import judge_day, judge_matured
from roadworthy.predictionlog.outcomes import OutcomeRule
from roadworthy.registry.alarms import Changes
from roadworthy.traffic import Route
from roadworthy.verdict import Verdict

#: How far back revised outcomes are looked for, and how much history the checks want.
REVISED_DAYS, HISTORY_DAYS = 14, 100

#: Source parity joins the history again: on every seventh day.
SOURCE_PARITY_EVERY = 7

#: A look at one day takes seconds; one that began so long ago was killed, and its day is looked at again.
ABANDONED_AFTER = timedelta(minutes=10)


def monitor(stores: Stores, model: str, *, as_of: datetime | None = None) -> Monitored:
    """Judge every whole day before `as_of` that a version answered as champion all day, and was not judged yet.

    as_of    virtual time in a replay; now by default. Outcomes that arrived later do not exist yet.
    raises   UnknownName for a model without versions, Conflict while another process judges the same day
    """
    stores.versions.resolve(model)  # a mistyped name is not a model on which no day is due
    now = as_of or stores.clock.now()
    seen = _Looking(stores, model, now)
    for day in seen.due():
        seen.look(day)
    return seen.result()


class _Looking:
    """One look at one model: which days are due, and what they gave."""

    def __init__(self, stores: Stores, model: str, now: datetime) -> None:
        self.stores, self.model, self.now = stores, model, now
        self.today = micros(now) // DAY_MICROS
        self.flips = stores.plans.history(model)
        self.days: list[str] = []
        self.verdicts: list[Verdict] = []
        self.changes: list[Changes] = []
        self.watched: dict[int, Watched] = {}

    def due(self) -> list[int]:
        """Days since 1970 that are over and not judged, oldest first."""
        if not self.flips:
            return []
        first = micros(self.flips[0].event_time) // DAY_MICROS
        runs = self.stores.runs.all("monitor", self.model, limit=1)
        if runs and runs[0].state != "succeeded":
            runs = self.stores.runs.all("monitor", self.model)
        done = next((run for run in runs if run.state == "succeeded"), None)
        return list(range(first if done is None else max(first, int(done.metrics["next_day"])), self.today))

    def look(self, day: int) -> None:
        """Judge one day, what matured with it, and what was revised since; a day that fails is due again."""
        start = instant(day * DAY_MICROS)
        run = self.stores.runs.start(
            "monitor", at=self.stores.clock.now(), model=self.model, claim=f"{start:%Y-%m-%d}",
            event_time=start + DAY, abandoned_after=ABANDONED_AFTER,
        )  # fmt: skip
        self.verdicts.clear()
        try:
            self._judge_day(day)
            self._judge_matured(day)
            self._close_retired(day)
        except Exception as error:  # whatever it was: a run left open would hold its days back
            self.stores.runs.fail(run, self.stores.clock.now(), str(error))
            raise
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

    def _judge_day(self, day: int) -> None:
        """Count and judge one day without labels, where one version was champion all day."""
        start = instant(day * DAY_MICROS)
        version = self._champion_all_day(day)
        if version is None:
            return
        watched = self._open(version)
        rows = read_day(self.stores, watched, day, start + DAY)
        today = statistics(self.stores, watched, day, rows)
        history = kept_days(self.stores, watched.row, day - HISTORY_DAYS, day - 1)
        found = judge_day(watched.reference, history, today, subject=watched.row.reference)
        self._keep(watched, day, [*found, *self._parity(watched, day, rows), *_linted(watched, rows)])
        self.days.append(f"{start:%Y-%m-%d}")

    def _judge_matured(self, day: int) -> None:
        """Count the day again whose outcome window has now passed, and those with revisions; judge from there.

        Whichever version answered then: the last days of one that was replaced mature after it is gone.
        """
        now = instant((day + 1) * DAY_MICROS)
        recent = [self._open(version) for version in self._champions(day - REVISED_DAYS, day)]
        reach = max((REVISED_DAYS, *(_days_until_ripe(watched) for watched in recent)))
        all_watched = [self._open(version) for version in self._champions(day - reach, day)]
        changed = {rule: self._changed(rule, now) for rule in {watched.rule for watched in all_watched}}
        for watched in all_watched:
            ripe = day - _days_until_ripe(watched)
            again = {ripe, *(each for each in changed[watched.rule] if each < ripe)}
            kept = [found.day for found in kept_days(self.stores, watched.row, min(again), ripe)]
            recounted = [each for each in kept if each in again]
            for each in recounted:
                statistics(
                    self.stores, watched, each, read_day(self.stores, watched, each, now, counted=True)
                )
            # A day is part of every window that ends on it or later.
            for each in [each for each in kept if each >= min(recounted, default=ripe)]:
                history = kept_days(self.stores, watched.row, each - HISTORY_DAYS, each)
                found = judge_matured(watched.reference, history, subject=watched.row.reference)
                self._keep(watched, each, found)

    def _changed(self, rule: OutcomeRule, now: datetime) -> set[int]:
        """Days whose predictions may have other labels since the day before: an outcome came late or was revised."""
        outcomes = self.stores.log().outcomes(
            self.model, namespace=self.stores.settings.namespace, names=[rule.name],
            start=now - timedelta(days=REVISED_DAYS), end=now, arrived_from=now - DAY,
        )  # fmt: skip
        new = outcomes.column("arrival_time").cast("int64").to_numpy() < micros(now)
        events = outcomes.column("event_time").cast("int64").to_numpy()[new] // DAY_MICROS
        span = rule.window // DAY + 1
        return {int(day) - back for day in np.unique(events) for back in range(span + 1)}

    def _close_retired(self, day: int) -> None:
        """Close the alarms of versions that no longer answer, once no verdict on them will come any more."""
        end = instant((day + 1) * DAY_MICROS)
        routes = [flip.route for flip in self.flips if flip.route and flip.event_time <= end]
        answering = routes[-1].champion if routes else None
        alarmed = {
            alarm.version for alarm in self.stores.alarms.open(self.model) if alarm.version is not None
        }
        for version in sorted(alarmed - {answering}):
            ripe = day - _days_until_ripe(self._open(version))
            if version not in self._champions(ripe + 1, day):
                why = f"{self.model}@{version} no longer answers"
                at = self.stores.clock.now()
                closed = self.stores.alarms.close(self.model, version, why, at, self.now)
                self.changes.append(Changes(closed=closed))

    def _parity(self, watched: Watched, day: int, rows: DayRows) -> list[Verdict]:
        ids = rows.table.column("id").to_pylist() if rows.table.num_rows else []
        again = watched.scorer.features.encode(rows.inputs)
        found = [
            encoding_parity(
                encoded_of(watched.scorer, rows.table),
                again,
                watched.scorer.features.columns,
                subject=watched.row.reference,
                rows=ids,
            )
        ]
        if day % SOURCE_PARITY_EVERY == 0 and rows.table.num_rows:
            found.append(check_source_parity(self.stores, watched, rows.table))
        return found

    def _keep(self, watched: Watched, day: int, verdicts: Sequence[Verdict]) -> None:
        start = instant(day * DAY_MICROS)
        self.verdicts += verdicts
        self.changes.append(
            self.stores.alarms.record(
                self.model, start, start + DAY, verdicts, self.stores.clock.now(), self.now,
                version=watched.row.version,
            )
        )  # fmt: skip

    def _champions(self, first: int, last: int) -> list[int]:
        """Versions that were champion all day on one of the days first..last, ascending."""
        found = {self._champion_all_day(day) for day in range(first, last + 1)}
        return sorted(version for version in found if version is not None)

    def _champion_all_day(self, day: int) -> int | None:
        """The version that was champion from the first to the last moment of a day; None where it changed."""
        start = instant(day * DAY_MICROS)
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


def _linted(watched: Watched, rows: DayRows) -> list[Verdict]:
    """The gate's lint of vocabularies, on what came in that day; nothing of a model that reads no text."""
    features = watched.scorer.features
    served = {name: counted(column) for name, column in features.clean(rows.inputs).columns.items()}
    entries = {name: features.entries(name) for name in served}
    return [written_otherwise(served, entries, MERGED, subject=watched.row.reference)] if served else []


def _days_until_ripe(watched: Watched) -> int:
    """How many days after a day its outcomes are judged: the window, and up to a day for outcomes to arrive."""
    return watched.rule.window // DAY + 1
