"""Does the candidate keep every limit that its owner declared?

One verdict a limit, on later labelled rows, with the interval over resampled days: the whole interval must keep the
limit. An interval that straddles it is too little evidence, which is never a pass. `calibration_gap` is judged by its
absolute value, so that `<= 0.02` bounds it on both sides. A model without any limit is not judged and does not pass.
"""

from __future__ import annotations

from functools import partial

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, compared, guarded, holdout, verdict
from roadworthy.gate.evidence import Evidence
from roadworthy.model import AT_MOST
from roadworthy.stats.resampling import METRICS, Interval, Metric, metric_intervals
from roadworthy.verdict import Limit, Verdict

NAME = "limits"


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict for each declared limit."""
    limits = {name: limit for name, limit in evidence.limits.items() if name not in AT_MOST}
    if not limits:
        raise TooFewSamples(
            "no limit is declared, so there is nothing to judge by: declare some in the model's definition, such as "
            'limits={"auc": ">= 0.65", "calibration_error": "<= 0.05"}'
        )
    return tuple(
        found
        for name, limit in limits.items()
        for found in guarded(NAME, evidence, partial(_judged, name, limit), name)
    )


def _judged(name: str, limit: Limit, evidence: Evidence) -> tuple[Verdict, ...]:
    data = holdout(evidence)
    metric = _metric(name)
    found = metric_intervals(
        data.candidate, data.labels, data.days, evidence.chance(), names=[metric], weights=data.weights
    )[metric]
    interval = absolute(found) if metric == "calibration_gap" else found
    ruling = limit.ruling(interval.value, interval.low, interval.high)
    shown = "absolute calibration_gap" if metric == "calibration_gap" else name
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            compared(shown, interval, limit, ruling, data.n),
            name,
            measured=interval.value,
            limit=str(limit),
            evidence={
                "low": interval.low,
                "high": interval.high,
                "level": interval.level,
                "days": interval.blocks,
            },
        ),
    )


def _metric(name: str) -> Metric:
    for metric in METRICS:
        if metric == name:
            return metric
    raise ValueError(f"limit on {name!r} is not a metric of the gate; known are {', '.join(METRICS)}")


def absolute(interval: Interval) -> Interval:
    """The interval of the absolute value.

    >>> absolute(Interval(-0.01, -0.03, 0.01, 0.95, 30))
    Interval(value=0.01, low=0.0, high=0.03, level=0.95, blocks=30)
    """
    ends = abs(interval.low), abs(interval.high)
    low = 0.0 if interval.low <= 0.0 <= interval.high else min(ends)
    return Interval(abs(interval.value), low, max(ends), interval.level, interval.blocks)


CHECK = Check(
    name=NAME,
    required=True,
    question="Does it keep every limit that its owner declared?",
    remedy="Train a better candidate, or let the owner change the limits in the model's definition.",
    measured=judge,
)
