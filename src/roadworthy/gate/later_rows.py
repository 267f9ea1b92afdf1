"""Are the rows it is judged on later than everything it was trained on?

Hours between the cut of the training set and the first row it is judged on; it must not be below 0. A model judged on
rows it has seen, or on rows older than those, looks better than it will be.
"""

from __future__ import annotations

from datetime import timedelta

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, holdout, number, verdict
from roadworthy.gate.evidence import Evidence
from roadworthy.verdict import Limit, Verdict

NAME = "later_rows"

LIMIT = Limit(">=", 0.0)


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict: the gap between training and judging must not be negative."""
    data = holdout(evidence)
    if evidence.training is None:
        raise TooFewSamples("it is not known until when the training set reaches")
    hours = (data.asked_from - evidence.training.until) / timedelta(hours=1)
    ruling = LIMIT.ruling(hours)
    relation = ">=" if ruling == "pass" else "<"
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            f"trained until {evidence.training.until:%Y-%m-%d %H:%M}, judged from {data.asked_from:%Y-%m-%d %H:%M}: "
            f"{number(hours)} h between, {relation} limit {LIMIT.value:g} (n={data.n:,})",
            measured=hours,
            limit=str(LIMIT),
            unit="hours",
        ),
    )


CHECK = Check(
    name=NAME,
    required=True,
    question="Is it judged on rows later than those it was trained on?",
    remedy="Train on an earlier period, or wait for outcomes of later rows.",
    measured=judge,
)
