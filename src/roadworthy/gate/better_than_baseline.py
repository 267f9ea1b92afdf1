"""Did the candidate learn anything: is it better than always saying the base rate?

Log loss of the candidate minus that of the trivial baseline, on the same later rows and the same resampled days. The
whole interval must lie below 0: an advantage within chance has not been shown. A constant can beat the base rate of
another season by luck, which is why `constant_output` asks its own question.
"""

from __future__ import annotations

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, compared, holdout, verdict
from roadworthy.gate.evidence import Evidence
from roadworthy.stats.resampling import paired_intervals
from roadworthy.verdict import Limit, Verdict

NAME = "better_than_baseline"

LIMIT = Limit("<", 0.0)


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict: the paired difference in log loss must be below 0."""
    data = holdout(evidence)
    if data.baseline is None:
        raise TooFewSamples("no trivial baseline was scored beside the candidate: train it again with one")
    found = paired_intervals(
        data.candidate, data.baseline, data.labels, data.days, evidence.chance(), names=["log_loss"],
        weights=data.weights,
    )["log_loss"]  # fmt: skip
    ruling = LIMIT.ruling(found.value, found.low, found.high)
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            compared("log loss, this minus the baseline's:", found, LIMIT, ruling, data.n),
            measured=found.value,
            limit=str(LIMIT),
            unit="nats",
            evidence={"low": found.low, "high": found.high, "level": found.level, "days": found.blocks},
        ),
    )


CHECK = Check(
    name=NAME,
    required=True,
    question="Did it learn anything: is it better than always saying the base rate?",
    remedy="Look at the training run: labels, features and convergence; a model that learned nothing is not released.",
    measured=judge,
)
