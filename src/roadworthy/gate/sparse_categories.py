"""Does what was learned of rare categories help, or would a typical one in their place do better?

An entry of a vocabulary that training hardly met keeps a random or an overfitted value. One by one such entries have
too few rows to say anything about; together they have enough. Held-out rows whose entry had fewer than 100 training
rows are scored again with the entry replaced by the most frequent ones of the column (the mean of up to eight, in
logits), and all moved by one number to the mean score as it was.

The log loss as it is minus the log loss with a typical entry must not surely exceed `sparse_log_loss` among the limits
(`<= 0.02` where none is declared), for any column: by a t-test over days, at most 1 % false discoveries among columns
(Benjamini and Hochberg 1995). With fewer than 100 such rows on 5 days nothing is said of a column: it is sparse, which
is no fault. Where the model has no feature of text it does not apply.

In the evidence stands the calibration gap (mean score minus rate) by how often entries were trained on, with its
interval over days; the entries with enough rows whose gap differs surely from that of all rows; and how many entries
are too sparse to be judged. It is the gate's way to see embeddings that never got a gradient, beside `weights`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, holdout, not_applying, number, unless_surely, upper_limit, verdict
from roadworthy.gate.evidence import Evidence, Floats, Holdout
from roadworthy.gate.sparse_categories_facts import SparseCategories, SparseColumn
from roadworthy.stats import metrics
from roadworthy.stats.clusters import GroupMeans, false_discoveries, group_means
from roadworthy.stats.levels import levelled
from roadworthy.verdict import Limit, Verdict

NAME = "sparse_categories"

#: Name among the user's limits.
LIMIT_NAME = "sparse_log_loss"

DEFAULT = Limit("<=", 0.02)

#: Rows and days that something is judged on at least.
ROWS, DAYS = 100, 5

#: Entries with fewer training rows than this are rare.
RARE = 100

#: Where one bucket of training rows ends and the next begins.
BUCKETS = (1, 10, 100, 1_000)

FALSE_DISCOVERIES = 0.01

SHOWN = 10


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict over all columns of text."""
    facts = evidence.sparse_categories
    if facts is None:
        raise TooFewSamples("no categories were looked at: run the gate on a registered version")
    data = holdout(evidence)
    scores, labels = metrics.checked(data.candidate, data.labels)
    if not facts.columns:
        why = "the model has no feature of text"
        return (not_applying(NAME, evidence, why),)
    limit = upper_limit(evidence, LIMIT_NAME, DEFAULT)
    found = _beside_typical(data, facts, metrics.log_losses(scores, labels))
    judged = (found.rows >= ROWS) & (found.blocks >= DAYS)
    buckets = {column.column: _buckets(data, column) for column in facts.columns}
    if not judged.any():
        sparse = int(found.rows.max())
        why = f"the rare entries of no column have {ROWS} rows on {DAYS} days, the most are {sparse:,}"
        return (not_applying(NAME, evidence, why, evidence={"buckets": buckets}),)
    harmed = np.zeros(judged.shape, dtype=bool)
    harmed[judged] = false_discoveries(found.above(limit.value)[judged], FALSE_DISCOVERIES)
    return (_verdict(evidence, facts, limit, found, judged, harmed, buckets),)


def _beside_typical(data: Holdout, facts: SparseCategories, losses: Floats) -> GroupMeans:
    """Log loss as it is minus log loss with a typical entry, in the rare rows of each column."""
    rows = np.concatenate([column.rows for column in facts.columns])
    typical = np.concatenate(
        [levelled(column.typical, _mean(data.candidate[column.rows])) for column in facts.columns]
    )
    which = np.repeat(np.arange(len(facts.columns)), [column.rows.size for column in facts.columns])
    difference = losses[rows] - metrics.log_losses(*_checked(typical, data.labels[rows]))
    weights = None if data.weights is None else data.weights[rows]
    return group_means(difference, which, data.days[rows], len(facts.columns), weights)


def _mean(scores: Floats) -> float:
    """Of the scores of rare rows, of which there may be none."""
    return float(scores.mean()) if scores.size else 0.0


