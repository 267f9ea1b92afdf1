"""Is the candidate at least as good as the version that answers now?

Log loss of the candidate minus the champion's, on the same later rows and the same resampled days, against a margin
that is tolerated (`champion_log_loss` among the limits, `<= 0.005` where none is declared). It is a test of
non-inferiority (Wellek 2010), because a retrained model that is merely as good must be able to replace an old one:

pass          the whole interval keeps the margin, whichever side of 0 it lies on
fail          the interval does not keep the margin, and all of it says worse (above 0, or beyond the margin)
insufficient  anything else: it may be as good, and it may be worse by more than is tolerated

Where nothing answers yet there is nothing to compare with, and only a person's explicit approval of a first release
passes. Where the candidate is itself the version that answers there is nobody else to compare it with either, and
nothing that could be released: it passes.
"""

from __future__ import annotations

from datetime import datetime

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, champion_scores, compared, holdout, number, upper_limit, verdict
from roadworthy.gate.evidence import Evidence
from roadworthy.stats.resampling import Interval, paired_intervals
from roadworthy.verdict import Limit, Ruling, Verdict

NAME = "champion"

#: Name among the user's limits.
LIMIT_NAME = "champion_log_loss"

DEFAULT = Limit("<=", 0.005)


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict: the paired difference in log loss must keep the margin."""
    if evidence.serves_since is not None:
        return (_itself(evidence, evidence.serves_since),)
    if evidence.champion_version is None:
        return (_first_release(evidence),)
    limit, data = upper_limit(evidence, LIMIT_NAME, DEFAULT), holdout(evidence)
    found = paired_intervals(
        data.candidate, champion_scores(evidence), data.labels, data.days, evidence.chance(), names=["log_loss"],
        weights=data.weights,
    )  # fmt: skip
    difference = found["log_loss"]
    ruling = against_champion(difference, limit)
    name = f"log loss, this minus version {evidence.champion_version}'s:"
    sentence = compared(name, difference, limit, ruling, data.n)
    if ruling == "fail" and limit.holds(difference.value):
        sentence = (
            f"{name} {number(difference.value)} [{number(difference.low)}, {number(difference.high)}]: worse even at "
            f"best, and at worst beyond limit {limit.value:g} (n={data.n:,} on {difference.blocks} days)"
        )
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            sentence,
            measured=difference.value,
            limit=str(limit),
            unit="nats",
            evidence={"low": difference.low, "high": difference.high, "level": difference.level},
        ),
    )


def against_champion(difference: Interval, limit: Limit) -> Ruling:
    """Rule on candidate minus champion: within the margin for certain, worse for certain, or neither.

    >>> against_champion(Interval(0.001, -0.002, 0.004, 0.95, 30), Limit.parse("<= 0.005"))
    'pass'
    >>> against_champion(Interval(0.004, 0.001, 0.007, 0.95, 30), Limit.parse("<= 0.005"))
    'fail'
    """
    if limit.holds(difference.high):
        return "pass"
    return "fail" if difference.low > 0.0 or not limit.holds(difference.low) else "insufficient"


def _first_release(evidence: Evidence) -> Verdict:
    approval = evidence.first_release
    if approval is None:
        raise TooFewSamples(
            f"no version of {evidence.model} answers yet to compare it with; "
            "a person must approve the first release (--first-release)"
        )
    return verdict(
        NAME,
        evidence,
        "pass",
        f"no version answers yet; the first release was approved by {approval.actor}: {approval.reason} (n=0)",
        n=0,
        evidence={"approved_by": approval.actor, "approval": approval.reason},
    )


def _itself(evidence: Evidence, since: datetime) -> Verdict:
    return verdict(
        NAME,
        evidence,
        "pass",
        f"it is itself the champion, since {since:%Y-%m-%d %H:%M} UTC: there is nobody to compare it with (n=0)",
        n=0,
        evidence={"serves_since": since.isoformat()},
    )


CHECK = Check(
    name=NAME,
    required=True,
    question="Is it at least as good as the version that answers now?",
    remedy="Keep the version that answers; the rows and slices that moved most are in the report.",
    measured=judge,
)
