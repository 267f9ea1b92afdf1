"""The tables and tiles of a model's report: rows of finished text.

Not here: the markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from roadworthy.jobs import life_words as words
from roadworthy.jobs.days import ANSWERING
from roadworthy.jobs.life import Life, merged
from roadworthy.jobs.life_weeks import JudgedWeek
from roadworthy.monitoring.budget import share_of
from roadworthy.registry.versions import VersionRow

#: Weeks that the tile about quality looks back.
RECENT = 4


class Tile(msgspec.Struct, frozen=True):
    """One fact at the top of the page; `tone` is "", "pass", "fail" or "wait"."""

    title: str
    value: str
    note: str
    tone: str = ""


class AlarmRow(msgspec.Struct, frozen=True):
    """An episode; `unjudged` when it ended only because its version stopped serving."""

    opened: str
    closed: str
    lasted: str
    check: str
    question: str
    about: str
    version: int | None
    sentence: str
    severity: str
    calls_for: str
    is_open: bool
    unjudged: bool


class VersionLine(msgspec.Struct, frozen=True):
    """A version: what it was trained on, what the gate said, when it served."""

    version: int
    role: str
    trained: str
    rows: str
    auc: str
    auc_interval: str
    gate: str
    served: tuple[str, ...]
    answered: str
    digest: str
    barred: str


class LedgerRow(msgspec.Struct, frozen=True):
    """A decision; `real` is "" outside a replay."""

    seq: int
    when: str
    real: str
    action: str
    version: int | None
    actor: str
    reason: str
    kind: str


def tiles(life: Life, weeks: Sequence[JudgedWeek]) -> list[Tile]:
    """What a reader wants to know first."""
    champion = life.route.champion
    alarms, warnings = words.open_alarms(life)
    tone = "fail" if alarms else "wait" if warnings else "pass"
    total = sum(row.n for row in life.answered)
    days = len({row.day for row in life.answered})
    labelled = life.labelled_until
    return [
        Tile("Serving", "nothing" if champion is None else f"version {champion}", _serving_note(life)),
        Tile("Open now", words.counted(alarms, "alarm"), f"and {words.counted(warnings, 'warning')}", tone),
        Tile(
            "Outcomes complete to", "–" if labelled is None else words.day_date(labelled),
            "no day has matured yet" if labelled is None else "later days still wait",
        ),
        Tile("Predictions answered", f"{total:,}", f"on {words.counted(days, 'day')}" if days else "none is logged"),
        _quality(weeks),
    ]  # fmt: skip


def _serving_note(life: Life) -> str:
    lasting = [span for span in merged(life.spans) if span.role == "champion" and span.end is None]
    return f"since {words.date(lasting[-1].start)}" if lasting else "no version was promoted"


def _quality(weeks: Sequence[JudgedWeek]) -> Tile:
    recent = [each.week for each in weeks[-RECENT:]]
    n = sum(week.n for week in recent)
    title = f"Last {words.counted(len(recent), 'week')}" if len(recent) > 1 else "Last week"
    if not n:
        return Tile(title, "–", "no outcomes yet")
    predicted = sum(week.predicted * week.n for week in recent) / n
    observed = sum(week.observed * week.n for week in recent) / n
    return Tile(
        title, f"{predicted:.0%} → {observed:.0%}".replace("%", " %"), "predicted → observed"
    )  # fmt: skip


def alarms(life: Life) -> list[AlarmRow]:
    """Every episode: open ones first, then the newest."""
    rows = []
    newest = sorted(
        life.alarms, key=lambda each: (life.over(each) is None, each.opened_event_time), reverse=True
    )
    for alarm in newest:
        share, end = share_of(alarm.check), life.over(alarm)
        rows.append(
            AlarmRow(
                opened=words.date(alarm.opened_event_time), closed="open" if end is None else words.date(end),
                unjudged=end is not None and alarm.closed_at is None,
                lasted=words.length((end or life.end) - alarm.opened_event_time), check=words.check_name(alarm.check),
                question=words.QUESTIONS.get(alarm.check, ""), about=words.part_of(alarm.subject) or "the model",
                version=alarm.version, sentence=alarm.reason, severity=share.severity, calls_for=share.calls_for,
                is_open=end is None,
            )
        )  # fmt: skip
    return rows


def versions(life: Life) -> list[VersionLine]:
    """Every version, the newest first."""
    return [_version(life, row) for row in reversed(life.versions)]


def _version(life: Life, row: VersionRow) -> VersionLine:
    run, auc, gate = row.run, row.run.metrics.get("auc"), life.gates.get(row.version)
    own = merged([span for span in life.spans if span.version == row.version])
    answered = sum(each.n for each in life.answered if each.version == row.version and each.role in ANSWERING)
    roles = {life.route.champion: "champion", life.route.canary: "canary", life.route.shadow: "shadow"}
    trained = (
        f"{words.calendar(run.trained_from)} to {words.calendar(run.trained_until - timedelta(microseconds=1))}"
        if run.trained_from and run.trained_until
        else "–"
    )
    interval = auc is not None and auc.low is not None and auc.high is not None
    return VersionLine(
        version=row.version, role="barred" if row.barred_at else roles.get(row.version, ""), trained=trained,
        rows=f"{run.rows:,}" if run.rows else "–", auc="–" if auc is None else f"{auc.value:.3f}",
        auc_interval=f"{auc.low:.3f} to {auc.high:.3f}" if auc is not None and interval else "",
        gate="not asked" if gate is None else gate.ruling,
        served=tuple(f"{span.role} {words.period(max(span.start, life.start), span.end)}" for span in own),
        answered=f"{answered:,}", digest=row.digest[:12], barred=row.barred_reason,
    )  # fmt: skip


def ledger(life: Life) -> list[LedgerRow]:
    """Every decision, the newest first."""
    replayed = any(entry.at - entry.event_time > timedelta(days=2) for entry in life.entries)
    return [
        LedgerRow(
            seq=entry.seq, when=words.date(life.times[entry.seq]), real=words.date(entry.at) if replayed else "",
            action=entry.action, version=entry.version, actor=entry.actor, reason=entry.reason,
            kind=words.decision_kind(entry) or "",
        )
        for entry in reversed(life.entries)
    ]  # fmt: skip
