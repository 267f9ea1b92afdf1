"""The charts of a model's life: turns what the stores said into rows with finished words, and those into pictures.

Not here: what a chart looks like (charts) and how the page is put together (report).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from roadworthy.charts import daily, outcomes, timeline
from roadworthy.charts.look import Spec
from roadworthy.clock import DAY_MICROS, instant, micros
from roadworthy.jobs.life import DAY, Life, merged
from roadworthy.jobs.life_drift import Moved
from roadworthy.jobs.life_weeks import Cell, JudgedWeek
from roadworthy.jobs.life_words import check_name, date, decision_kind, part_of, percent, period, points
from roadworthy.monitoring.budget import share_of
from roadworthy.monitoring.weekly import WEEK
from roadworthy.registry.alarms import Alarm

DECISIONS = "decisions"

#: Part of the time axis that is left free at both ends, so that no mark is cut.
_MARGIN = 0.012


def pictures(
    life: Life, weeks: Sequence[JudgedWeek], cells: Sequence[Cell], moved: Sequence[Moved]
) -> dict[str, Spec]:
    """Name → specification; a chart that has nothing to show is left out."""
    margin = (life.end - life.start) * _MARGIN
    span = (_ms(life.start - margin), _ms(life.end + margin))
    found: dict[str, Spec] = {}
    if life.spans or life.alarms:
        found["timeline"] = _timeline(life, span)
    if life.answered:
        found["volume"] = daily.volume(_volume(life), span)
    if weeks:
        found["outcomes"] = outcomes.predicted_and_observed([_observed(week) for week in weeks], span)
        found["gap"] = outcomes.gap([_gap(week) for week in weeks], span)
        ranked = [_ranking(week) for week in weeks if week.week.auc is not None]
        if ranked:
            found["ranking"] = outcomes.ranking(ranked, _promised(life), span)
    if cells:
        found["reliability"] = outcomes.reliability([_cell(cell) for cell in cells])
    top = _nice(max((each.peak for each in moved), default=1.0))
    for at, each in enumerate(moved):
        found[f"drift-{at}"] = daily.distance(_distance(each), span, top)
    return found


def _timeline(life: Life, span: tuple[int, int]) -> Spec:
    bands = [
        {
            "lane": each.role, "start": _ms(max(each.start, life.start)), "end": _ms(each.end or life.end),
            "version": each.version, "role": each.role, "period": period(each.start, each.end),
            "lasting": each.end is None,
        }
        for each in merged(life.spans)
    ]  # fmt: skip
    decisions = [
        {
            "lane": DECISIONS, "kind": kind, "when": date(life.times[entry.seq]),
            "at": _ms(max(life.times[entry.seq], life.start)),
            "what": entry.action + (f" of version {entry.version}" if entry.version else ""),
            "who": entry.actor, "why": entry.reason,
        }
        for entry in life.entries
        if (kind := decision_kind(entry)) is not None
    ]  # fmt: skip
    alarms = [_alarm(life, alarm) for alarm in life.alarms]
    checks = sorted({alarm["lane"] for alarm in alarms}, key=lambda lane: _rank(lane, alarms))
    roles = [role for role in ("champion", "canary", "shadow") if any(band["lane"] == role for band in bands)]
    lanes = [*roles, *([DECISIONS] if decisions else []), *checks]
    return timeline.timeline(bands, decisions, alarms, lanes, span)


def _alarm(life: Life, alarm: Alarm) -> dict[str, Any]:
    return {
        "lane": check_name(alarm.check), "start": _ms(alarm.opened_event_time),
        "end": _ms(life.over(alarm) or life.end), "severity": share_of(alarm.check).severity,
        "what": f"{check_name(alarm.check)}: {part_of(alarm.subject) or f'version {alarm.version}'}",
        "period": period(alarm.opened_event_time, life.over(alarm)), "why": alarm.reason,
    }  # fmt: skip


def _rank(lane: str, alarms: Sequence[Mapping[str, Any]]) -> tuple[bool, str]:
    """Lanes with alarms above lanes with warnings only."""
    return all(alarm["severity"] == "warning" for alarm in alarms if alarm["lane"] == lane), lane


def _volume(life: Life) -> list[dict[str, Any]]:
    rows = []
    for day, group in itertools.groupby(life.answered, key=lambda row: row.day):
        bottom = 0
        for row in group:
            start = instant(day * DAY_MICROS)
            rows.append(
                {
                    "start": _ms(start), "end": _ms(start + DAY), "version": row.version, "bottom": bottom,
                    "top": bottom + row.n, "day": date(start), "role": row.role, "count": f"{row.n:,}",
                }
            )  # fmt: skip
            bottom += row.n
    return rows


def _week(each: JudgedWeek) -> dict[str, Any]:
    start = instant(each.week.start * DAY_MICROS)
    return {
        "at": _ms(instant(round(each.middle * DAY_MICROS))), "version": each.version,
        "start": _ms(start), "end": _ms(start + WEEK * DAY),
        "week": f"from {date(start)}, {each.week.days} days", "rows": f"{each.week.n:,}",
    }  # fmt: skip


def _observed(each: JudgedWeek) -> dict[str, Any]:
    week = each.week
    low = None if week.gap_high is None else max(week.predicted - week.gap_high, 0.0)
    high = None if week.gap_low is None else min(week.predicted - week.gap_low, 1.0)
    interval = "" if low is None or high is None else f" ({percent(low)} to {percent(high)})"
    return _week(each) | {
        "predicted": week.predicted, "observed": week.observed, "low": low, "high": high,
        "predicted_text": percent(week.predicted), "observed_text": percent(week.observed) + interval,
    }  # fmt: skip


def _gap(each: JudgedWeek) -> dict[str, Any]:
    week = each.week
    band = (
        "no threshold"
        if each.least is None or each.most is None
        else f"{points(each.least)} to {points(each.most)}"
    )
    return _week(each) | {
        "gap": week.gap, "low": week.gap_low, "high": week.gap_high, "least": each.least, "most": each.most,
        "gap_text": points(week.gap), "band_text": band,
    }  # fmt: skip


def _ranking(each: JudgedWeek) -> dict[str, Any]:
    week = each.week
    interval = "" if week.auc_low is None else f" ({week.auc_low:.3f} to {week.auc_high:.3f})"
    return _week(each) | {
        "auc": week.auc, "low": week.auc_low, "high": week.auc_high, "auc_text": f"{week.auc:.3f}{interval}",
    }  # fmt: skip


def _promised(life: Life) -> list[dict[str, Any]]:
    """What training measured on held-out rows, while the version was champion."""
    held = {row.version: row.run.metrics.get("auc") for row in life.versions}
    return [
        {
            "version": span.version,
            "auc": found.value,
            "start": _ms(span.start),
            "end": _ms(span.end or life.end),
        }
        for span in merged([span for span in life.spans if span.role == "champion"])
        if (found := held.get(span.version)) is not None
    ]


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "version": cell.version, "n": cell.n, "predicted": cell.predicted, "observed": cell.observed, "low": cell.low,
        "high": cell.high, "predicted_text": percent(cell.predicted), "rows": f"{cell.n:,}",
        "observed_text": f"{percent(cell.observed)} ({percent(cell.low)} to {percent(cell.high)})",
    }  # fmt: skip


def _distance(moved: Moved) -> list[dict[str, Any]]:
    return [
        {
            "at": _ms(look.at), "times": look.times, "beyond": look.beyond, "day": date(look.at),
            "measured": f"{look.measured:.3f}", "limit": f"{look.limit:.3f}",
        }
        for look in moved.looks
    ]  # fmt: skip


def _nice(value: float) -> float:
    return next((step for step in (1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0) if step >= value), value)


def _ms(moment: datetime) -> int:
    return micros(moment) // 1_000
