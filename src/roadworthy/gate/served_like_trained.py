"""Do its inputs look the same when it is served as they did when it was trained?

Recent requests that were answered to somebody are read as the candidate reads them, and compared with its training
period and with the history. It fails where the difference cannot be the world's:

constant      an input varied in every stretch of training as long as the served one (at least 5 % of rows off the
              commonest value) and has one value in all requests, as an age has that is computed when it is read
other values  the request and the history hold the same question (unit and time), and the feature's values differ in
              more than 1 % of such rows: a value that is late, empty, or made in another way
missing       a feature is missing in more than 5 points more rows than in any stretch of training
clock         its function reads the clock, which says in training when the training ran

Shares are held against their limits by the lower end of an interval over resampled days, so at least 5 days are needed:
what looks wrong on fewer is too little evidence.
A distribution that only moved is reported with its distance and never fails: seasons and markets move. Neither do
features fail whose values hardly matter: exchanged among held-out rows they change the score by less than 0.0005 on
average. (Of a clock, and of what moves with the time of asking, held-out rows cannot tell how much it matters: these
fail.) What fails is ranked by that number. Where no version has answered yet there is nothing to compare with, and it
passes as not applying; where inputs of the candidate are in no request yet, `carried` says so.

Breck et al. (2019), Data Validation for Machine Learning, section 4 (training-serving skew).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, not_applying, number, verdict
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.served_like_trained_facts import ServedFeature, ServedInput, ServedLikeTrained
from roadworthy.gate.traffic_facts import Traffic
from roadworthy.stats.resampling import MIN_BLOCKS, block_interval
from roadworthy.verdict import Limit, Verdict

NAME = "served_like_trained"

LIMIT = Limit("<=", 0.0)

#: Requests below which nothing is said.
MIN_ROWS = 200
#: Share of rows off the commonest value: in training at least, when served at most.
VARIED, CONSTANT = 0.05, 0.001
#: Share of rows that may differ from the history; and that may be missing beyond the worst stretch of training.
DIFFERS, MISSING = 0.01, 0.05
#: A feature whose exchanged values move scores by less does not matter.
MATTERS = 0.0005
#: A distance is reported from here on, and where no stretch of training was nearly as far.
MOVED, FURTHER = 0.1, 1.5
#: Rank correlation from which an input is said to move with the time of asking.
WITH_TIME = 0.9

SHOWN = 5

Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Finding:
    what: str
    subject: str
    sentence: str
    importance: float
    sure: bool = True

    def plain(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "subject": self.subject,
            "importance": self.importance,
            "found": self.sentence,
        }


@dataclass(frozen=True, slots=True)
class _Beyond:
    """A share beyond its limit; not sure where there are too few days to know how much days differ."""

    share: float
    sure: bool


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict: no input or feature that matters may be served in another way than it was trained."""
    traffic = evidence.traffic
    if traffic is None:
        raise TooFewSamples("the requests that are served now were not read")
    if traffic.none:
        why = f"{traffic.none}, so there are no requests to compare with"
        return (not_applying(NAME, evidence, why),)
    facts = evidence.served_like_trained
    if facts is None or traffic.n < MIN_ROWS:
        raise TooFewSamples(f"{traffic.n:,} requests were looked at, at least {MIN_ROWS} are needed")
    importance = {feature.name: feature.importance for feature in facts.features}
    if not np.isfinite(list(importance.values())).all():
        raise ValueError("how much some features matter is no number")
    found = sorted(_found(evidence, facts, traffic), key=lambda each: (-each.importance, each.subject))
    weighty = [each for each in found if each.importance >= MATTERS]
    failing = [each for each in weighty if each.sure]
    if weighty and not failing:
        raise TooFewSamples(
            f"{weighty[0].subject} {weighty[0].sentence}, of {facts.days} days: at least {MIN_BLOCKS} are needed to be "
            "sure that this is no single bad day"
        )
    minor = [each for each in found if each.importance < MATTERS]
    measured = float(len({each.subject for each in failing}))
    ruling = LIMIT.ruling(measured)
    moved = [given for given in facts.inputs if _moved(given)]
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            _sentence(measured, failing, minor, moved, facts, traffic),
            measured=measured,
            limit=str(LIMIT),
            unit="inputs and features",
            n=traffic.n,
            evidence={
                "found": [each.plain() for each in failing],
                "hardly_matter": [each.plain() for each in minor],
                "moved": [
                    {"input": given.name, "distance": given.distance, "furthest_in_training": given.furthest}
                    for given in moved
                ],
                "importance": dict(sorted(importance.items(), key=lambda pair: -pair[1])),
                "compared_with_history": int(facts.paired_days.size),
            },
        ),
    )


