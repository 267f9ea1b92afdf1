"""Coverage: the share of rows in which an input is missing, and in which a feature's value is unknown to the model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from roadworthy.monitoring.null import Score, Series, Side
from roadworthy.monitoring.watch import Days, Lens, Watched, furthest
from roadworthy.profiles.reference import Reference
from roadworthy.profiles.summary import DayStatistics

Count = Callable[[DayStatistics], int]

#: The answers are watched like an input: an answer that is no number is a missing one.
PREDICTION = "(prediction)"
#: A share that moved by less than this on one day, or over a week, is never an alarm, however sure it is.
SMALLEST = {1: 0.05, 7: 0.01}
#: A quarter of the rows that were never missing before, on the scale on which shares are compared.
FAR = 1.0


def missing(reference: Reference) -> list[Watched]:
    """Missing share of every input and of the answers; a sudden improvement is suspicious too (0 for null)."""
    inputs = [_watched("missing", name, reference, _missing_of(name)) for name in reference.cells]
    return [*inputs, _watched("missing", PREDICTION, reference, lambda day: day.profile.output.invalid)]


def unknown(reference: Reference) -> list[Watched]:
    """Share of values outside the vocabulary, of every feature; falling is no fault."""
    return [_watched("unknown", name, reference, _unknown_of(name)) for name in reference.profile.features]


def _missing_of(name: str) -> Count:
    return lambda day: day.profile.inputs[name].missing


def _unknown_of(name: str) -> Count:
    return lambda day: day.profile.features[name].unknown


def _watched(check: str, key: str, reference: Reference, count: Count) -> Watched:
    def read(reference: Reference, days: Days, own: bool) -> Series:
        held = [day for day in days if day.profile.n]
        rows = np.array([day.profile.n for day in held], dtype=np.float64)
        marked = np.array([count(day) for day in held], dtype=np.float64)
        # Anscombe (1948), Biometrika 35: on this scale a share's sampling variance is 1 / rows wherever it lies.
        value = 2.0 * np.arcsin(np.sqrt((marked + 0.375) / (rows + 0.75)))
        return Series(np.array([day.day for day in held], dtype=np.int64), value, 1.0 / (rows + 0.5))

    usual = sum(count(day) for day in reference.days) / max(reference.profile.n, 1)

    def matters(score: Score, days: Days) -> bool:
        rows = sum(day.profile.n for day in days)
        return abs(sum(count(day) for day in days) / max(rows, 1) - usual) >= SMALLEST[score.window]

    side: Side = "both" if check == "missing" else "above"
    cap = max(2.0 * furthest(read(reference, reference.days, True)), FAR)
    return Watched(
        check,
        key,
        (Lens(read, tuple(SMALLEST), side, cap=cap),),
        f"{{key}} is {check} in a share of {{measured}}",
        lambda value: float(np.sin(np.clip(value, 0.0, np.pi) / 2) ** 2),
        unit="share of rows",
        material=matters,
    )
