"""Monitors of a model that no version is registered of: it is served elsewhere, and its predictions are only logged.

Not here: getting them into the log (`POST /v1/log`, importing). The reference is the first days in the log, so what is
watched is change since then; what a registered version has besides (vocabularies, encodings, parity) is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.clock import DAY_MICROS, instant, micros
from roadworthy.errors import NotReady, TooFewSamples
from roadworthy.features.arrow import batch_from_arrow, kind_of
from roadworthy.features.batch import Batch, Floats
from roadworthy.features.columns import Kind
from roadworthy.features.schema import Field, InputSchema
from roadworthy.jobs.answers import answered
from roadworthy.jobs.days import ANSWERING, DAY
from roadworthy.jobs.history import chosen_model, is_logged
from roadworthy.jobs.monitor import monitor
from roadworthy.jobs.monitored import Monitored
from roadworthy.jobs.stores import Stores
from roadworthy.monitoring.null import LEAST_REFERENCE_DAYS
from roadworthy.monitoring.window import day_statistics, judge_day, judge_matured
from roadworthy.predictionlog.outcomes import OutcomeRule, labelled
from roadworthy.predictionlog.publishing import publish, publish_json
from roadworthy.profiles.reference import Reference, build_reference
from roadworthy.profiles.summary import DayStatistics
from roadworthy.registry.alarms import Changes
from roadworthy.verdict import Verdict

#: Half of what is there when a model is first looked at is its reference, but no more days than this.
MOST_REFERENCE_DAYS = 91
HISTORY_DAYS = 100

_TYPES: dict[Kind, pa.DataType] = {
    "number": pa.float64(), "boolean": pa.bool_(), "string": pa.string(), "timestamp": pa.timestamp("us", "UTC"),
    "strings": pa.list_(pa.string()),
}  # fmt: skip


class Elsewhere(msgspec.Struct, frozen=True):
    """What is known of a model that is served elsewhere.

    outcome       name of its outcome; "" = none is known
    window_days   after so many days an outcome is known, or will not be
    until         last imported day, since 1970: that none follow is no fault as long as nothing later is logged
    """

    model: str
    outcome: str = ""
    window_days: int = 1
    until: int = 0

    @property
    def ripens(self) -> int:
        """How many days after a day its outcomes are judged: the window, and a day for outcomes to arrive."""
        return self.window_days + 1 if self.outcome else 0

    @property
    def rule(self) -> OutcomeRule | None:
        """How its outcomes are read; a missing one says nothing."""
        window = timedelta(days=self.window_days)
        return OutcomeRule(name=self.outcome, window=window) if self.outcome else None


class _Kept(msgspec.Struct, frozen=True):
    """The reference of one version, and which kinds its inputs have."""

    inputs: tuple[tuple[str, Kind], ...]
    reference: Reference


def declare(stores: Stores, elsewhere: Elsewhere) -> None:
    """Write down how outcomes of a model are read; a longer window that was declared before stays."""
    before = declared(stores, elsewhere.model)
    same = before.outcome == elsewhere.outcome
    window = max(before.window_days, elsewhere.window_days) if same else elsewhere.window_days
    outcome = elsewhere.outcome
    if before.outcome and not outcome:
        outcome, window = before.outcome, before.window_days
    until = max(before.until, elsewhere.until)
    publish_json(_declaration(stores, elsewhere.model), Elsewhere(elsewhere.model, outcome, window, until))


def declared(stores: Stores, model: str) -> Elsewhere:
    """What was written down of a model; of one that only sends predictions, nothing but its name."""
    try:
        return msgspec.json.decode(_declaration(stores, model).read_bytes(), type=Elsewhere)
    except FileNotFoundError:
        return Elsewhere(model)


def monitor_any(stores: Stores, model: str | None, *, as_of: datetime | None = None) -> Monitored:
    """Judge the days that are due, of a registered model or of one that is only logged.

    raises  UnknownName for a model that is neither; TooFewSamples for one with too few logged days to compare with;
            NotReady for a time that has not come, unless events of it are known, as in a replay
    """
    registered = {row.model for row in stores.versions.all()}
    elsewhere = model is not None and model not in registered and is_logged(stores, model)
    name = model if model is not None and elsewhere else chosen_model(stores, model)
    _require_past(stores, name, as_of)
    return (monitor_elsewhere if elsewhere else monitor)(stores, name, as_of=as_of)


def _require_past(stores: Stores, model: str, as_of: datetime | None) -> None:
    """Days that did not happen would be judged as silent ones, and never again."""
    now = stores.clock.now()
    if as_of is None or as_of <= now:
        return
    days = stores.log().days(model, namespace=stores.settings.namespace)
    days += [micros(flip.event_time) // DAY_MICROS for flip in stores.plans.history(model)]
    if not days or micros(as_of) > (max(days) + 1) * DAY_MICROS:
        newest = f"the newest event known of {model} is of {instant(max(days) * DAY_MICROS):%Y-%m-%d}"
        raise NotReady(
            f"{as_of:%Y-%m-%d %H:%M} UTC has not come: it is {now:%Y-%m-%d %H:%M}, and "
            f"{newest if days else f'no event of {model} is known'}; a day is judged once, when it is over: "
            "give an earlier time, or none"
        )


def monitor_elsewhere(stores: Stores, model: str, *, as_of: datetime | None = None) -> Monitored:
    """Judge every whole day before `as_of` of every version in the log that was not judged yet.

    raises  TooFewSamples when no version has enough days for a reference
    """
    now = as_of or stores.clock.now()
    days: dict[int, list[int]] = {}
    for each in answered(stores, model):
        if each.role in ANSWERING and each.day not in days.setdefault(each.version, []):
            days[each.version].append(each.day)
    looks = [
        _Looking(stores, declared(stores, model), version, now, days[version]) for version in sorted(days)
    ]
    enough = [look for look in looks if look.has_reference()]
    if not enough:
        most = max((len(look.days) for look in looks), default=0)
        raise TooFewSamples(
            f"{model} has predictions of {most} whole days in the log; to know what is usual, a reference of "
            f"{LEAST_REFERENCE_DAYS} is needed, and a day to compare with it: log or import more"
        )
    for look in enough:
        look.look()
    return Monitored(
        model=model,
        days=tuple(sorted({day for look in enough for day in look.judged})),
        verdicts=tuple(verdict for look in enough for verdict in look.verdicts),
        opened=tuple(alarm for look in enough for change in look.changes for alarm in change.opened),
        closed=tuple(alarm for look in enough for change in look.changes for alarm in change.closed),
    )


class _Looking:
    """One look at one version of a model that is served elsewhere.

    days   whole days with predictions before now, days since 1970, ascending
    """

    def __init__(
        self, stores: Stores, elsewhere: Elsewhere, version: int, now: datetime, days: Sequence[int]
    ) -> None:
        self.stores, self.elsewhere, self.version, self.now = stores, elsewhere, version, now
        self.days = [day for day in days if day < micros(now) // DAY_MICROS]
        self.home = _home(stores, elsewhere.model) / str(version)
        self.subject = f"{elsewhere.model}@{version}"
        self.judged: list[str] = []
        self.verdicts: list[Verdict] = []
        self.changes: list[Changes] = []

    @property
    def goes_on(self) -> bool:
        """Whether a day without predictions is a silent one, and not merely after what was imported."""
        return not self.days or self.days[-1] > self.elsewhere.until

    def has_reference(self) -> bool:
        """Whether there is one, or there are days enough to make one."""
        return (self.home / "reference.json").exists() or len(self.days) > LEAST_REFERENCE_DAYS

    def look(self) -> None:
        """Judge the days after the reference that were not judged, oldest first."""
        kept = self._kept() or self._learn()
        first = kept.reference.days[-1].day + 1
        runs = self.stores.runs.all("monitor", self.elsewhere.model)
        nexts = [
            int(run.metrics["next_day"])
            for run in runs
            if run.state == "succeeded" and run.metrics.get("version") == self.version
        ]
        first = max([first, *nexts])
        last = micros(self.now) // DAY_MICROS - 1
        if not self.goes_on:
            last = min(last, self.elsewhere.until + self.elsewhere.ripens)
        if first > last:
            return
        claim = f"{self.version} from {instant(first * DAY_MICROS):%Y-%m-%d}"
        run = self.stores.runs.start(
            "monitor",
            at=self.stores.clock.now(),
            model=self.elsewhere.model,
            claim=claim,
            event_time=self.now,
        )
        try:
            for day in range(first, last + 1):
                self._judge(kept, day)
        except Exception as error:  # whatever it was: a run left open would hold its days back
            self.stores.runs.fail(run, self.stores.clock.now(), str(error))
            raise
        self.stores.runs.succeed(
            run, self.stores.clock.now(), {"next_day": last + 1, "version": self.version}
        )

    def _judge(self, kept: _Kept, day: int) -> None:
        self.verdicts.clear()
        if self.goes_on or day <= self.elsewhere.until:
            today = self._count(kept, day, day)
            history = self._history(day - HISTORY_DAYS, day - 1)
            self._record(day, judge_day(kept.reference, history, today, subject=self.subject))
        if self.elsewhere.outcome:
            ripe = day - self.elsewhere.ripens
            if ripe > kept.reference.days[-1].day:
                self._count(kept, ripe, day)
                history = self._history(ripe - HISTORY_DAYS, ripe)
                self._record(ripe, judge_matured(kept.reference, history, subject=self.subject))
        self.judged.append(f"{instant(day * DAY_MICROS):%Y-%m-%d}")

    def _record(self, day: int, verdicts: list[Verdict]) -> None:
        start = instant(day * DAY_MICROS)
        self.verdicts += verdicts
        changes = self.stores.alarms.record(
            self.elsewhere.model, start, start + DAY, verdicts, self.stores.clock.now(), self.now,
            version=self.version,
        )  # fmt: skip
        self.changes.append(changes)

    def _count(self, kept: _Kept, day: int, seen_until: int) -> DayStatistics:
        """Count one day, with the outcomes known at the end of another, and keep the result."""
        rows = self._rows(day, day, instant((seen_until + 1) * DAY_MICROS))
        found = day_statistics(
            kept.reference,
            day,
            _inputs(rows, kept.inputs),
            {},
            _floats(rows, "output"),
            _labels(rows),
            _passed(rows),
        )
        if not found.profile.n and (before := self._history(day, day)):
            return before[0]  # retention has dropped its rows: what was counted while they were there stays
        publish(self.home / f"{day}.json", lambda draft: draft.write_bytes(found.to_json()))
        return found

    def _history(self, first: int, last: int) -> list[DayStatistics]:
        paths = [self.home / f"{day}.json" for day in range(first, last + 1)]
        return [DayStatistics.from_json(path.read_bytes()) for path in paths if path.exists()]

    def _rows(self, first: int, last: int, as_of: datetime) -> pa.Table:
        """Answered predictions of the days first..last, with labels as known at `as_of` where there is an outcome."""
        start, end = instant(first * DAY_MICROS), instant((last + 1) * DAY_MICROS)
        log, namespace, rule = self.stores.log(), self.stores.settings.namespace, self.elsewhere.rule
        model, versions = self.elsewhere.model, [self.version]
        if rule is None:
            table = log.predictions(
                model, namespace=namespace, versions=versions, roles=ANSWERING, start=start, end=end
            )
        else:
            table = labelled(
                log,
                model,
                rule,
                as_of,
                namespace=namespace,
                versions=versions,
                roles=ANSWERING,
                start=start,
                end=end,
            )
        return table.filter(pc.equal(table.column("status"), "ok"))

    def _kept(self) -> _Kept | None:
        try:
            return msgspec.json.decode((self.home / "reference.json").read_bytes(), type=_Kept)
        except FileNotFoundError:
            return None

    def _learn(self) -> _Kept:
        """Make the reference: the first half of the days there are, within what thresholds can be learned from."""
        number = min(max(len(self.days) // 2, LEAST_REFERENCE_DAYS), MOST_REFERENCE_DAYS)
        days = self.days[:number]
        rows = self._rows(days[0], days[-1], self.now)
        kinds = tuple(
            (name.removeprefix("in_"), kind)
            for name in rows.column_names
            if name.startswith("in_") and (kind := kind_of(rows.schema.field(name).type)) is not None
        )
        event_days = rows.column("event_time").cast(pa.int64()).to_numpy() // DAY_MICROS
        labels = _labels(rows)
        known = np.full(rows.num_rows, np.nan) if labels is None else labels
        reference = build_reference(_inputs(rows, kinds), {}, _floats(rows, "output"), known, event_days)
        publish_json(self.home / "reference.json", _Kept(kinds, reference))
        return _Kept(kinds, reference)


def _inputs(rows: pa.Table, inputs: tuple[tuple[str, Kind], ...]) -> Batch:
    """The inputs as columns; one that a day does not have is missing in every row."""
    schema = InputSchema(tuple(Field(name, kind, kind != "strings", "input") for name, kind in inputs))
    columns = {}
    for name, kind in inputs:
        held = f"in_{name}" in rows.column_names
        column = rows.column(f"in_{name}") if held else pa.nulls(rows.num_rows, _TYPES[kind])
        columns[name] = pc.coalesce(column, pa.scalar([], _TYPES[kind])) if kind == "strings" else column
    return batch_from_arrow(pa.table(columns), schema) if inputs else Batch({}, rows.num_rows)


def _labels(rows: pa.Table) -> Floats | None:
    return _floats(rows, "label") if "label" in rows.column_names else None


def _passed(rows: pa.Table) -> np.ndarray | None:
    if "window_passed" not in rows.column_names:
        return None
    return np.asarray(rows.column("window_passed").to_numpy(zero_copy_only=False), dtype=np.bool_)


def _floats(rows: pa.Table, name: str) -> Floats:
    found: Floats = rows.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)
    return found


def _declaration(stores: Stores, model: str) -> Path:
    return _home(stores, model) / "declared.json"


def _home(stores: Stores, model: str) -> Path:
    """Apart from the statistics of registered versions: a model that comes here later begins with its own."""
    return stores.settings.elsewhere / quote(model, safe="")
