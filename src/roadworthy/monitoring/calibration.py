"""Calibration: do as many events happen as the model said; judged only where outcomes have matured.

The daily number is the log of observed over predicted odds. On that scale calm and stormy months vary alike, a rare
event as a frequent one; the plain gap of a week is three times as wide in June as in January.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from roadworthy.monitoring.null import Score, Series
from roadworthy.monitoring.watch import Days, Lens, Watched
from roadworthy.profiles.reference import Reference
from roadworthy.profiles.scores import SCORE_UNIT
from roadworthy.profiles.summary import DayStatistics, LabelSummary

Floats = npt.NDArray[np.float64]

#: A gap or calibration error below this (a probability) is never an alarm, however sure it is.
SMALLEST = 0.01
LEAST_ROWS = 10
WEEK = 7


def gap(reference: Reference) -> list[Watched]:
    """Mean prediction against observed rate over a week, four weeks and a quarter."""
    return [
        Watched(
            "calibration",
            "",
            (Lens(_read_gap, (7, 28, 91), "both"),),
            "observed odds are {measured} times the predicted ones",
            lambda value: float(np.exp(value)),
            unit="odds ratio",
            material=_gap_matters,
            rows=lambda day: day.labels.n,
            evidence=_evidence,
        )
    ]


def error(reference: Reference) -> list[Watched]:
    """Calibration error over a week: gaps that cancel in the mean do not cancel here."""
    return [
        Watched(
            "calibration_error",
            "",
            (Lens(_read_error, (1,), "above", pooled=WEEK),),
            "calibration error {measured}",
            lambda value: float(np.exp(value)),
            unit="probability",
            material=lambda score, days: bool(np.exp(score.mean) >= SMALLEST),
            rows=lambda day: day.labels.n,
            evidence=_evidence,
        )
    ]


def together(days: Days) -> LabelSummary:
    """The labels of all these days."""
    parts = (
        np.array(columns).sum(axis=0) for columns in zip(*(_parts(day.labels) for day in days), strict=True)
    )
    return LabelSummary(*(tuple(part.tolist()) for part in parts))


def _parts(labels: LabelSummary) -> tuple[tuple[int, ...], ...]:
    return labels.rows, labels.totals, labels.events, labels.positives, labels.negatives


def labelled(days: Days) -> list[DayStatistics]:
    """The days with enough labels to say anything."""
    return [day for day in days if day.labels.n >= LEAST_ROWS]


def _read_gap(reference: Reference, days: Days, own: bool) -> Series:
    held = labelled(days)
    base = reference.labels.observed / max(reference.labels.n, 1)
    n = np.array([day.labels.n for day in held], dtype=np.float64)
    expected = np.array([day.labels.expected for day in held])
    observed = np.array([day.labels.observed for day in held], dtype=np.float64)
    # A tenth of the usual events is added to both sides: a day without events is calm, not infinitely calm.
    added = np.maximum(0.1 * n * base * (1.0 - base), 0.5)
    value = _log_odds(observed, n, added) - _log_odds(expected, n, added)
    inside = np.clip(expected, 0.0, n)
    variance = n / ((inside + added) * (n - inside + added))
    return Series(np.array([day.day for day in held], dtype=np.int64), value, variance)


def _log_odds(events: Floats, n: Floats, added: Floats) -> Floats:
    inside = np.clip(events, 0.0, n)
    odds: Floats = np.log((inside + added) / (n - inside + added))
    return odds


def _gap_matters(score: Score, days: Days) -> bool:
    """The pooled gap is large enough to matter and points the way the daily numbers do."""
    pooled = together(days).gap
    return abs(pooled) >= SMALLEST and (pooled < 0) == (score.mean > 0)


def _evidence(days: Days) -> dict[str, Any]:
    labels = together(days)
    return {
        "predicted": round(labels.expected / max(labels.n, 1), 5),
        "observed": round(labels.observed / max(labels.n, 1), 5),
        "gap": round(labels.gap, 5),
        "calibration_error": round(labels.calibration_error, 5),
    }


def _read_error(reference: Reference, days: Days, own: bool) -> Series:
    held = labelled(days)
    number = np.array([day.day for day in held], dtype=np.int64)
    usual = _sampling(np.array([reference.labels.rows]) / max(len(reference.days), 1) * WEEK,
                      np.array([reference.labels.events]) / max(len(reference.days), 1) * WEEK)[0]  # fmt: skip
    if not held:
        return Series(number, np.zeros(0), np.zeros(0))
    rows, totals, events = (
        _running([getattr(day.labels, part) for day in held]) for part in ("rows", "totals", "events")
    )
    start = np.searchsorted(number, number - WEEK + 1)
    here = np.arange(number.size) + 1
    enough = here - start >= (
        WEEK if own else WEEK - 1
    )  # fewer days are more scattered than the reference's weeks
    rows, totals, events = (part[here] - part[start] for part in (rows, totals, events))
    squared = (np.abs(totals * SCORE_UNIT - events).sum(axis=1) / rows.sum(axis=1)) ** 2
    sampling = _sampling(rows, events)
    excess = np.maximum(sampling - usual, 0.0)
    kept = np.maximum(squared - excess, usual / 4.0)
    variance = excess / kept + 1e-4
    return Series(number[enough], (0.5 * np.log(kept))[enough], variance[enough])


def _running(lines: list[tuple[int, ...]]) -> Floats:
    table = np.array(lines, dtype=np.float64)
    return np.concatenate([np.zeros((1, table.shape[1])), np.cumsum(table, axis=0)])


def _sampling(rows: Floats, events: Floats) -> Floats:
    """Square of the calibration error that a perfectly calibrated model shows with so many rows in each cell."""
    rate = (events + 0.5) / (rows + 1.0)
    absolute = np.sqrt(2.0 / np.pi * rows * rate * (1.0 - rate)).sum(axis=-1)
    square: Floats = (absolute / np.maximum(rows.sum(axis=-1), 1.0)) ** 2
    return square
