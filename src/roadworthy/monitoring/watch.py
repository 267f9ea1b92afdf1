"""One thing that is watched, and how it is judged: a daily number, its trailing windows, and words for a person.

Not here: the things themselves; each check has a file that says what it watches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from roadworthy.clock import DAY_MICROS, instant
from roadworthy.monitoring.budget import share_of
from roadworthy.monitoring.null import LEAST_REFERENCE_DAYS, Null, Score, Series, Side
from roadworthy.profiles.reference import Reference
from roadworthy.profiles.summary import DayStatistics
from roadworthy.verdict import Ruling, Verdict

Days = Sequence[DayStatistics]


@dataclass(frozen=True, slots=True)
class Lens:
    """One way to turn days into a daily number.

    read      (reference, days in ascending order, own) → the number of each day that has one; `own` says that the
              days are the reference's, so that a comparison must leave each out of what it is compared with
    windows   trailing windows over which the number is averaged, in days
    side      which deviations count
    pooled    days pooled into one number by `read` itself; 1 where it reads each day alone
    cap       a deviation of which no person would ask for a threshold: twice as far as any reference day ever was
              and far by itself; without it the tail of two odd days in half a year can put the threshold out of reach
    trim      leave out the first and the last reference day, which the cut of the period may have cut too
    """

    read: Callable[[Reference, Days, bool], Series]
    windows: tuple[int, ...]
    side: Side
    pooled: int = 1
    cap: float = math.inf
    trim: bool = False

    @property
    def reach(self) -> int:
        """How many days back a judgement looks."""
        return self.pooled + max(self.windows) - 1


def furthest(series: Series) -> float:
    """How far any day of a series is from its mean; 0 without days."""
    return float(abs(series.value - series.value.mean()).max()) if series.days.size else 0.0


@dataclass(frozen=True, slots=True)
class Watched:
    """One verdict a day: a check, what it is about, and the words for it.

    check      name in the budget
    key        input, feature or ""
    lenses     the numbers that are watched; the worst decides
    shown      number → what people call it, such as a log-odds back to a factor
    sentence   such as "observed odds are {measured} times the predicted ones"
    unit       unit of the shown number
    material   whether a deviation matters at all, given the days of its window; a difference may be sure and tiny
    rows       rows a day's number rests on
    evidence   further numbers about the days of the deciding window, JSON-compatible
    """

    check: str
    key: str
    lenses: tuple[Lens, ...]
    sentence: str
    shown: Callable[[float], float]
    unit: str = ""
    material: Callable[[Score, Days], bool] = lambda score, days: True
    rows: Callable[[DayStatistics], int] = lambda day: day.profile.n
    evidence: Callable[[Days], dict[str, Any]] = field(default=lambda days: {})


def judge(
    watched: Watched, nulls: Sequence[Null | None], reference: Reference, days: Days, day: int, subject: str
) -> Verdict:
    """The verdict on the windows that end with `day`; reads nothing later.

    nulls    what healthy looks like through each lens; None where the reference was too short
    days     at least the last `reach` days; ascending
    """
    about = f"{subject} {watched.key}".strip()
    known = [statistics for statistics in days if statistics.day <= day]
    judged: list[tuple[Lens, Score]] = []
    for lens, null in zip(watched.lenses, nulls, strict=True):
        recent = [statistics for statistics in known if statistics.day > day - lens.reach]
        if null is not None and recent:
            judged += [(lens, score) for score in null.score(lens.read(reference, recent, False), day)]
    if not judged:
        return _insufficient(watched, nulls, about, day)
    windows = {id(score): _window(known, day, lens.pooled + score.window - 1) for lens, score in judged}
    real = [pair for pair in judged if watched.material(pair[1], windows[id(pair[1])])]
    lens, worst = max(real or judged, key=lambda pair: pair[1].beyond)
    inside = windows[id(worst)]
    ruling: Ruling = "fail" if real and worst.beyond > 1.0 else "pass"
    n = sum(watched.rows(statistics) for statistics in inside)
    length = lens.pooled + worst.window - 1
    measured, limit = watched.shown(worst.mean), _limit(watched, worst)
    verb = (
        "outside"
        if ruling == "fail"
        else "beyond, but too little to matter:"
        if worst.beyond > 1
        else "within"
    )
    span = f"on {date(day)}" if length == 1 else f"over {length} days to {date(day)}"
    reason = f"{watched.sentence.format(key=watched.key, measured=f'{measured:.4g}')} {span}, {verb} {limit} (n={n:,})"
    share = share_of(watched.check)
    evidence: dict[str, Any] = {
        "severity": share.severity,
        "calls_for": share.calls_for,
        "day": day,
        "window_days": length,
        "score": round(worst.beyond, 4),
        "scores": {str(other.pooled + score.window - 1): round(score.beyond, 4) for other, score in judged},
        **watched.evidence(inside),
    }
    return Verdict(
        check=watched.check,
        subject=about,
        ruling=ruling,
        reason=reason,
        measured=measured if math.isfinite(measured) else None,
        limit=limit,
        unit=watched.unit,
        n=n,
        evidence=evidence,
    )


def date(day: int) -> str:
    """The date of a day number.

    >>> date(15887)
    '2013-07-01'
    """
    return instant(int(day) * DAY_MICROS).date().isoformat()


def _window(days: Days, day: int, length: int) -> Days:
    return [statistics for statistics in days if day - length < statistics.day <= day]


def _limit(watched: Watched, score: Score) -> str:
    low, high = (watched.shown(end) if math.isfinite(end) else None for end in (score.low, score.high))
    if low is None or high is None:
        return f">= {low:.4g}" if low is not None else f"<= {high:.4g}"
    return f"{low:.4g} to {high:.4g}"


def _insufficient(watched: Watched, nulls: Sequence[Null | None], about: str, day: int) -> Verdict:
    share = share_of(watched.check)
    short = all(null is None for null in nulls)
    reason = (
        f"{watched.check} has no threshold: the reference has fewer than {LEAST_REFERENCE_DAYS} days to learn it from"
        if short
        else f"{watched.check} has too few days with evidence up to {date(day)}"
    )
    evidence = {"severity": share.severity, "calls_for": share.calls_for, "day": day}
    return Verdict(
        check=watched.check, subject=about, ruling="insufficient", reason=reason, evidence=evidence
    )
