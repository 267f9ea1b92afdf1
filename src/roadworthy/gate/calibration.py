"""Do the probabilities mean what they say, overall and in each tenth of the scores? For reading: it never blocks.

The calibration error on later rows, against the declared `calibration_error` limit or, where none is declared, half
the rate of the rarer outcome. What must hold is declared among the limits and judged by `limits`; this check draws
the picture: mean score and observed rate by tenth of the scores, with intervals over resampled days, and the histogram.
Declared slices whose mean score minus rate surely differs from that of all rows are named, at most 1 % by chance.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, compared, holdout, verdict
from roadworthy.gate.evidence import Evidence, Floats, Holdout
from roadworthy.stats.clusters import false_discoveries, group_means
from roadworthy.stats.resampling import MIN_BLOCKS, block_interval, metric_intervals
from roadworthy.verdict import Limit, Verdict

NAME = "calibration"

LIMIT_NAME = "calibration_error"

HISTOGRAM_BINS = 40

#: Slices with fewer rows are not told of, and so many of those that are said to differ may do so by chance.
SLICE_ROWS, FALSE_DISCOVERIES = 100, 0.01


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
    limit = evidence.limits.get(LIMIT_NAME) or default_limit(
        float(np.average(data.labels, weights=data.weights))
    )
    ruling = limit.ruling(error.value, error.low, error.high)
    slices = gaps_by_slice(data)
    differ = [f"{entry['slice']} {entry['gap']:+.3f}" for entry in slices if entry["differs"]]
    aside = f"; surely otherwise in {', '.join(differ[:3])}" if differ else ""
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            compared("calibration error", error, limit, ruling, data.n)
            + f"; mean score minus rate {gap.value:+.4f}{aside}",
            measured=error.value,
            limit=str(limit),
            unit="probability",
            evidence={
                "low": error.low,
                "high": error.high,
                "gap": {"value": gap.value, "low": gap.low, "high": gap.high},
                "tenths": tenths(data, evidence.chance()),
                "histogram": _histograms(data),
                "slices": slices,
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


def gaps_by_slice(data: Holdout) -> list[dict[str, Any]]:
    """Mean score minus rate in each declared slice with 100 rows on 5 days, largest first.

    differs   whether it surely differs from the gap of all rows: at most 1 % of those that are said to, do not
    """
    gaps = data.candidate - data.labels
    everywhere = float(np.average(gaps, weights=data.weights))
    found: list[dict[str, Any]] = []
    chances: list[float] = []
    for column, values in data.slices.items():
        kinds, index = np.unique(values, return_inverse=True)
        means = group_means(gaps, index.astype(np.int64), data.days, kinds.size, data.weights)
        apart = means.apart(everywhere)
        for place in np.flatnonzero((means.rows >= SLICE_ROWS) & (means.blocks >= MIN_BLOCKS)):
            low, high = means.interval(int(place))
            entry = {"slice": f"{column}={kinds[place] or '(missing)'}", "n": int(means.rows[place])}
            found.append({**entry, "gap": float(means.value[place]), "low": low, "high": high})
            chances.append(float(apart[place]))
    surely = false_discoveries(np.array(chances), FALSE_DISCOVERIES)
    marked = [{**entry, "differs": bool(sure)} for entry, sure in zip(found, surely, strict=True)]
    return sorted(marked, key=lambda entry: -abs(entry["gap"] - everywhere))


def tenths(data: Holdout, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Groups of rows by tenth of the scores (fewer when scores tie): mean score, observed rate with interval, n."""
    edges = np.unique(np.quantile(data.candidate, np.linspace(0.1, 0.9, 9)))
    group = np.searchsorted(edges, data.candidate, side="right")
    counting = np.full(data.n, True) if data.weights is None else data.weights > 0
    return [_tenth(data, counting & (group == number), rng) for number in np.unique(group[counting])]


def _tenth(
    data: Holdout, held: np.ndarray[Any, np.dtype[np.bool_]], rng: np.random.Generator
) -> dict[str, Any]:
    labels, days = data.labels[held], data.days[held]
    weights = None if data.weights is None else data.weights[held]
    score, observed = (float(np.average(each, weights=weights)) for each in (data.candidate[held], labels))
    entry = {"n": int(labels.size), "score": score, "rate": observed}
    if np.unique(days).size < MIN_BLOCKS:
        return {**entry, "low": None, "high": None}
    rate = block_interval(labels, days, rng, weights=weights)
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
