"""Did training touch every parameter that a request can reach?

A row of an embedding, or the coefficient of a one-hot category, that no labelled training row showed gets no
gradient. It keeps the random number it began with, and every request with that entry is answered by chance: a
vocabulary learned on more rows than the model is the usual cause. Three things are judged, each on every array.

*untrained rows*: rows that no labelled training row showed, or that training left as they were, that can be asked
for and hold something else than nothing, the unknown entry's value, or what a repair set. The limit is 0; the reason
says how many of the held-out rows and of the requests served now ask for them, and names entries. Trees have no such
rows: a category that no split names goes the way of an unknown one, so it is counted and no fault. An array that
training left as it was as a whole fails too, unless it holds nothing. *numbers*: none may be NaN or infinite.
*changed*: no other version may hold the same bytes in every array although it was trained on other rows; a training
that changed nothing is none.

The evidence lists every array with its norm, how far training moved it, and how far it lies from the champion's,
entries of vocabularies side by side. Covington, Adams, Sargin (2016), Deep Neural Networks for YouTube
Recommendations, RecSys: features share one embedding there, and what is out of the vocabulary is the zero embedding.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from functools import partial

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, guarded, not_applying, number, verdict
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.weights_facts import ArrayFacts, WeightFacts
from roadworthy.verdict import Limit, Ruling, Verdict

NAME = "weights"

#: With fewer rows than this nothing is known of what requests ask for.
MIN_ROWS = 20

_NONE = Limit("<=", 0.0)

UNTRAINED = "untrained rows"


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """Three verdicts: on untrained rows, on numbers that are none, and on what training changed."""
    facts = evidence.parameters
    if facts is None:
        raise TooFewSamples(
            "the estimator's parameters were not read: run the gate where the library it was trained with is installed"
        )
    if facts.sampled < MIN_ROWS:
        raise TooFewSamples(
            f"{facts.sampled} held-out rows and requests were looked at, at least {MIN_ROWS} are needed: wait for more"
        )
    if facts.kind == "arrays" and not facts.arrays:
        raise TooFewSamples("no array of parameters was found in the estimator's files")
    for array in facts.arrays:
        measured = (array.norm, array.learned or 0.0, array.change or 0.0)
        if not all(math.isfinite(value) for value in measured):
            raise ValueError(
                f"norm, learned and change of {array.name} are {measured}, expected finite numbers"
            )
    return (
        *guarded(NAME, evidence, partial(_untrained, facts), UNTRAINED),
        _numbers(evidence, facts),
        _changed(evidence, facts),
    )


def _untrained(facts: WeightFacts, evidence: Evidence) -> tuple[Verdict, ...]:
    listed = {"arrays": [asdict(array) for array in facts.arrays], "touched": facts.touched}
    if facts.kind == "trees":
        unsplit = sum(count for count, _ in facts.unsplit.values())
        among = sum(size for _, size in facts.unsplit.values())
        counted = f"; {unsplit:,} of {among:,} categories are named by no split" if among else ""
        why = f"trees go the way of an unknown category where they learned none{counted}"
        unsplit_of = {"unsplit": dict(facts.unsplit)}
        return (not_applying(NAME, evidence, why, UNTRAINED, evidence=unsplit_of),)
    if not facts.kept:
        raise TooFewSamples(
            "this version was trained before it was kept which rows training touched: train it again, which gives the "
            "same version"
        )
    still = [array for array in facts.arrays if array.learned == 0.0 and array.norm > 0.0]
    random = sum(array.random for array in facts.arrays)
    rows = sum(array.shape[0] for array in facts.arrays if array.columns)
    tables = sum(bool(array.columns) for array in facts.arrays)
    found = random + len(still)
    ruling = _NONE.ruling(found)
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            _of_rows(facts, still, found, f"{rows:,} rows in {tables} arrays", ruling),
            UNTRAINED,
            measured=float(found),
            limit=str(_NONE),
            unit="rows",
            n=facts.sampled,
            evidence=listed,
        ),
    )


def _of_rows(facts: WeightFacts, still: list[ArrayFacts], found: int, rows: str, ruling: Ruling) -> str:
    """The sentence on untrained rows."""
    n = f"(n={facts.sampled:,})"
    if ruling == "pass":
        left = sum(array.untrained - array.repaired for array in facts.arrays)
        repaired = sum(array.repaired for array in facts.arrays)
        rest = f"; {left:,} were never trained and hold nothing or what unknown entries get" if left else ""
        rest += f"; {repaired:,} were never trained and have been repaired" if repaired else ""
        return f"{number(found)} untrained rows hold their random start <= limit 0, of {rows}{rest} {n}"
    parts = [f"{number(found)} untrained rows hold their random start > limit 0, of {rows}"]
    for array in sorted(facts.arrays, key=lambda each: -each.touched):
        if array.random:
            names = ", ".join(array.entries)
            parts.append(f"{array.name}: {array.random:,} of {array.shape[0]:,} ({names})")
    parts += [f"all of {array.name} is what it was before training" for array in still]
    share = facts.touched / facts.sampled
    return f"{'; '.join(parts)}; {share:.1%} of the rows looked at ask for them {n}"


def _numbers(evidence: Evidence, facts: WeightFacts) -> Verdict:
    wrong = {array.name: array.not_finite for array in facts.arrays if array.not_finite}
    found = sum(wrong.values())
    ruling = _NONE.ruling(found)
    relation = "<=" if ruling == "pass" else ">"
    where = f": {', '.join(f'{count:,} in {name}' for name, count in wrong.items())}" if wrong else ""
    amount = sum(math.prod(array.shape) for array in facts.arrays)
    return verdict(
        NAME,
        evidence,
        ruling,
        f"{number(found)} numbers are NaN or infinite {relation} limit 0{where} (n={amount:,} parameters)",
        "numbers",
        measured=float(found),
        limit=str(_NONE),
        n=amount,
        evidence={"not_finite": wrong},
    )


def _changed(evidence: Evidence, facts: WeightFacts) -> Verdict:
    same = facts.same_as
    ruling = _NONE.ruling(len(same))
    n = len(facts.compared)
    if not n:
        why = "there is no other version to compare with"
        return not_applying(NAME, evidence, why, "changed")
    if same:
        named = ", ".join(f"version {version}" for version in same)
        reason = f"every array is that of {named}, trained on other rows: {len(same)} > limit 0"
    else:
        parts = [f"{array.name} ({_versions(array)})" for array in facts.arrays if array.same_as]
        alike = f"; the same bytes in {', '.join(parts)}" if parts else ""
        reason = f"{number(len(same))} versions trained on other rows hold the same arrays <= limit 0{alike}"
    moved = [array for array in facts.arrays if array.change is not None]
    if moved:
        most = max(moved, key=lambda array: array.change or 0.0)
        reason += (
            f"; {most.name} lies furthest from the champion's, by {number(most.change or 0.0)} of its norm"
        )
    return verdict(
        NAME,
        evidence,
        ruling,
        f"{reason} (n={n} versions)",
        "changed",
        measured=float(len(same)),
        limit=str(_NONE),
        n=n,
        evidence={"same_as": list(same), "change": {each.name: each.change for each in moved}},
    )


def _versions(array: ArrayFacts) -> str:
    return ", ".join(map(str, array.same_as))


CHECK = Check(
    name=NAME,
    required=True,
    question="Did training touch every parameter that a request can reach?",
    remedy="Give untrained rows the unknown entry's value with `roadworthy gate REF --repair`, or raise min_count so "
    "that rare entries are unknown; train again where numbers are NaN or nothing changed.",
    measured=judge,
)
