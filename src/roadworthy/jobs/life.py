"""The life of a model as its stores tell it: versions, what served when, alarms, decisions, days that were counted.

Not here: how it is shown (report). Nothing is counted again: days are read as the monitors kept them; only how many
predictions each version answered is asked of the log itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from roadworthy.clock import DAY_MICROS, instant, micros
from roadworthy.errors import CorruptArtifact, Refused, UnknownName
from roadworthy.jobs.answers import Answered, answered
from roadworthy.jobs.days import kept_days
from roadworthy.jobs.stores import Stores
from roadworthy.monitoring.window import RIPE
from roadworthy.profiles.reference import Reference
from roadworthy.profiles.summary import DayStatistics
from roadworthy.registry.alarms import Alarm, Judged
from roadworthy.registry.artifact import PROFILES_FILE, read_model
from roadworthy.registry.gates import GateResult
from roadworthy.registry.ledger import Entry
from roadworthy.registry.versions import VersionRow
from roadworthy.traffic import Route

DAY = timedelta(days=1)

#: Decisions at most so long before the first release belong into the picture.
PRELUDE = timedelta(days=31)


class Span(msgspec.Struct, frozen=True):
    """A version in a role over event time; `end` is None while it lasts. `share` is the canary's, 1 otherwise."""

    version: int
    role: str
    start: datetime
    end: datetime | None
    share: float = 1.0


@dataclass(frozen=True)
class Life:
    """Everything a report shows.

    start, end   event time from the first release (or shortly before) to the newest day, decision or alarm
    outcome      name of the outcome in the definition
    days         per version: the days that were counted, ascending
    references   per version: what it was trained on; without versions whose artifact cannot be read
    times        per ledger number: event time, where an entry has one (see `_event_times`)
    """

    model: str
    start: datetime
    end: datetime
    outcome: str
    number: int
    route: Route
    versions: tuple[VersionRow, ...]
    gates: Mapping[int, GateResult]
    spans: tuple[Span, ...]
    alarms: tuple[Alarm, ...]
    drift: tuple[Judged, ...]
    entries: tuple[Entry, ...]
    times: Mapping[int, datetime]
    days: Mapping[int, Sequence[DayStatistics]]
    references: Mapping[int, Reference]
    answered: tuple[Answered, ...]

    @property
    def labelled_until(self) -> int | None:
        """The last day all of whose outcomes had their time to arrive; None without one."""
        ripe = [day.day for version in self.days for day in self.ripe(version)]
        return max(ripe, default=None)

    def over(self, alarm: Alarm) -> datetime | None:
        """When an alarm closed, or when its version stopped serving, because no verdict closes it then; else None."""
        if alarm.closed_event_time is not None or alarm.version is None:
            return alarm.closed_event_time
        ends = [span.end for span in self.spans if span.version == alarm.version]
        known = [end for end in ends if end is not None]
        return max(*known, alarm.opened_event_time) if known and len(known) == len(ends) else None

    def ripe(self, version: int) -> list[DayStatistics]:
        """The counted days of a version whose outcomes had their time to arrive, ascending."""
        return [day for day in self.days[version] if day.profile.n and day.matured >= RIPE * day.profile.n]


