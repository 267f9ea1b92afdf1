"""Rated blind, did people prefer the candidate's answer to the champion's? For reading: it never blocks by default.

`roadworthy look flight-delay@3` writes a page with the held-out rows on which the two differ most. It shows two answers
for each row, A and B, in an order that is drawn for each row and stands nowhere in the page; people who know the field
say which one they would trust. Measured is how often the candidate's answer was preferred (no preference counts half,
several raters of one row are averaged first), with its interval over resampled days. It fails when even the upper end
of the interval is below the limit 0.5: people surely prefer the champion. It passes otherwise, because rows that were
chosen for differing most are few and hard. Fewer than 10 rated rows are insufficient.

Beside it stand Cohen's kappa between each two raters (the mean over pairs; 0 is chance, 1 is perfect), because a
preference on which raters do not agree means little, and how often the preferred answer was the one nearer to the
outcome: the level that people reach on these rows. Only ratings against the version that answers now count. Where
nobody has rated it does not apply, unless `Model(checks={"blind_ratings": "required"})` asks for it.

Cohen (1960), Educational and Psychological Measurement 20; mean over pairs: Light (1971), Psychological Bulletin 76.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from roadworthy.errors import TooFewSamples
from roadworthy.gate.blind_ratings_facts import BlindRatings
from roadworthy.gate.check import Check, not_applying, number, unless_surely, verdict
from roadworthy.gate.evidence import Evidence
from roadworthy.stats.agreement import cohen_kappa
from roadworthy.stats.resampling import block_interval
from roadworthy.verdict import Limit, Ruling, Verdict

NAME = "blind_ratings"

#: Which share of preferences the upper end of the interval must reach.
LIMIT = Limit(">=", 0.5)

#: Fewer rated rows than this say nothing.
MIN_RATED = 10

#: Two raters are compared on no fewer rows than this.
MIN_BOTH = 5


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict on how often the candidate was preferred."""
    if evidence.serves_since is not None:
        return (_absent(evidence, "it is itself the champion, so there are no two answers to compare"),)
    facts = evidence.ratings
    if facts is None:
        raise TooFewSamples("nobody looked for ratings: run the gate on a workspace with its evidence")
    if facts.rows.size == 0 and evidence.champion_version is None:
        return (_absent(evidence, "no other version answers yet, so there are no two answers to compare"),)
    page = f"roadworthy look {evidence.subject} writes the page"
    if facts.rows.size == 0 and not facts.wanted:
        return (_absent(evidence, f"nobody rated its answers beside the champion's; {page}"),)
    rated = np.unique(facts.rows).size
    if rated < MIN_RATED:
        raise TooFewSamples(f"{rated} rows were rated blind, at least {MIN_RATED} are needed: {page}")
    values, days = _by_row(facts)
    found = block_interval(values, days, evidence.chance())
    ruling: Ruling = "pass" if LIMIT.holds(found.high) else "fail"
    relation = "at best reaches" if ruling == "pass" else "even at best below"
    kappa, right = agreement(facts), _right(facts)
    raters = np.unique(facts.raters).size
    beside = [] if kappa is None else [f"Cohen's kappa between raters {number(kappa)}"]
    beside += [] if right is None else [f"the answer they preferred was nearer to the outcome in {right:.0%}"]
    sentence = (
        f"people who did not know which is which preferred the candidate's answer in {number(found.value)} "
        f"[{number(found.low)}, {number(found.high)}], which {relation} limit {LIMIT.value:g}; "
        f"{raters} {'rater' if raters == 1 else 'raters'}{''.join(f'; {each}' for each in beside)} "
        f"(n={rated:,} on {found.blocks} days)"
    )
    return (
        verdict(
            NAME, evidence, ruling, sentence,
            measured=found.value, limit=unless_surely(LIMIT), n=rated,
            evidence={"low": found.low, "high": found.high, "kappa": kappa, "right": right, "raters": raters},
        ),
    )  # fmt: skip


def agreement(facts: BlindRatings) -> float | None:
    """Mean of Cohen's kappa over all pairs of raters with enough rows in common; None where there is no such pair."""
    said = {
        rater: dict(zip(facts.rows[facts.raters == rater], facts.choices[facts.raters == rater], strict=True))
        for rater in np.unique(facts.raters)
    }
    found = []
    for first, second in combinations(said.values(), 2):
        both = sorted(set(first) & set(second))
        if len(both) >= MIN_BOTH:
            codes = (np.array([2 * one[row] for row in both]).astype(np.int64) for one in (first, second))
            try:
                found.append(cohen_kappa(*codes))
            except TooFewSamples:
                continue  # both always said the same: chance alone explains it
    return float(np.mean(found)) if found else None


def _by_row(facts: BlindRatings) -> tuple[np.ndarray, np.ndarray]:
    """Mean choice and day of each rated row."""
    if not np.isfinite(facts.choices).all():
        raise ValueError("some ratings are no numbers")
    _, first, index, counts = np.unique(
        facts.rows, return_index=True, return_inverse=True, return_counts=True
    )
    return np.bincount(index, weights=facts.choices) / counts, facts.days[first]


def _right(facts: BlindRatings) -> float | None:
    decided = (facts.choices != 0.5) & (facts.nearer != 0.5)
    return float((facts.choices == facts.nearer)[decided].mean()) if decided.any() else None


def _absent(evidence: Evidence, why: str) -> Verdict:
    return not_applying(NAME, evidence, why)


CHECK = Check(
    name=NAME,
    required=False,
    question="Rated blind, did people prefer its answers to the champion's?",
    remedy="Read the rows that people preferred the champion on, and ask what it knows that the candidate does not.",
    measured=judge,
)
