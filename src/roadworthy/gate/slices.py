"""Is any group of rows surely worse off than with the version that answers now, however good the average is?

Every slice of the later rows with at least 100 rows on 5 days is compared: each value of the declared slices, and,
found by itself, the values of categories and the fifths of numbers that the scores depend on most (at most 12 columns).

harm      log loss of the candidate minus the champion's, in each slice, against `slice_log_loss` among the limits
          (`<= 0.01` where none is declared). A slice fails where its difference surely exceeds the limit: by a
          t-test over days, with at most 1 % false discoveries among the declared slices and among those found
          (Benjamini and Hochberg 1995). Where nobody answers yet it does not apply.
moved     by how much the mean score of each slice rose or fell from the champion to the candidate, once both are
          brought to the rate of all rows by one number of logits, as a share of the slice's rarer outcome as the
          champion scores it, against `slice_move` (`<= 0.2` where none is declared). Both scored the same rows, so
          this is known long before `harm` is. A slice fails where its move surely exceeds the limit, as above; is large
          enough for the outcomes of as many rows to tell it from chance (three standard errors of their mean, which
          are never less than chance alone gives if either version is right); and their mean lies on the champion's
          side of the middle between both, by more than one such error. Where a group that moved holds most
          rows, the rate of all goes with it, and the others are named. Slices that were found are named and block
          nothing: of so many one moves by itself now and then in a version that is better for nearly everybody.
perfect   for each value declared as `Model(perfect={"country": ["AQ"]})`: no row of it may be called wrongly at the
          declared `cut` or, without one, at the score above which as many rows lie as were positive in training.
          Without any such row there is too little evidence.

Rows count as `Model(weight=...)` and `Model(sampling=...)` say. In the evidence stand rows, rate, mean score, log loss
and the rates of false calls of each slice, and where the model is surely worse than the base rate. Single values and
fifths are where slice finding begins (Chung et al. 2019, Slice Finder); pairs of columns are not searched.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import (
    Check,
    champion_scores,
    cut_of,
    guarded,
    holdout,
    not_applying,
    number,
    unless_surely,
    upper_limit,
    verdict,
)
from roadworthy.gate.evidence import Evidence, Floats, Holdout
from roadworthy.gate.slices_facts import Marks, Slices
from roadworthy.gate.slices_laid import ROWS, Laid, judgeable, judged_of, laid, surely_above
from roadworthy.gate.slices_moved import moved
from roadworthy.stats import metrics
from roadworthy.stats.clusters import GroupMeans
from roadworthy.verdict import Limit, Verdict

NAME = "slices"

#: Names among the user's limits.
LIMIT_NAME, LIMIT_NAME_MOVE = "slice_log_loss", "slice_move"

#: of `slice_log_loss`, by default
DEFAULT = Limit("<=", 0.01)

#: of `slice_move`, by default
DEFAULT_MOVE = Limit("<=", 0.2)

SHOWN = 40


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict on harm, one on moves, and one for each slice that must be perfect."""
    if evidence.slices is None:
        raise TooFewSamples("no slices were looked at: run the gate on a registered version")
    holdout(evidence)
    found = [*guarded(NAME, evidence, _harm, "harm"), *guarded(NAME, evidence, _moved, "moved")]
    for name in evidence.slices.perfect:
        found += guarded(NAME, evidence, partial(_perfect, name), name)
    return tuple(found)


def _harm(evidence: Evidence) -> tuple[Verdict, ...]:
    data, facts = holdout(evidence), _facts(evidence)
    limit = upper_limit(evidence, LIMIT_NAME, DEFAULT)
    scores, labels = metrics.checked(data.candidate, data.labels)
    slices, losses = laid(facts), metrics.log_losses(scores, labels)
    table = _table(data, facts, slices, losses)
    if evidence.champion_version is None:
        why = "no other version answers, so no slice can be worse than with it"
        return (not_applying(NAME, evidence, why, "harm", evidence={"slices": _shown(slices, table, None)}),)
    before = metrics.log_losses(*metrics.checked(champion_scores(evidence), labels))
    found = slices.means(losses - before, data)
    judged = judged_of(found)
    harmed = surely_above(found, limit.value, judged, slices.declared)
    return (_harm_verdict(evidence, limit, slices, found, judged, harmed, table),)


