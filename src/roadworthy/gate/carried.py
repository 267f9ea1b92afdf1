"""Do the requests that are served now carry everything that it reads?

A candidate with a new input cannot be asked on logged requests that lack it, and one that takes no null cannot be
asked on those that say null. Measured is the share of recent requests that it could have answered; limit `>= 0.99`.
Where no request carries an input, nobody knows how it will be served: that is missing evidence, and never a pass. To
get it, log the value as context with the version that answers now, or send it while the candidate is the shadow. It is
advisory, because an input can only be sent once a version of the route reads it; `served_like_trained` judges those
that are carried. Where no version has answered yet it does not apply.
"""

from __future__ import annotations

import numpy as np

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, not_applying, verdict
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.served_like_trained import MIN_ROWS
from roadworthy.verdict import Limit, Verdict

NAME = "carried"

LIMIT = Limit(">=", 0.99)


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict: the share of recent requests that the candidate could have answered."""
    traffic = evidence.traffic
    if traffic is None:
        raise TooFewSamples("the requests that are served now were not read")
    if traffic.none:
        return (not_applying(NAME, evidence, traffic.none),)
    if traffic.lacking:
        named = "; ".join(f"{name}: {why}" for name, why in sorted(traffic.lacking.items()))
        raise TooFewSamples(f"nobody has seen how these are served: {named}")
    if traffic.candidate is None:
        raise ValueError("the candidate was not asked on requests that carry all it reads")
    n = traffic.asked
    if n < MIN_ROWS:
        raise TooFewSamples(f"{n:,} requests were looked at, at least {MIN_ROWS} are needed")
    share = float(traffic.n / n)
    if not np.isfinite(traffic.candidate).all():
        raise ValueError("the candidate's answers to some requests are no numbers")
    ruling = LIMIT.ruling(share)
    relation = ">=" if ruling == "pass" else "<"
    null = ", ".join(f"{name} is null in {rows:,}" for name, rows in sorted(traffic.refused.items()))
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            f"share of requests that it could have answered {share:.4g} {relation} limit {LIMIT.value:g}"
            f"{f': {null}, where it takes no null' if null else ''} (n={n:,})",
            measured=share,
            limit=str(LIMIT),
            unit="share of requests",
            n=n,
            evidence={"refused": dict(traffic.refused)},
        ),
    )


CHECK = Check(
    name=NAME,
    required=False,
    question="Do the requests that are served now carry everything that it reads?",
    remedy="Send what is lacking while the candidate is the shadow, or say in the definition what missing becomes.",
    measured=judge,
)