def _sentence(
    measured: float,
    failing: list[_Finding],
    minor: list[_Finding],
    moved: list[ServedInput],
    facts: ServedLikeTrained,
    traffic: Traffic,
) -> str:
    relation = "<=" if LIMIT.holds(measured) else ">"
    named = "; ".join(f"{each.subject} {each.sentence}" for each in failing[:SHOWN])
    more = f"; {len(failing) - SHOWN} more in the evidence" if len(failing) > SHOWN else ""
    also = f"; of no weight: {', '.join(each.subject for each in minor[:SHOWN])}" if minor else ""
    away = ", ".join(f"{given.name} {given.distance:.2f}" for given in moved[:SHOWN])
    world = f"; moved as the world does (distance): {away}" if away else ""
    pairs = facts.paired_days.size
    history = (
        f"{pairs:,} of them compared with the history value by value" if pairs else "none also in the history"
    )
    return (
        f"{number(measured)} inputs and features served otherwise than trained {relation} limit {LIMIT.value:g}"
        f"{': ' if named else ''}{named}{more}{also}{world} "
        f"(n={traffic.n:,} requests on {facts.days} days, {history})"
    )


def _found(evidence: Evidence, facts: ServedLikeTrained, traffic: Traffic) -> Iterator[_Finding]:
    for given in facts.inputs:
        weight = max((facts.importance[name] for name in given.features), default=0.0)
        if facts.days > 1 and given.varied >= VARIED and given.varies <= CONSTANT:
            weight = max(weight, MATTERS) if abs(given.follows_time) >= WITH_TIME else weight
            yield _Finding("constant", given.name, _constant(given, facts), weight)
    for feature in facts.features:
        if feature.reads_clock and not feature.relative_to_now:
            sentence = (
                "reads the clock: in training that was when the training ran; declare relative_to_now=True"
            )
            yield _Finding("clock", feature.name, sentence, max(feature.importance, MATTERS))
        differs = _beyond(evidence, feature.differs, facts.paired_days, DIFFERS)
        if differs is not None:
            sentence = (
                f"has another value than the history in {differs.share:.1%} of {feature.differs.size:,} rows"
            )
            yield _Finding("other values", feature.name, sentence, feature.importance, differs.sure)
        yield from _missing(evidence, feature, traffic)


def _constant(given: ServedInput, facts: ServedLikeTrained) -> str:
    timely = abs(given.follows_time) >= WITH_TIME
    why = ": it moves with the time of asking, so it is relative to now" if timely else ""
    return (
        f"has one value in all requests; in any {facts.days} days of training {given.varied:.0%} of rows or more had "
        f"another than the commonest{why}"
    )


def _missing(evidence: Evidence, feature: ServedFeature, traffic: Traffic) -> Iterator[_Finding]:
    if feature.name not in traffic.states:
        return
    marks, most = traffic.states[feature.name] == 1, feature.missing.most
    missing = _beyond(evidence, marks, traffic.days, most + MISSING)
    if missing is not None:
        sentence = f"is missing in {missing.share:.1%} of requests, in training in {most:.1%} at most"
        yield _Finding("missing", feature.name, sentence, feature.importance, missing.sure)


def _beyond(evidence: Evidence, marks: Marks, days: npt.NDArray[np.int64], limit: float) -> _Beyond | None:
    """The share of marked rows where it exceeds a limit; None where it does not, or of too few rows."""
    share = float(marks.mean()) if marks.size >= MIN_ROWS else 0.0
    if share <= limit:
        return None
    if np.unique(days).size < MIN_BLOCKS:
        return _Beyond(share, sure=False)
    low = block_interval(marks.astype(np.float64), days, evidence.chance()).low
    return _Beyond(share, sure=True) if low > limit else None


def _moved(given: ServedInput) -> bool:
    return given.distance >= max(MOVED, FURTHER * given.furthest)


CHECK = Check(
    name=NAME,
    required=True,
    question="Do its inputs look the same when it is served as they did when it was trained?",
    remedy="Make the value in one place for training and for requests, or train without it: "
    "roadworthy train FILE --without FEATURE.",
    measured=judge,
)