def _harm_verdict(
    evidence: Evidence,
    limit: Limit,
    slices: Laid,
    found: GroupMeans,
    judged: Marks,
    harmed: Marks,
    table: list[dict[str, Any]],
) -> Verdict:
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(judged, (found.value - limit.value) / np.maximum(found.error, 1e-12), -np.inf)
    order = np.lexsort((-distance, ~harmed))
    worst = int(order[0])
    version, n = evidence.champion_version, int(found.rows[worst])
    if harmed.any():
        listed = ", ".join(_said(slices, found, int(number_)) for number_ in order[: min(harmed.sum(), 4)])
        reason = (
            f"{int(harmed.sum())} of {int(judged.sum())} slices surely lose more log loss against version {version} "
            f"than limit {limit.value:g}: {listed}"
        )
    else:
        reason = (
            f"none of {int(judged.sum())} slices surely loses more log loss against version {version} than limit "
            f"{limit.value:g}; the nearest to it is {_said(slices, found, worst)}"
        )
    low, high = found.interval(worst)
    below = [entry["slice"] for entry in table if entry["worse_than_base_rate"]]
    aside = f"; surely worse than the base rate: {', '.join(below[:4])}" if below else ""
    return verdict(
        NAME,
        evidence,
        "fail" if harmed.any() else "pass",
        reason + aside + f" (n={n:,})",
        "harm",
        measured=float(found.value[worst]),
        limit=unless_surely(limit),
        unit="nats",
        n=n,
        evidence={
            "slice": slices.names[worst],
            "low": low,
            "high": high,
            "judged": int(judged.sum()),
            "harmed": [slices.names[place] for place in np.flatnonzero(harmed)],
            "slices": _shown(slices, table, found),
        },
    )


def _said(slices: Laid, found: GroupMeans, place: int) -> str:
    low, high = found.interval(place)
    return f"{slices.names[place]} {number(float(found.value[place]))} [{number(low)}, {number(high)}]"


def _table(data: Holdout, facts: Slices, slices: Laid, losses: Floats) -> list[dict[str, Any]]:
    """What there is to know of every slice, champion or not."""
    called = data.candidate >= cut_of(data, facts.cut, facts.trained_rate)
    positive = data.labels == 1.0
    loss, rate = slices.means(losses, data), slices.means(data.labels, data)
    score = slices.means(data.candidate, data)
    false_positive = slices.means(called.astype(np.float64), data, ~positive)
    false_negative = slices.means((~called).astype(np.float64), data, positive)
    worse = np.zeros(len(slices.names), dtype=bool)
    if data.baseline is not None:
        beside = slices.means(losses - metrics.log_losses(data.baseline, data.labels), data)
        worse = surely_above(beside, 0.0, judgeable(loss), slices.declared)
    return [
        {
            "slice": name,
            "declared": bool(slices.declared[place]),
            "n": int(loss.rows[place]),
            "rate": _plain(rate.value[place]),
            "score": _plain(score.value[place]),
            "log_loss": _plain(loss.value[place]),
            "false_positive_rate": _plain(false_positive.value[place]),
            "false_negative_rate": _plain(false_negative.value[place]),
            "worse_than_base_rate": bool(worse[place]),
        }
        for place, name in enumerate(slices.names)
    ]


def _shown(slices: Laid, table: list[dict[str, Any]], found: GroupMeans | None) -> list[dict[str, Any]]:
    """The table with the difference, largest first."""
    shown = [
        {**entry, "difference": None if found is None else _plain(found.value[place])}
        for place, entry in enumerate(table)
        if entry["n"] >= ROWS
    ]
    return sorted(shown, key=lambda entry: (-(entry["difference"] or 0.0), -entry["n"]))[:SHOWN]


def _moved(evidence: Evidence) -> tuple[Verdict, ...]:
    return moved(evidence, _facts(evidence), upper_limit(evidence, LIMIT_NAME_MOVE, DEFAULT_MOVE))


def _perfect(name: str, evidence: Evidence) -> tuple[Verdict, ...]:
    data, facts = holdout(evidence), _facts(evidence)
    scores, labels = metrics.checked(data.candidate, data.labels)
    rows = facts.perfect[name]
    if not rows.any():
        raise TooFewSamples(f"no later row has {name}, so nobody knows whether all of it is called right")
    cut = cut_of(data, facts.cut, facts.trained_rate)
    wrong = np.flatnonzero(rows & ((scores >= cut) != (labels == 1.0)))
    n = int(rows.sum())
    limit = Limit("<=", 0.0)
    ruling = limit.ruling(float(wrong.size))
    relation = limit.comparison if ruling == "pass" else ">"
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            f"{wrong.size:,} rows are called wrongly at {number(cut)}, {relation} limit 0 of a slice that must be "
            f"perfect (n={n:,})",
            name,
            measured=float(wrong.size),
            limit=str(limit),
            unit="rows",
            n=n,
            evidence={"cut": cut, "rows": wrong[:SHOWN].tolist()},
        ),
    )


def _facts(evidence: Evidence) -> Slices:
    assert evidence.slices is not None
    return evidence.slices


def _plain(value: np.float64) -> float | None:
    return float(value) if np.isfinite(value) else None


CHECK = Check(
    name=NAME,
    required=True,
    question="Is any group of rows surely worse off than with the version that answers now?",
    remedy="Look at what changed for the group: its share of the training rows, its labels, a feature it depends on. "
    "If it is meant to lose, declare a wider slice_log_loss; if it is meant to move, a wider slice_move.",
    measured=judge,
)
