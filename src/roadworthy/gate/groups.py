"""Are the groups of a protected attribute treated alike?

For every attribute in `Model(protected=[...])`, on later labelled rows, each group beside all others: equal
opportunity, the share of the rows with the outcome that are called positive (true positive rate); and calibration
within the group, mean score minus observed rate. Calls are made at the declared `cut`, or, where none is declared, at
the one at which as many rows are called positive as are. Intervals resample days, at a level for all groups and both
measures of all attributes together (Bonferroni). A group with fewer than 50 rows of the outcome, or 200 rows in all, or
with fewer beside it, is named and not judged. Rows count as `Model(weight=...)` and `Model(sampling=...)` say.

pass          every group keeps `groups_tpr_gap` and `groups_calibration_gap` of the limits, by its whole interval; or
              no limit is declared, and the largest gaps are told
fail          some group breaks a limit for certain
insufficient  a gap may keep its limit or not
does not apply where no attribute is protected, or where no limit is declared and no group is large enough

Equal opportunity: Hardt, Price, Srebro (2016), NeurIPS. That base rates differ makes it impossible to equalise
everything at once (Chouldechova 2017, Big Data 5(2)), which is why an owner declares what must hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, cut_of, guarded, holdout, not_applying, number, upper_limit, verdict
from roadworthy.gate.evidence import Evidence, Holdout, Texts
from roadworthy.gate.limits import absolute
from roadworthy.stats.resampling import Interval, Marks, block_interval, difference_interval
from roadworthy.verdict import PRECEDENCE, Limit, Ruling, Verdict

NAME = "groups"

#: Rows of the outcome, and rows in all, below which a group is not judged.
MIN_POSITIVES, MIN_ROWS = 50, 200

#: Chance of one false finding among all groups.
ERROR = 0.05

#: Enough for the small tails that many groups need.
RESAMPLES = 2_000

Measure = Literal["tpr", "calibration"]

MEASURES: tuple[Measure, ...] = ("tpr", "calibration")

#: Names among the user's limits.
LIMIT_NAMES_OF: Mapping[Measure, str] = {"tpr": "groups_tpr_gap", "calibration": "groups_calibration_gap"}


@dataclass(frozen=True, slots=True)
class Gap:
    """One measure of one group.

    interval   true positive rate less that of all others, or mean score minus rate in the group
    n          rows it rests on, of the group
    """

    group: str
    interval: Interval
    n: int


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """Two verdicts an attribute: equal opportunity, and calibration within groups."""
    facts = evidence.groups
    if facts is None:
        raise TooFewSamples("nobody looked which attributes are protected")
    if not facts.values:
        why = "no attribute is declared as protected"
        return (not_applying(NAME, evidence, why),)
    data = holdout(evidence)
    if not np.isfinite(data.candidate).all():
        raise ValueError("the candidate's scores hold numbers that are not finite")
    cut = cut_of(data, facts.cut, float(np.average(data.labels, weights=data.weights)))
    members = {name: _judgeable(values, data) for name, values in facts.values.items()}
    tests = 2 * sum(len(groups) for groups in members.values())
    level = 1.0 - ERROR / max(tests, 1)
    found: list[Verdict] = []
    for name, groups in members.items():
        left_out = sorted({str(value) for value in np.unique(facts.values[name])} - set(groups))
        for measure in MEASURES:
            judged = partial(_judged, name, measure, groups, left_out, cut, level)
            found += guarded(NAME, evidence, judged, f"{name} {measure}")
    return tuple(found)


def _judged(
    name: str,
    measure: Measure,
    groups: Mapping[str, Marks],
    left_out: list[str],
    cut: float,
    level: float,
    evidence: Evidence,
) -> tuple[Verdict, ...]:
    limit = upper_limit(evidence, LIMIT_NAMES_OF[measure], None)
    if groups:
        gaps = [_gap(measure, group, marks, cut, level, evidence) for group, marks in groups.items()]
        return (_verdict(name, measure, gaps, left_out, cut, limit, evidence),)
    needed = f"{MIN_ROWS} rows, {MIN_POSITIVES} of them with the outcome, in a group of {name} and beside it"
    if limit is not None:
        raise TooFewSamples(f"there are not {needed}, as limit {limit} needs: wait for more outcomes")
    why = f"no limit is declared, and there are not {needed}"
    return (not_applying(NAME, evidence, why, f"{name} {measure}"),)


def _judgeable(values: Texts, data: Holdout) -> dict[str, Marks]:
    """The groups with enough rows, in them and in all others together, each with its rows."""
    found: dict[str, Marks] = {}
    for group in np.unique(values):
        marks: Marks = values == group
        if all(
            side.sum() >= MIN_ROWS and data.labels[side].sum() >= MIN_POSITIVES for side in (marks, ~marks)
        ):
            found[str(group)] = marks
    return found


def _gap(measure: Measure, group: str, marks: Marks, cut: float, level: float, evidence: Evidence) -> Gap:
    data = holdout(evidence)
    weights = np.ones(data.n) if data.weights is None else data.weights
    if measure == "tpr":
        positive = data.labels == 1.0
        called = (data.candidate[positive] >= cut).astype(np.float64)
        inside = marks[positive]
        interval = difference_interval(
            called, inside, data.days[positive], evidence.chance(), resamples=RESAMPLES, level=level,
            weights=weights[positive],
        )  # fmt: skip
        return Gap(group, interval, int(inside.sum()))
    too_much = data.candidate[marks] - data.labels[marks]
    interval = block_interval(
        too_much,
        data.days[marks],
        evidence.chance(),
        resamples=RESAMPLES,
        level=level,
        weights=weights[marks],
    )
    return Gap(group, interval, int(marks.sum()))


def _verdict(
    name: str,
    measure: Measure,
    gaps: list[Gap],
    left_out: list[str],
    cut: float,
    limit: Limit | None,
    evidence: Evidence,
) -> Verdict:
    ruled = {gap.group: _ruling(gap.interval, limit) for gap in gaps}
    # Of two groups the one with less is named.
    worst = min(
        gaps,
        key=lambda gap: (
            PRECEDENCE.index(ruled[gap.group]),
            -round(abs(gap.interval.value), 9),
            gap.interval.value,
        ),
    )
    ruling = ruled[worst.group]
    sentence = _sentence(name, measure, worst, cut, limit, ruling)
    if left_out:
        sentence += f"; too few rows to judge: {', '.join(each or '(missing)' for each in left_out)}"
    return verdict(
        NAME,
        evidence,
        ruling,
        sentence,
        f"{name} {measure}",
        measured=abs(worst.interval.value),
        limit="" if limit is None else str(limit),
        unit="probability",
        n=worst.n,
        evidence={
            "cut": cut,
            "groups": {
                gap.group: [gap.interval.value, gap.interval.low, gap.interval.high, gap.n] for gap in gaps
            },
            "left_out": left_out,
        },
    )


def _ruling(interval: Interval, limit: Limit | None) -> Ruling:
    if limit is None:
        return "pass"
    size = absolute(interval)
    return limit.ruling(size.value, size.low, size.high)


def _sentence(name: str, measure: Measure, gap: Gap, cut: float, limit: Limit | None, ruling: Ruling) -> str:
    found = gap.interval
    shown = f"{number(found.value)} [{number(found.low)}, {number(found.high)}]"
    who = f"{name}={gap.group or '(missing)'}"
    if measure == "tpr":
        what = f"true positive rate of {who} at cut {number(cut)}, minus that of all others: {shown}"
    else:
        what = f"mean score of {who}, minus its rate: {shown}"
    if limit is None:
        against = "no limit is declared"
    elif ruling == "insufficient":
        against = f"may keep limit {limit} or not: wait for more labelled days"
    else:
        against = f"{'within' if ruling == 'pass' else 'beyond'} limit {limit}"
    return f"{what}, {against} (n={gap.n:,} on {found.blocks} days)"


CHECK = Check(
    name=NAME,
    required=True,
    question="Are the groups of a protected attribute treated alike?",
    remedy="Look at the group that is named: its labels, its inputs, and the cut; or let the owner change the limits.",
    measured=judge,
)