def _checked(scores: Floats, labels: Floats) -> tuple[Floats, Floats]:
    """As `metrics.checked`; there may be no rows."""
    return metrics.checked(scores, labels) if scores.size else (scores, labels)


def _verdict(
    evidence: Evidence,
    facts: SparseCategories,
    limit: Limit,
    found: GroupMeans,
    judged: np.ndarray,
    harmed: np.ndarray,
    buckets: dict[str, Any],
) -> Verdict:
    data = holdout(evidence)
    distance = np.where(judged, (found.value - limit.value) / np.maximum(found.error, 1e-12), -np.inf)
    worst = int(np.lexsort((-distance, ~harmed))[0])
    low, high = found.interval(worst)
    n, name = int(found.rows[worst]), facts.columns[worst].column
    said = f"{name} {number(float(found.value[worst]))} [{number(low)}, {number(high)}]"
    if harmed.any():
        reason = (
            f"rare entries of {int(harmed.sum())} of {int(judged.sum())} columns surely cost more log loss than a "
            f"typical entry in their place, beyond limit {limit.value:g}: {said}"
        )
    else:
        reason = (
            f"rare entries of none of {int(judged.sum())} columns surely cost more log loss than a typical entry in "
            f"their place, by limit {limit.value:g}: {said} is the nearest"
        )
    return verdict(
        NAME,
        evidence,
        "fail" if harmed.any() else "pass",
        f"{reason} (n={n:,})",
        measured=float(found.value[worst]),
        limit=unless_surely(limit),
        unit="nats",
        n=n,
        evidence={
            "low": low,
            "high": high,
            "column": name,
            "harmed": [facts.columns[place].column for place in np.flatnonzero(harmed)],
            "buckets": buckets,
            "entries": {column.column: _entries(data, column) for column in facts.columns},
        },
    )


def _buckets(data: Holdout, column: SparseColumn) -> list[dict[str, Any]]:
    """Calibration gap of the rows by how often their entry was trained on."""
    known = column.entry >= 0
    bucket = np.full(data.n, -1, dtype=np.int64)
    bucket[known] = np.searchsorted(BUCKETS, column.trained[column.entry[known]], side="right")
    found = group_means(data.candidate - data.labels, bucket, data.days, len(BUCKETS) + 1, data.weights)
    ends = [0, *BUCKETS]
    return [
        {"trained_from": ends[place], "n": int(found.rows[place]), **_gap(found, place)}
        for place in range(len(ends))
        if found.rows[place]
    ]


def _entries(data: Holdout, column: SparseColumn) -> dict[str, Any]:
    """Entries with enough rows whose gap surely differs from that of all rows; how many are too sparse to say."""
    gaps = data.candidate - data.labels
    everywhere = float(np.average(gaps, weights=data.weights))
    found = group_means(gaps - everywhere, column.entry, data.days, column.trained.size, data.weights)
    judged = (found.rows >= ROWS) & (found.blocks >= DAYS)
    differ = np.flatnonzero(judged)[false_discoveries(found.apart(0.0)[judged], FALSE_DISCOVERIES)]
    largest = sorted(differ.tolist(), key=lambda place: -abs(found.value[place]))[:SHOWN]
    return {
        "judged": int(judged.sum()),
        "sparse": int(((found.rows > 0) & ~judged).sum()),
        "differ": [{"entry": place, "n": int(found.rows[place]), **_gap(found, place)} for place in largest],
    }


def _gap(found: GroupMeans, place: int) -> dict[str, float | None]:
    low, high = found.interval(place)
    known = bool(np.isfinite([low, high]).all())
    return {
        "gap": float(found.value[place]),
        "low": low if known else None,
        "high": high if known else None,
    }


CHECK = Check(
    name=NAME,
    required=True,
    question="Does what was learned of rare categories help, or would a typical one in their place do better?",
    remedy="Raise min_count of the feature's vocabulary, so that what is rare is unknown; look whether training "
    "touched its entries (weights).",
    measured=judge,
)
