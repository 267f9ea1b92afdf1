"""Does one input alone say too much? For reading: it never blocks.

Statistics cannot tell an input that knows the outcome from one that is simply good: age alone tells who is employed
about as well as the length of a call tells who bought, and only one of them is known before. So this check ranks
suspects and leaves the question to a person; `leakage` has the proofs.

alone  AUC of each input by itself on later rows: every row is scored by the rate of the outcome among rows of other
       days with such a value, so that no input profits from its own rows. The highest is compared with `alone_auc`
       among the limits, `<= 0.8` where none is declared, by its interval over resampled days at a level for all inputs
       together (Bonferroni). Lists and times are not scored.
jump   AUC of the candidate minus the champion's, against `auc_jump`, `<= 0.05` where none is declared: what a
       retraining rarely gives, and a new column that knows the outcome does. Does not apply where no other version
       answers.
"""

from __future__ import annotations

from typing import Any

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import (
    Check,
    champion_scores,
    compared,
    guarded,
    holdout,
    not_applying,
    number,
    unless_surely,
    upper_limit,
    verdict,
)
from roadworthy.gate.evidence import MIN_ROWS, Evidence
from roadworthy.gate.leakage_facts import Alone
from roadworthy.stats import metrics
from roadworthy.stats.resampling import Interval, metric_intervals, paired_intervals
from roadworthy.verdict import Limit, Ruling, Verdict

NAME = "too_good_alone"

#: Names among the user's limits.
ALONE_LIMIT, JUMP_LIMIT = "alone_auc", "auc_jump"

ALONE, JUMP = Limit("<=", 0.8), Limit("<=", 0.05)

#: Chance of one false suspicion among all inputs.
ERROR = 0.05

#: So many suspects are told.
TOLD = 5


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict on the best single input, one on the step from the champion."""
    return (
        *guarded(NAME, evidence, _alone, "alone"),
        *guarded(NAME, evidence, _jump, "jump"),
    )


def _alone(evidence: Evidence) -> tuple[Verdict, ...]:
    alone = _scored(evidence)
    ranked = suspects(alone)
    best = ranked[0][0]
    limit = upper_limit(evidence, ALONE_LIMIT, ALONE)
    level = 1.0 - ERROR / len(ranked)
    found = metric_intervals(
        alone.scores[best], alone.labels, alone.days, evidence.chance(), names=["auc"], level=level
    )["auc"]
    # Below the limit there is nothing to suspect, however wide the interval is.
    ruling: Ruling = limit.ruling(found.value, found.low)
    n = int(alone.labels.size)
    others = ", ".join(f"{name} {number(value)}" for name, value in ranked[1:TOLD])
    asked = f". If {best} is known when the question is asked, all is well" if ruling == "fail" else ""
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            compared(f"{best} alone, of {len(ranked)} inputs, AUC", found, limit, ruling, n)
            + (f"; then {others}" if others else "")
            + asked,
            "alone",
            measured=found.value,
            limit=str(limit),
            n=n,
            evidence={**_ends(found), "suspects": [list(each) for each in ranked]},
        ),
    )


def suspects(alone: Alone) -> list[tuple[str, float]]:
    """Inputs and their AUC alone, the most suspicious first; equal ones by name."""
    found = {name: metrics.auc(scores, alone.labels) for name, scores in alone.scores.items()}
    return sorted(found.items(), key=lambda each: (-each[1], each[0]))


def _jump(evidence: Evidence) -> tuple[Verdict, ...]:
    alone, data = _scored(evidence), holdout(evidence)
    if evidence.champion_version is None:
        why = "no other version answers to compare it with"
        return (not_applying(NAME, evidence, why, "jump"),)
    limit = upper_limit(evidence, JUMP_LIMIT, JUMP)
    found = paired_intervals(
        data.candidate, champion_scores(evidence), data.labels, data.days, evidence.chance(), names=["auc"],
        weights=data.weights,
    )["auc"]  # fmt: skip
    # A jump is one only when the whole interval lies beyond the limit: what may be one is none yet.
    ruling: Ruling = "pass" if limit.holds(found.low) else "fail"
    new = [f"{name} {number(value)}" for name, value in suspects(alone) if name in alone.new][:TOLD]
    shown = f"; new inputs, by their AUC alone: {', '.join(new)}" if new and ruling == "fail" else ""
    name = f"AUC, this minus version {evidence.champion_version}'s:"
    sentence = (
        f"{name} {number(found.value)} [{number(found.low)}, {number(found.high)}] "
        f"{'not surely' if ruling == 'pass' else 'surely'} > limit {limit.value:g} "
        f"(n={data.n:,} on {found.blocks} days)"
    )
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            sentence + shown,
            "jump",
            measured=found.value,
            limit=unless_surely(limit),
            evidence={**_ends(found), "new": sorted(alone.new)},
        ),
    )


def _scored(evidence: Evidence) -> Alone:
    alone = None if evidence.leakage is None else evidence.leakage.alone
    if alone is None or not alone.scores:
        raise TooFewSamples("no input was scored by itself")
    if alone.labels.size < MIN_ROWS:
        raise TooFewSamples(f"at least {MIN_ROWS} later labelled rows are needed: wait for more outcomes")
    return alone


def _ends(found: Interval) -> dict[str, Any]:
    return {"low": found.low, "high": found.high, "level": found.level, "days": found.blocks}


CHECK = Check(
    name=NAME,
    required=False,
    question="Does one input alone say too much?",
    remedy="Ask whoever knows the first inputs named here whether their values are known when the question is asked.",
    measured=judge,
)
