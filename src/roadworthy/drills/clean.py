"""How often the guards cry wolf: windows without any fault, resampled from healthy days.

Days of the reference period are drawn in blocks of a week, so that days stay beside their neighbours and weekdays in
their place; monitors look at each window as they look at life, a day at a time. The gate judges the healthy
candidate again on held-out days drawn with replacement. What really drifts in the data is not in here: both come from
days that the candidate's own reference holds. It is counted apart, by the control of the drills.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import as_completed
from copy import copy
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from roadworthy.drills.cell import opened
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.pool import pool
from roadworthy.errors import TooFewSamples
from roadworthy.gate.catalogue import checks_as
from roadworthy.gate.check import Check
from roadworthy.gate.decision import decide
from roadworthy.gate.evidence import Evidence
from roadworthy.jobs.days import Watched
from roadworthy.jobs.gate import measure
from roadworthy.monitoring.budget import SHARES, Budget, share_of
from roadworthy.monitoring.window import judge_day, judge_matured
from roadworthy.profiles.reference import Reference
from roadworthy.profiles.summary import DayStatistics
from roadworthy.verdict import Verdict

Progress = Callable[[str, int, int], None]

#: Windows in a run that is to say anything.
WINDOWS = 200

#: Days of one window, and of what monitors knew before it.
WATCHED_DAYS, KNOWN_DAYS, WEEK = 14, 28, 7

#: Standard deviations of a normal distribution that hold 95 % of it.
Z = 1.959964


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """A share of windows with its 95 % interval (Wilson).

    of   windows in which it happened
    n    windows looked at
    """

    of: int
    n: int
    low: float
    high: float

    @classmethod
    def counted(cls, of: int, n: int) -> Rate:
        """The rate of `of` in `n`; Wilson (1927), JASA 22, 209.

        >>> found = Rate.counted(2, 200)
        >>> round(found.low, 4), round(found.high, 4)
        (0.0027, 0.0357)
        """
        if n == 0:
            raise TooFewSamples("no window was looked at")
        share, spread = of / n, Z * Z / n
        middle = (share + spread / 2) / (1 + spread)
        half = Z / (1 + spread) * math.sqrt(share * (1 - share) / n + spread / (4 * n))
        return cls(of=of, n=n, low=max(middle - half, 0.0), high=min(middle + half, 1.0))

    def __str__(self) -> str:
        return (
            f"{self.of} of {self.n} ({self.of / self.n:.1%}, 95 % interval {self.low:.1%} to {self.high:.1%})"
        )


class Clean(msgspec.Struct, frozen=True, kw_only=True):
    """False alarms without a fault.

    refused    windows in which the gate failed the healthy candidate
    held       windows in which it said `insufficient` and waited for more evidence, beside those
    alarmed    windows of two weeks in which a monitor raised an alarm
    warned     windows in which one raised a warning
    budgeted   windows with an alarm or warning to expect of the monitors' budget
    checks     check → windows in which it was not `pass` (the gate) or failed (monitors)
    """

    refused: Rate
    held: Rate
    alarmed: Rate
    warned: Rate
    budgeted: float
    checks: Mapping[str, int] = {}

    def sentence(self) -> str:
        """What a person wants to read."""
        which = ", ".join(f"{check} {count}" for check, count in self.checks.items()) or "none"
        return (
            f"without a fault: the gate refused {self.refused} and waited in {self.held} windows; monitors raised an "
            f"alarm in {self.alarmed} and a warning in {self.warned} windows of {WATCHED_DAYS} days, of which their "
            f"budget allows {self.budgeted:.1%} together; by check: {which}"
        )


def clean_windows(
    healthy: Deployment,
    *,
    windows: int = WINDOWS,
    seed: int = 0,
    progress: Progress = lambda step, done, total: None,
) -> Clean:
    """Judge as many windows without a fault, by the gate and by the monitors, and count what is raised."""
    with pool(2) as workers:
        progress("clean windows", 0, 2)
        gated = workers.submit(_gate, healthy.home, windows, seed)
        monitored = workers.submit(_monitors, healthy.home, windows, seed)
        for number, _ in enumerate(as_completed([gated, monitored]), 1):
            progress("clean windows", number, 2)
        refused, held, blocking = gated.result()
        alarmed, warned, failing = monitored.result()
    yearly = sum(Budget().of(check) for check in SHARES)
    return Clean(
        refused=Rate.counted(refused, windows),
        held=Rate.counted(held, windows),
        alarmed=Rate.counted(alarmed, windows),
        warned=Rate.counted(warned, windows),
        budgeted=1.0 - math.exp(-yearly * WATCHED_DAYS / 365.0),
        checks=dict(sorted((blocking + failing).items())),
    )


def _gate(home: Path, windows: int, seed: int) -> tuple[int, int, Counter[str]]:
    """In how many windows the gate fails, and waits, and for which checks.

    Only checks that look at held-out rows are asked again; the others would say what they said.
    """
    healthy = Deployment.at(home)
    described = healthy.description
    with opened(healthy) as stores:
        row = stores.versions.get(described.model, described.candidate)
        evidence = measure(stores, row, healthy.timeline.live_from)
        checks = checks_as(row.run.details.get("checks", {}))
    asked = [check for check in checks if check.required and _reads_holdout(check, evidence)]
    fixed = [verdict for check in checks if check not in asked for verdict in check.judge(evidence)]
    required = {check.name for check in checks if check.required}
    chance, found = np.random.default_rng(seed), Counter[str]()
    refused = held = 0
    for _ in range(windows):
        drawn = resampled(evidence, chance)
        verdicts = [verdict for check in asked for verdict in check.judge(drawn)]
        decision = decide([*fixed, *verdicts], required)
        refused += decision.ruling == "fail"
        held += decision.ruling in ("insufficient", "error")
        found.update({f"gate {verdict.check}" for verdict in decision.blocking})
    return refused, held, found


def _reads_holdout(check: Check, evidence: Evidence) -> bool:
    without = check.judge(replace(evidence, holdout=None))
    return [each.ruling for each in without] != [each.ruling for each in check.judge(evidence)]


def resampled(evidence: Evidence, chance: np.random.Generator) -> Evidence:
    """The evidence on as many days, drawn with replacement; a day drawn twice counts as two days.

    Whatever has one value a held-out row is drawn alike, wherever it stands in the evidence.
    """
    assert evidence.holdout is not None, "a healthy candidate was gated on held-out rows"
    days = evidence.holdout.days
    drawn = chance.choice(np.unique(days), np.unique(days).size)
    rows = [np.flatnonzero(days == day) for day in drawn]
    place = np.concatenate(rows)
    numbered = np.repeat(np.unique(days), [len(each) for each in rows])
    taken: Evidence = _taken(evidence, evidence.holdout.n, place)
    assert taken.holdout is not None, "it was there before"
    return replace(taken, holdout=replace(taken.holdout, days=numbered), seed=int(chance.integers(2**31)))


def _taken(value: Any, n: int, place: np.ndarray) -> Any:
    """The rows at these places of every array that has n rows, in records, mappings and tuples too.

    Facts that name held-out rows by their number say themselves what becomes of them (`of_rows`).
    """
    if hasattr(value, "of_rows"):
        return value.of_rows(place)
    if isinstance(value, np.ndarray):
        axes = [axis for axis, size in enumerate(value.shape) if size == n]
        return value.take(place, axis=axes[-1]) if axes else value
    if isinstance(value, Mapping):
        return {name: _taken(each, n, place) for name, each in value.items()}
    if isinstance(value, tuple):
        return tuple(_taken(each, n, place) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        names = [each.name for each in fields(value) if each.init]
        made = copy(value)
        for name in names:
            object.__setattr__(made, name, _taken(getattr(value, name), n, place))
        return made
    return value


def _monitors(home: Path, windows: int, seed: int) -> tuple[int, int, Counter[str]]:
    """In how many windows of two weeks a monitor raises an alarm, and a warning, and which."""
    healthy = Deployment.at(home)
    described = healthy.description
    with opened(healthy) as stores:
        reference = Watched.open(stores, stores.versions.get(described.model, described.candidate)).reference
    chance, found = np.random.default_rng(seed), Counter[str]()
    alarmed = warned = 0
    for _ in range(windows):
        failing = {each.check for each in watched(drawn_days(reference.days, chance), reference)}
        found.update(f"live {check}" for check in failing)
        severities = {share_of(check).severity for check in failing}
        alarmed += "alarm" in severities
        warned += "warning" in severities
    return alarmed, warned, found


def drawn_days(days: Sequence[DayStatistics], chance: np.random.Generator) -> list[DayStatistics]:
    """Six weeks, each a week of the reference that begins on the same weekday, one after the other.

    A day on which nobody asked, such as a Sunday, stays one on which nobody asked.
    raises   TooFewSamples when the reference is shorter than a week
    """
    by_day = {day.day: day for day in days}
    first, last = min(by_day), max(by_day)
    weeks = [
        [by_day[day] for day in range(start, start + WEEK) if day in by_day]
        for start in range(first, last - WEEK + 2, WEEK)
    ]
    weeks = [week for week in weeks if week]
    if not weeks:
        raise TooFewSamples(
            f"clean windows are drawn from whole weeks, and the reference spans {last - first + 1} days"
        )
    begin, drawn = last + 1 + (first - last - 1) % WEEK, []
    for number, at in enumerate(chance.integers(len(weeks), size=(KNOWN_DAYS + WATCHED_DAYS) // WEEK)):
        drawn += [
            msgspec.structs.replace(day, day=begin + number * WEEK + (day.day - first) % WEEK)
            for day in weeks[int(at)]
        ]
    return drawn


def watched(days: Sequence[DayStatistics], reference: Reference) -> list[Verdict]:
    """What fails in the last two weeks of these days, looked at every day as in life."""
    failing = []
    since = max(day.day for day in days) - WATCHED_DAYS
    for at, today in enumerate(days):
        if today.day <= since:
            continue
        known = [day for day in days[:at] if day.day >= today.day - KNOWN_DAYS]
        verdicts = judge_day(reference, known, today)
        verdicts += judge_matured(reference, days[: at + 1])
        failing += [verdict for verdict in verdicts if verdict.ruling == "fail"]
    return failing
