"""Do the probabilities mean what they say, overall and in each tenth of the scores? For reading: it never blocks.

The calibration error on later rows, against the declared `calibration_error` limit or, where none is declared, half
the rate of the rarer outcome. What must hold is declared among the limits and judged by `limits`; this check draws
the picture: mean score and observed rate by tenth of the scores, with intervals over resampled days, and the histogram.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, compared, holdout, verdict
from roadworthy.gate.evidence import Evidence, Floats, Holdout
from roadworthy.stats.resampling import MIN_BLOCKS, block_interval, metric_intervals
from roadworthy.verdict import Limit, Verdict

NAME = "calibration"

LIMIT_NAME = "calibration_error"

HISTOGRAM_BINS = 40


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict on the calibration error, with the reliability picture as evidence."""
    data = holdout(evidence)
    found = metric_intervals(
        data.candidate,
        data.labels,
        data.days,
        evidence.chance(),
        names=["calibration_error", "calibration_gap"],
        weights=data.weights,
    )
    error, gap = found["calibration_error"], found["calibration_gap"]
    limit = evidence.limits.get(LIMIT_NAME) or default_limit(float(data.labels.mean()))
    ruling = limit.ruling(error.value, error.low, error.high)
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            compared("calibration error", error, limit, ruling, data.n)
            + f"; mean score minus rate {gap.value:+.4f}",
            measured=error.value,
            limit=str(limit),
            unit="probability",
            evidence={
                "low": error.low,
                "high": error.high,
                "gap": {"value": gap.value, "low": gap.low, "high": gap.high},
                "tenths": tenths(data, evidence.chance()),
                "histogram": _histograms(data),
            },
        ),
    )


def default_limit(rate: float) -> Limit:
    """Half the rate of the rarer outcome: twice as many or half as many as announced is off.

    >>> str(default_limit(0.24))
    '<= 0.12'
    """
    if not 0.0 < rate < 1.0:
        raise TooFewSamples("all outcomes are the same, so there is no rate to compare scores with")
    return Limit("<=", float(f"{min(rate, 1.0 - rate) / 2:.2g}"))


def tenths(data: Holdout, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Groups of rows by tenth of the scores (fewer when scores tie): mean score, observed rate with interval, n."""
    edges = np.unique(np.quantile(data.candidate, np.linspace(0.1, 0.9, 9)))
    group = np.searchsorted(edges, data.candidate, side="right")
    return [_tenth(data, group == number, rng) for number in np.unique(group)]


def _tenth(
    data: Holdout, held: np.ndarray[Any, np.dtype[np.bool_]], rng: np.random.Generator
) -> dict[str, Any]:
    labels, days = data.labels[held], data.days[held]
    entry = {"n": int(labels.size), "score": float(data.candidate[held].mean()), "rate": float(labels.mean())}
    if np.unique(days).size < MIN_BLOCKS:
        return {**entry, "low": None, "high": None}
    rate = block_interval(labels, days, rng)
    return {**entry, "low": max(rate.low, 0.0), "high": min(rate.high, 1.0)}


def _histograms(data: Holdout) -> dict[str, list[int]]:
    drawn: dict[str, Floats | None] = {"candidate": data.candidate, "champion": data.champion}
    edges = np.linspace(0.0, 1.0, HISTOGRAM_BINS + 1)
    return {
        name: np.histogram(scores, edges)[0].tolist()
        for name, scores in drawn.items()
        if scores is not None and np.isfinite(scores).all()
    }


CHECK = Check(
    name=NAME,
    required=False,
    question="Do its probabilities mean what they say?",
    remedy="Look at the reliability picture; declare a calibration_error limit if this must hold.",
    measured=judge,
)