def read_life(stores: Stores, model: str) -> Life:
    """Read the life of a model; UnknownName when it has no version."""
    versions = stores.versions.all(model)
    if not versions:
        raise UnknownName(
            f"model {model!r} has no version in namespace {stores.settings.namespace}, so there is nothing to report: "
            "train one first"
        )
    flips, entries, alarms = (
        stores.plans.history(model),
        stores.ledger.entries(model),
        stores.alarms.episodes(model),
    )
    number, route = stores.plans.route(model)
    by_day = answered(stores, model)
    known = [micros(flip.event_time) for flip in flips]
    known += [(row.day + 1) * DAY_MICROS for row in by_day]
    known += [micros(alarm.closed_event_time or alarm.opened_event_time) for alarm in alarms]
    end = instant(max(known, default=max(micros(row.run.as_of or row.registered_at) for row in versions)))
    times = _event_times(entries, end)
    begun = min(
        [flip.event_time for flip in flips] + [instant(row.day * DAY_MICROS) for row in by_day[:1]],
        default=end,
    )
    start = min([time for time in times.values() if begun - PRELUDE <= time], default=begun)
    first, last = micros(start) // DAY_MICROS, micros(end) // DAY_MICROS
    return Life(
        model=model, start=min(start, end - DAY), end=end, outcome=_outcome(stores, versions), number=number,
        route=route, versions=versions,
        gates={row.version: found for row in versions if (found := stores.gates.latest_gate(model, row.version))},
        spans=spans(flips),
        alarms=alarms,
        drift=tuple(
            judged
            for check in ("input_distance", "prediction_distance")
            for judged in stores.alarms.verdicts(model, check=check)
        ),
        entries=entries, times=times,
        days={row.version: kept_days(stores, row, first - 1, last) for row in versions},
        references=_references(stores, versions),
        answered=by_day,
    )  # fmt: skip


def spans(flips: Sequence[Entry]) -> tuple[Span, ...]:
    """Who had which role from when to when, from the flips of a model in ascending order.

    A version that keeps its role over a flip keeps its span; a canary whose share changes begins a new one.
    """
    found: list[Span] = []
    lasting: dict[tuple[str, int, float], datetime] = {}
    for flip in flips:
        roles = _roles(flip.route or Route())
        ended = [key for key in lasting if key not in roles]
        found += [Span(key[1], key[0], lasting.pop(key), flip.event_time, key[2]) for key in ended]
        for key in roles:
            lasting.setdefault(key, flip.event_time)
    found += [Span(version, role, since, None, share) for (role, version, share), since in lasting.items()]
    return tuple(sorted(found, key=lambda span: (span.start, span.role, span.version)))


def _roles(route: Route) -> list[tuple[str, int, float]]:
    named = [
        ("champion", route.champion, 1.0),
        ("canary", route.canary, route.canary_share),
        ("shadow", route.shadow, 1.0),
    ]
    return [(role, version, share) for role, version, share in named if version is not None]


def _event_times(entries: Sequence[Entry], end: datetime) -> dict[int, datetime]:
    """Where each entry stands in event time.

    In a replay a command that was not told the virtual time writes the real one, years later; such an entry stands
    where the entries around it stand, the one before it if there is one.
    """
    own = {entry.seq: entry.event_time for entry in entries if entry.event_time <= end}
    placed: dict[int, datetime] = {}
    before = min(own.values(), default=end)
    for entry in entries:
        before = own.get(entry.seq, before)
        placed[entry.seq] = before
    return placed


def _references(stores: Stores, versions: Sequence[VersionRow]) -> dict[int, Reference]:
    paths = {row.version: stores.settings.artifacts / row.digest / PROFILES_FILE for row in versions}
    return {
        version: Reference.from_json(path.read_bytes()) for version, path in paths.items() if path.exists()
    }


def _outcome(stores: Stores, versions: Sequence[VersionRow]) -> str:
    """Name of the outcome; "the outcome" where no artifact can be read, because a report is for bad days too."""
    for row in reversed(versions):
        try:
            return str(
                read_model(stores.settings.artifacts / row.digest).outcome.get("name") or "the outcome"
            )
        except (CorruptArtifact, Refused):
            continue
    return "the outcome"


def merged(spans: Sequence[Span]) -> list[Span]:
    """Spans of one version and role that follow each other without a gap, as one; shares of canaries set aside."""
    whole: list[Span] = []
    for (_, _), group in itertools.groupby(
        sorted(spans, key=lambda s: (s.role, s.version, s.start)), key=lambda s: (s.role, s.version)
    ):
        for span in group:
            last = whole[-1] if whole else None
            if last and (last.role, last.version, last.end) == (span.role, span.version, span.start):
                whole[-1] = msgspec.structs.replace(last, end=span.end)
            else:
                whole.append(span)
    return sorted(whole, key=lambda span: span.start)
