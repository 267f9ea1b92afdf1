"""Where do the candidate and the champion differ, row by row? For reading: it never blocks.

Two models of equal quality can still disagree on many rows. Reported are the mean absolute difference, the share of
rows that agree within 0.05, the distribution of the differences, the slices that moved most and the rows that moved
most, by their numbers from 0 in the held-out rows; no unit stands here, because forgetting one does not reach what
the gate said. Quality is judged by `champion`; here there is no limit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, holdout, number, verdict
from roadworthy.gate.evidence import Evidence, Floats, Holdout
from roadworthy.stats import metrics
from roadworthy.stats.resampling import block_interval
from roadworthy.verdict import Verdict

NAME = "champion_rows"

#: Two probabilities this close are called the same answer.
AGREEMENT = 0.05

#: Slices with fewer rows than this are not ranked.
SLICE_ROWS = 100

SHOWN = 10


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict that carries the comparison as evidence."""
    if evidence.serves_since is not None:
        reason = "it is itself the champion: no other version's answers to compare with; no limit (n=0)"
        return (verdict(NAME, evidence, "pass", reason, n=0),)
    data = holdout(evidence)
    if data.champion is None:
        raise TooFewSamples("there is no champion's answer on these rows to compare with")
    candidate, _ = metrics.checked(data.candidate, data.labels)
    champion, _ = metrics.checked(data.champion, data.labels)
    difference = candidate - champion
    size = block_interval(np.abs(difference), data.days, evidence.chance())
    agree = float((np.abs(difference) <= AGREEMENT).mean())
    slices = slices_that_moved(data, difference)
    most = f"; {slices[0]['slice']} moved most, by {slices[0]['mean']:+.4f} on average" if slices else ""
    return (
        verdict(
            NAME,
            evidence,
            "pass",
            f"mean absolute difference {number(size.value)} [{number(size.low)}, {number(size.high)}], "
            f"{agree:.1%} of rows within {AGREEMENT}{most}; no limit, for reading (n={data.n:,} on {size.blocks} days)",
            measured=size.value,
            unit="probability",
            evidence={
                "low": size.low,
                "high": size.high,
                "agreement": agree,
                "quantiles": _quantiles(difference),
                "slices": slices,
                "rows": _rows_that_moved(data, difference),
            },
        ),
    )


def slices_that_moved(data: Holdout, difference: Floats) -> list[dict[str, Any]]:
    """Slices by the size of their mean difference, largest first; each value of a column is a slice."""
    found: list[dict[str, Any]] = []
    for column, values in data.slices.items():
        kinds, index, counts = np.unique(values, return_inverse=True, return_counts=True)
        means = np.bincount(index, weights=difference) / counts
        sizes = np.bincount(index, weights=np.abs(difference)) / counts
        found += [
            {
                "slice": f"{column}={kinds[kind] or '(missing)'}",
                "n": int(counts[kind]),
                "mean": float(means[kind]),
                "size": float(sizes[kind]),
            }
            for kind in np.flatnonzero(counts >= SLICE_ROWS)
        ]
    return sorted(found, key=lambda entry: (-abs(entry["mean"]), entry["slice"]))[:SHOWN]


def _quantiles(difference: Floats) -> dict[str, float]:
    shares = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
    return {
        f"p{share * 100:02.0f}": float(value)
        for share, value in zip(shares, np.quantile(difference, shares), strict=True)
    }


def _rows_that_moved(data: Holdout, difference: Floats) -> list[dict[str, Any]]:
    order = np.argsort(-np.abs(difference), kind="stable")[:SHOWN]
    assert data.champion is not None
    return [
        {
            "row": int(row),
            "candidate": float(data.candidate[row]),
            "champion": float(data.champion[row]),
            "outcome": int(data.labels[row]),
        }
        for row in order
    ]


CHECK = Check(
    name=NAME,
    required=False,
    question="Where do its answers differ from the champion's, row by row?",
    remedy="Read which slices and rows moved, and whether they should have.",
    measured=judge,
)
