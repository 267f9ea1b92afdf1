"""Does a feature follow what the model itself answered before, and would an error come back larger?

A feature that is made from earlier answers, such as a price that the model's own bids decided, closes a loop: wrong
labels of a small cohort move its answers, the answers move the feature, and so on. A feature is known to do so where it
is declared with `own_output=True`, and found to where its input copies earlier answers (2 % of rows, to nine digits)
or follows the last, the day's or all earlier answers of its group beyond what the inputs of the row before explain
(half of the variance that is left; the inputs of the flights reach 12 %).

Measured is the gain of the loop: by how much the mean answer moves when answers before moved by 1, through this
feature. At 0.5 an error comes back doubled in the end, at 1 it grows without end; limit `<= 0.5`. Found without being
declared fails, whatever the gain, unless the score hardly depends on the feature. Declared and not visible in the log,
the gain is bounded by the spread of the feature; a bound above the limit is missing evidence. Where no version has
answered yet it does not apply.

Sculley et al. (2015), Hidden Technical Debt in Machine Learning Systems, section 2 (direct feedback loops).
"""

from __future__ import annotations

import numpy as np

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, not_applying, number, verdict
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.served_like_trained import MATTERS, MIN_ROWS
from roadworthy.gate.served_like_trained_facts import ServedFeature, ServedInput
from roadworthy.gate.traffic_facts import Traffic
from roadworthy.stats.echo import Echo
from roadworthy.verdict import Limit, Ruling, Verdict

NAME = "feedback"

LIMIT = Limit("<=", 0.5)

_HOW = {
    "copy": "copies earlier answers",
    "last": "follows the answer before",
    "day": "follows the answers of the day before",
    "mean": "follows all answers before",
}


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """A verdict for every feature that follows earlier answers; one for all where none does."""
    traffic = evidence.traffic
    if traffic is None:
        raise TooFewSamples("the requests that are served now were not read")
    if traffic.none:
        return (not_applying(NAME, evidence, traffic.none),)
    facts = evidence.served_like_trained
    if facts is None or traffic.n < MIN_ROWS:
        raise TooFewSamples(f"{traffic.n:,} requests were looked at, at least {MIN_ROWS} are needed")
    if not np.isfinite([feature.importance for feature in facts.features]).all():
        raise ValueError("how much some features matter is no number")
    inputs = {given.name: given for given in facts.inputs}
    closed = [
        (feature, echo)
        for feature in sorted(facts.features, key=lambda each: -each.importance)
        for echo in [_closest(feature, inputs)]
        if feature.own_output or (echo is not None and echo.follows and feature.importance >= MATTERS)
    ]
    if closed:
        return tuple(_of(evidence, traffic, feature, echo) for feature, echo in closed)
    return (_none(evidence, traffic, facts.inputs),)


def _closest(feature: ServedFeature, inputs: dict[str, ServedInput]) -> Echo | None:
    echoes = [given.echo for name in feature.inputs if (given := inputs.get(name)) and given.echo]
    return max(echoes, key=lambda echo: (echo.follows, echo.share), default=None)


def _none(evidence: Evidence, traffic: Traffic, inputs: tuple[ServedInput, ...]) -> Verdict:
    heard = [(given.echo.share, given.name) for given in inputs if given.echo is not None]
    share, name = max(heard, default=(0.0, ""))
    closest = (
        f"; the closest is {name} with {share:.1%} of what is left of it"
        if name
        else "; no input was a number that varied, in which that could be seen"
    )
    return verdict(
        NAME,
        evidence,
        "pass",
        f"gain of any loop 0 <= limit {LIMIT.value:g}: no feature is declared to derive from answers, and none follows "
        f"them{closest} (n={traffic.n:,})",
        measured=0.0,
        limit=str(LIMIT),
        unit="gain",
        n=traffic.n,
        evidence={"shares": {given: shared for shared, given in sorted(heard, reverse=True)}},
    )


def _of(evidence: Evidence, traffic: Traffic, feature: ServedFeature, echo: Echo | None) -> Verdict:
    gain = feature.gain
    ruling: Ruling = "insufficient" if gain is None else LIMIT.ruling(gain)
    if ruling == "fail" and feature.gain_is_bound:
        ruling = "insufficient"
    if not feature.own_output:
        ruling = "fail"
    undeclared = "" if feature.own_output else ", and it is not declared with own_output=True"
    return verdict(
        NAME,
        evidence,
        ruling,
        f"{_gain(feature)}{_seen(echo)}{undeclared}; importance {number(feature.importance)} (n={traffic.n:,})",
        feature.name,
        measured=gain,
        limit=str(LIMIT),
        unit="gain",
        n=traffic.n,
        evidence={"declared": feature.own_output, "importance": feature.importance},
    )


def _gain(feature: ServedFeature) -> str:
    if feature.gain is None:
        return "gain of the loop unknown, because it is no number that could be moved a little"
    what = "gain is at most" if feature.gain_is_bound else "gain of the loop"
    return f"{what} {number(feature.gain)} {'<=' if LIMIT.holds(feature.gain) else '>'} limit {LIMIT.value:g}"


def _seen(echo: Echo | None) -> str:
    """How the log shows that it follows answers; "" where it does not."""
    if echo is None or not echo.follows:
        return ""
    by = f" of the same {echo.group}" if echo.group else ""
    part = "of rows" if echo.how == "copy" else "of what else is not explained"
    return f": it {_HOW[echo.how]}{by} ({echo.share:.0%} {part})"


CHECK = Check(
    name=NAME,
    required=True,
    question="Does a feature follow what the model itself answered before?",
    remedy="Train without it (roadworthy train FILE --without FEATURE), or declare own_output=True with a low gain.",
    measured=judge,
)
