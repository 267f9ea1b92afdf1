"""Predictions: their mean, median and 99th percentile, day by day, before any label is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from roadworthy.monitoring.null import Series
from roadworthy.monitoring.watch import Days, Lens, Watched, furthest
from roadworthy.profiles.reference import Reference
from roadworthy.profiles.summary import OutputSummary

#: Probabilities this near to 0 and 1 count as equal.
CLIP = 1e-5
#: Odds that differ by a factor of four.
FAR = float(np.log(4.0))


def mean(reference: Reference) -> list[Watched]:
    """Mean answer: a scale that shifts moves it first."""
    return [_watched("prediction_mean", "mean prediction", reference, lambda output: output.mean, None)]


def median(reference: Reference) -> list[Watched]:
    """Half of the answers lie below."""
    return [
        _watched("prediction_p50", "median prediction", reference, lambda output: output.quantile(0.5), 0.5)
    ]


def top(reference: Reference) -> list[Watched]:
    """One answer in a hundred lies above; falls to the median when the output becomes constant."""
    read = lambda output: output.quantile(0.99)  # noqa: E731  # a name for the line's length
    return [_watched("prediction_p99", "99th percentile of predictions", reference, read, 0.99)]


def _watched(
    check: str,
    words: str,
    reference: Reference,
    statistic: Callable[[OutputSummary], float],
    share: float | None,
) -> Watched:
    sampling = _sampling(reference.profile.output, share)

    def read(reference: Reference, days: Days, own: bool) -> Series:
        held = [day for day in days if day.profile.output.n]
        value = np.clip([statistic(day.profile.output) for day in held], CLIP, 1.0 - CLIP)
        rows = np.array([day.profile.output.n for day in held], dtype=np.float64)
        logit = np.log(value / (1.0 - value))
        return Series(np.array([day.day for day in held], dtype=np.int64), logit, sampling / rows)

    cap = max(1.5 * furthest(read(reference, reference.days, True)), FAR)
    return Watched(
        check,
        "",
        (Lens(read, (1, 7, 28), "both", cap=cap),),
        f"{words} {{measured}}",
        lambda value: float(1.0 / (1.0 + np.exp(-value))),
        unit="probability",
        rows=lambda day: day.profile.output.n,
    )


def _sampling(output: OutputSummary, share: float | None) -> float:
    """Sampling variance of the statistic's logit, times the rows: what few rows alone make it vary by."""

    def logit(p: float) -> float:
        kept = min(max(p, CLIP), 1.0 - CLIP)
        return float(np.log(kept / (1.0 - kept)))

    if share is None:
        spread = (output.quantile(0.84) - output.quantile(0.16)) / 2
        centre = min(max(output.mean, CLIP), 1.0 - CLIP)
        return max((spread / (centre * (1.0 - centre))) ** 2, 1e-3)
    step = min(share, 1.0 - share) / 2
    slope = (logit(output.quantile(share + step)) - logit(output.quantile(share - step))) / (2 * step)
    return max(share * (1.0 - share) * slope**2, 1e-3)
