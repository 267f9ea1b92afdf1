"""The part `moved` of the check `slices`: groups whose scores moved apart from all others', and nothing bears it out.

Whether a group loses log loss takes many outcomes to know. That its scores moved takes few: both versions scored the
same rows, so no outcome's chance is in it; outcomes are asked only on which side they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import (
    champion_scores,
    holdout,
    not_applying,
    number,
    unless_surely,
    verdict,
)
from roadworthy.gate.evidence import Evidence, Floats, Holdout
from roadworthy.gate.slices_facts import Marks, Slices
from roadworthy.gate.slices_laid import DAYS, ROWS, Laid, judged_of, laid, surely_above
from roadworthy.stats import metrics
from roadworthy.stats.clusters import GroupMeans
from roadworthy.stats.levels import levelled
from roadworthy.verdict import Limit, Verdict

NAME, PART = "slices", "moved"

#: A move is told from chance by the outcomes where it is at least so many standard errors of their mean.
TOLD_FROM = 3.0

#: They side with a version where their mean is more than so many of those errors on its side of the middle.
SIDE = 1.0

SHOWN = 10


@dataclass(frozen=True, slots=True)
class _Moves:
    """How every slice moved, both versions brought to the rate of all rows; arrays of shape (n_slices,).

    size       by how much the mean score rose or fell, as a share of the rarer outcome's there
    judged     whether it has rows enough
    before     mean score of the champion
    after      of the candidate
    rate       share of positive outcomes
    against    whether it surely moved, and its outcomes are on the champion's side
    borne_out  whether it surely moved, and they are on the candidate's
    """

    size: GroupMeans
    judged: Marks
    before: Floats
    after: Floats
    rate: Floats
    against: Marks
    borne_out: Marks


def moved(evidence: Evidence, facts: Slices, limit: Limit) -> tuple[Verdict, ...]:
    """One verdict: no slice may have moved by itself unless its outcomes bear it out."""
    if evidence.champion_version is None:
        why = "no other version answers, so no slice moved"
        return (not_applying(NAME, evidence, why, PART),)
    data, slices = holdout(evidence), laid(facts)
    if not slices.declared.any():
        return (not_applying(NAME, evidence, "no slices are declared", PART),)
    found = _moves(data, champion_scores(evidence), slices, limit)
    failing, size = found.against & slices.declared, np.where(found.judged, found.size.value, -np.inf)
    order = np.lexsort((-size, ~slices.declared, ~failing))
    worst = int(order[0])
    if not (found.judged & slices.declared).any():
        raise TooFewSamples(f"no declared slice has {ROWS} rows on {DAYS} days: wait for more outcomes")
    return (
        verdict(
            NAME,
            evidence,
            "fail" if failing.any() else "pass",
            _sentence(evidence, limit, slices, found, order),
            PART,
            measured=float(found.size.value[worst]),
            limit=unless_surely(limit),
            unit="share",
            n=int(found.size.rows[worst]),
            evidence={
                "slice": slices.names[worst],
                "judged": int((found.judged & slices.declared).sum()),
                "slices": [
                    _shown(slices, found, int(place)) for place in order[:SHOWN] if found.judged[place]
                ],
            },
        ),
    )


def _moves(data: Holdout, champion: Floats, slices: Laid, limit: Limit) -> _Moves:
    candidate, labels = metrics.checked(data.candidate, data.labels)
    champion, _ = metrics.checked(champion, labels)
    weights = np.ones(data.n) if data.weights is None else data.weights
    level = float(np.average(labels, weights=weights))
    if not 0.0 < level < 1.0:
        raise TooFewSamples("all outcomes are the same, so they side with no version: wait for more outcomes")
    candidate, champion = (levelled(scores, level, weights) for scores in (candidate, champion))
    move, scatter = slices.means(candidate - champion, data), slices.means(champion - labels, data).error
    judged, whole = judged_of(move), slices.totals(weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        before, after, rate = (
            slices.totals(weights * each) / whole for each in (champion, candidate, labels)
        )
        # Where an outcome is so rare that none came, nothing scatters: chance is what the scores themselves say it is.
        expected = [slices.totals(weights**2 * each * (1.0 - each)) for each in (champion, candidate)]
        noise = np.maximum(scatter, np.sqrt(np.maximum(*expected)) / whole)
        rarer = np.minimum(before, 1.0 - before)
        size = replace(move, value=np.abs(move.value) / rarer, error=move.error / rarer)
        sure = surely_above(size, limit.value, judged, slices.declared)
        told = sure & (np.abs(move.value) >= TOLD_FROM * noise)
        farther = (np.abs(after - rate) - np.abs(before - rate)) / 2
    return _Moves(
        size=size,
        judged=judged,
        before=before,
        after=after,
        rate=rate,
        against=told & (farther > SIDE * noise),
        borne_out=told & (farther < -SIDE * noise),
    )


def _sentence(
    evidence: Evidence, limit: Limit, slices: Laid, found: _Moves, order: np.ndarray[Any, np.dtype[np.intp]]
) -> str:
    worst, version = int(order[0]), evidence.champion_version
    by, n = number(float(found.size.value[worst])), f"(n={int(found.size.rows[worst]):,})"
    named = [(place, slices.names[place]) for place in order]
    failing = [name for place, name in named if found.against[place] and slices.declared[place]]
    against = [name for place, name in named if found.against[place] and not slices.declared[place]]
    borne = [name for place, name in named if found.borne_out[place]]
    aside = (
        f"; of those found, {_first(against)} moved against the outcomes and blocks nothing"
        if against
        else ""
    )
    aside += f"; outcomes bear out the move of {_first(borne)}" if borne else ""
    if failing:
        before, after, rate = (float(each[worst]) for each in (found.before, found.after, found.rate))
        more = f"; so do those of {_first(failing[1:])}" if failing[1:] else ""
        return (
            f"{slices.names[worst]} moved apart from all rows: at one rate over all, its mean score is "
            f"{number(before)} with version {version} and {number(after)} with this, apart by {by} of its rarer "
            f"outcome's share, surely > limit {limit.value:g}; its rate, {number(rate)}, sides with version "
            f"{version}{more}{aside} {n}"
        )
    judged = int((found.judged & slices.declared).sum())
    return (
        f"none of {judged} declared slices moved apart from all rows, surely by more than limit {limit.value:g} of its "
        f"rarer outcome's share, against its outcomes; {slices.names[worst]} moved most, by {by}{aside} {n}"
    )


def _first(names: list[str]) -> str:
    return f"{', '.join(names[:3])}{' and others' if names[3:] else ''}"


def _shown(slices: Laid, found: _Moves, place: int) -> dict[str, Any]:
    low, high = found.size.interval(place)
    return {
        "slice": slices.names[place],
        "n": int(found.size.rows[place]),
        "moved": float(found.size.value[place]),
        "low": low,
        "high": high,
        "before": float(found.before[place]),
        "after": float(found.after[place]),
        "rate": float(found.rate[place]),
        "outcomes": "against" if found.against[place] else "for" if found.borne_out[place] else "cannot tell",
    }
