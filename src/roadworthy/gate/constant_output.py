"""Does the candidate answer differently to different questions?

The spread of its scores, from the 1st to the 99th percentile, relative to their mean (or to 1 minus the mean, if
smaller), must exceed 0.05. A broken training that always says 25 % has a spread of 0; a sound model of a rare outcome
has small scores but a large spread relative to them. It needs no labels to be right about a constant.
"""

from __future__ import annotations

import numpy as np

from roadworthy.gate.check import Check, holdout, number, verdict
from roadworthy.gate.evidence import Evidence
from roadworthy.stats import metrics
from roadworthy.verdict import Limit, Verdict

NAME = "constant_output"

LIMIT = Limit(">", 0.05)


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict: the relative spread of the scores must exceed the limit."""
    data = holdout(evidence)
    scores, _ = metrics.checked(data.candidate, data.labels)
    first, middle, last = (float(score) for score in np.quantile(scores, [0.01, 0.5, 0.99]))
    mean = float(scores.mean())
    spread = last - first
    relative = spread / min(mean, 1.0 - mean) if spread > 0 else 0.0
    ruling = LIMIT.ruling(relative)
    differ, relation = ("differ", ">") if ruling == "pass" else ("hardly differ", "<=")
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            f"the answers {differ}: p1 {number(first)}, p50 {number(middle)}, p99 {number(last)}; relative spread "
            f"{number(relative)} {relation} limit {LIMIT.value:g} (n={data.n:,})",
            measured=relative,
            limit=str(LIMIT),
            evidence={"p01": first, "p50": middle, "p99": last, "mean": mean},
        ),
    )


CHECK = Check(
    name=NAME,
    required=True,
    question="Does it answer differently to different questions?",
    remedy="The training went wrong; look at its run and train again. Nothing about a constant is worth releasing.",
    measured=judge,
)
