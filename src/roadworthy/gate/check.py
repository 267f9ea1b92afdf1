"""What a check of the gate is: a name, whether it must pass, a pure judgement and what to do when it does not.

Not here: any particular check. Each has its own file, and `catalogue` lists them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from roadworthy.errors import TooFewSamples
from roadworthy.gate.evidence import MIN_ROWS, Evidence, Floats, Holdout
from roadworthy.stats.resampling import Interval
from roadworthy.verdict import Limit, Ruling, Verdict

_OPPOSITE = {">=": "<", "<=": ">", ">": "<=", "<": ">="}

#: How the reason of a check begins that found out that it has nothing to judge.
NOT_APPLYING = "does not apply"

Default = TypeVar("Default", Limit, Limit | None)


@dataclass(frozen=True, slots=True)
class Check:
    """One question that the gate asks of every candidate.

    name      of the file and of the verdicts
    required  whether only `pass` lets the candidate advance; an advisory check is read and never blocks
    question  what it asks, as a person would
    remedy    what to do when it failed or could not be measured; missing evidence says in its reason what is missing
    measured  evidence → verdicts; pure, may raise TooFewSamples and ValueError
    """

    name: str
    required: bool
    question: str
    remedy: str
    measured: Callable[[Evidence], tuple[Verdict, ...]]

    def judge(self, evidence: Evidence) -> tuple[Verdict, ...]:
        """The verdicts on this evidence, at least one; too little of it and what is malformed are verdicts too."""
        return guarded(self.name, evidence, self.measured)


def guarded(
    check: str, evidence: Evidence, measured: Callable[[Evidence], tuple[Verdict, ...]], part: str = ""
) -> tuple[Verdict, ...]:
    """Measure, and turn a shortage into `insufficient` and malformed evidence into `error`."""
    n = rows(evidence)
    try:
        return measured(evidence)
    except TooFewSamples as shortage:
        return (verdict(check, evidence, "insufficient", f"{shortage} (n={n:,})", part),)
    except (ValueError, ArithmeticError) as fault:
        return (verdict(check, evidence, "error", f"could not be measured: {fault} (n={n:,})", part),)


def verdict(
    check: str, given: Evidence, ruling: Ruling, reason: str, part: str = "", /, **more: Any
) -> Verdict:
    """A verdict on the candidate, or on one part of it such as `auc` or `carrier=UA`; n is that of the holdout."""
    return Verdict(
        check=check,
        subject=f"{given.subject} {part}".rstrip(),
        ruling=ruling,
        reason=reason,
        **{"n": rows(given), **more},
    )


def not_applying(check: str, given: Evidence, why: str, part: str = "", /, **more: Any) -> Verdict:
    """The pass of a check that looked, and found that it has nothing to judge; a report lists it apart."""
    return verdict(check, given, "pass", f"{NOT_APPLYING}: {why} (n=0)", part, n=0, **more)


def rows(evidence: Evidence) -> int:
    """Number of labelled rows there are."""
    return 0 if evidence.holdout is None else evidence.holdout.n


def holdout(evidence: Evidence) -> Holdout:
    """The labelled rows; TooFewSamples says so when there are none or not enough to speak about quality."""
    if evidence.holdout is None:
        raise TooFewSamples("no later labelled rows were scored: wait until outcomes of later rows are known")
    if evidence.holdout.n < MIN_ROWS:
        raise TooFewSamples(f"at least {MIN_ROWS} later labelled rows are needed: wait for more outcomes")
    return evidence.holdout


def champion_scores(evidence: Evidence) -> Floats:
    """The champion's scores of the labelled rows; ValueError says why where it could not be asked."""
    data = holdout(evidence)
    if data.champion is None:
        why = f": {data.unscored}" if data.unscored else ""
        raise ValueError(
            f"the champion, version {evidence.champion_version}, was not scored on these rows{why}"
        )
    return data.champion


def upper_limit(evidence: Evidence, name: str, default: Default) -> Limit | Default:
    """What the owner declared under that name, or the default; ValueError where it is no upper bound."""
    limit = evidence.limits.get(name)
    if limit is None:
        return default
    if limit.comparison not in ("<=", "<"):
        raise ValueError(f"limit {name} must be an upper bound such as '<= {limit.value:g}', got '{limit}'")
    return limit


def cut_of(data: Holdout, declared: float | None, share: float) -> float:
    """From which score on a row is called positive: the declared cut, or the one that `share` of the rows reaches.

    Rows count as many as they stand for; scores are finite.
    """
    if declared is not None:
        return declared
    order = np.argsort(data.candidate, kind="stable")
    weights = np.ones(data.n) if data.weights is None else data.weights
    reached = np.cumsum(weights[order][::-1])[::-1]
    few = np.flatnonzero(reached <= share * reached[0] * (1 + 1e-9))
    return float(data.candidate[order[few[0] if few.size else -1]])


def unless_surely(limit: Limit) -> str:
    """A limit that only a sure breach breaks, so that a number a little beyond it may pass.

    >>> unless_surely(Limit.parse("<= 0.02"))
    'not surely > 0.02'
    """
    return f"not surely {_OPPOSITE[limit.comparison]} {limit.value:g}"


def compared(name: str, interval: Interval, limit: Limit, ruling: Ruling, n: int) -> str:
    """The sentence that carries value, interval, limit and n.

    >>> compared("auc", Interval(0.71, 0.69, 0.73, 0.95, 30), Limit.parse(">= 0.65"), "pass", 48_210)
    'auc 0.7100 [0.6900, 0.7300] >= limit 0.65 (n=48,210 on 30 days)'
    """
    measured = f"{name} {number(interval.value)} [{number(interval.low)}, {number(interval.high)}]"
    relation = {
        "pass": f"{limit.comparison} limit {limit.value:g}",
        "fail": f"{_OPPOSITE[limit.comparison]} limit {limit.value:g}",
    }.get(ruling, f"may keep limit {limit} or not: wait for more labelled days")
    return f"{measured} {relation} (n={n:,} on {interval.blocks} days)"


def number(value: float) -> str:
    """A measured number as people read it: four decimals, fewer for large ones, powers of ten for tiny ones.

    >>> number(0.0312), number(5.0), number(0.0000021), number(12_345.6), number(float("inf"))
    ('0.0312', '5', '2.1e-06', '12,346', 'inf')
    """
    if not math.isfinite(value):
        return str(value)
    if value == round(value):
        return f"{value:,.0f}"
    if abs(value) < 0.00005:
        return f"{value:.1e}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4f}"
