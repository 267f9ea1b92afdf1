"""Where do the candidate and the champion differ, row by row? For reading: it never blocks.

Two models of equal quality, and of different families all the more, can still disagree on many rows. They are compared
on the later held-out rows, and once more on requests that are served now, as both read them from the log. Reported are
the mean absolute difference, the share of rows that agree within 0.05, the distribution of the differences, the slices
that moved most and the rows that moved most, by their numbers from 0 in the held-out rows; no unit stands here, because
forgetting one does not reach what the gate said. Models that are alike on held-out rows and far apart on requests see
other inputs there: read `served_like_trained`. Quality is judged by `champion`; here there is no limit.

A/A    the version that answers now is asked again what it was asked when it answered; what it says must be what was
       logged, within the tolerance of its estimator's format (0 is bit-identical). It shows whether this comparison
       can be believed; it fails where a library, a clock or a damaged log comes between. Where that version has
       answered none of these requests yet, it does not apply.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec.structs import replace

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, champion_scores, guarded, holdout, not_applying, number, verdict
from roadworthy.gate.evidence import Evidence, Floats, Holdout, Ints, Texts
from roadworthy.gate.traffic_facts import Traffic
from roadworthy.stats import metrics
from roadworthy.stats.resampling import block_interval
from roadworthy.verdict import Limit, Verdict

NAME = "champion_rows"

#: Two probabilities this close are called the same answer.
AGREEMENT = 0.05

#: Slices with fewer rows than this are not ranked.
SLICE_ROWS = 100

SHOWN = 10

#: Requests that the version that answers now must have answered itself.
MIN_AGAIN = 20


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """A verdict on the held-out rows, one on served requests, and one on the version that answers against itself."""
    return (
        *guarded(NAME, evidence, _held_out),
        *guarded(NAME, evidence, _served, "served"),
        *guarded(NAME, evidence, _again, "A/A"),
    )


def _held_out(evidence: Evidence) -> tuple[Verdict, ...]:
    if evidence.serves_since is not None:
        return (_itself(evidence),)
    data = holdout(evidence)
    if evidence.champion_version is None:
        why = "no other version answers to compare it with"
        return (not_applying(NAME, evidence, why),)
    candidate, _ = metrics.checked(data.candidate, data.labels)
    champion, _ = metrics.checked(champion_scores(evidence), data.labels)
    found = _compared(evidence, "", candidate - champion, data.days, data.slices)
    return (
        replace(found, evidence={**found.evidence, "rows": _rows_that_moved(data, candidate - champion)}),
    )


def _served(evidence: Evidence) -> tuple[Verdict, ...]:
    if evidence.serves_since is not None:
        return (_itself(evidence, "served"),)
    traffic = _traffic(evidence)
    if traffic.none:
        return (not_applying(NAME, evidence, traffic.none, "served"),)
    if traffic.candidate is None:
        raise TooFewSamples(f"requests that are served now lack {', '.join(sorted(traffic.lacking))}")
    if traffic.champion is None:
        raise TooFewSamples(
            f"no champion was asked on these requests{traffic.unscored and ': '}{traffic.unscored}"
        )
    difference = _finite(traffic.candidate) - _finite(traffic.champion)
    return (_compared(evidence, "served", difference, traffic.days, traffic.slices),)


def _again(evidence: Evidence) -> tuple[Verdict, ...]:
    """The version that answers now, asked again."""
    traffic = _traffic(evidence)
    own = evidence.version if evidence.serves_since is not None else evidence.champion_version
    if traffic.none or own is None:
        return (not_applying(NAME, evidence, traffic.none or "no version answers now", "A/A"),)
    if traffic.champion is None:
        raise TooFewSamples(f"version {own} was not asked again{traffic.unscored and ': '}{traffic.unscored}")
    rows = traffic.answered_by == own
    n = int(rows.sum())
    if not n:
        why = f"version {own} has answered none of these {traffic.n:,} requests yet"
        return (not_applying(NAME, evidence, why, "A/A"),)
    if n < MIN_AGAIN:
        raise TooFewSamples(f"version {own} answered {n} of these requests, at least {MIN_AGAIN} are needed")
    differences = np.abs(_finite(traffic.champion[rows]) - _finite(traffic.logged[rows]))
    largest, limit = float(differences.max()), Limit("<=", traffic.tolerance)
    ruling = limit.ruling(largest)
    wrong = int((differences > traffic.tolerance).sum())
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            f"largest difference of version {own} from what it answered itself {number(largest)} "
            f"{'<=' if ruling == 'pass' else '>'} limit {limit.value:g}{f', {wrong:,} rows differ' if wrong else ''} "
            f"(n={n:,})",
            "A/A",
            measured=largest,
            limit=str(limit),
            unit="probability",
            n=n,
        ),
    )


def _traffic(evidence: Evidence) -> Traffic:
    if evidence.traffic is None:
        raise TooFewSamples("the requests that are served now were not read")
    return evidence.traffic


def _finite(scores: Floats) -> Floats:
    if not np.isfinite(scores).all():
        raise ValueError(f"{int((~np.isfinite(scores)).sum()):,} scores of requests are no finite numbers")
    return scores


def _itself(evidence: Evidence, part: str = "") -> Verdict:
    return not_applying(
        NAME, evidence, "it is itself the champion, so there are no other answers to compare", part
    )


def _compared(
    evidence: Evidence, part: str, difference: Floats, days: Ints, columns: Mapping[str, Texts]
) -> Verdict:
    size = block_interval(np.abs(difference), days, evidence.chance())
    agree = float((np.abs(difference) <= AGREEMENT).mean())
    slices = slices_that_moved(columns, difference)
    most = f"; {slices[0]['slice']} moved most, by {slices[0]['mean']:+.4f} on average" if slices else ""
    return verdict(
        NAME,
        evidence,
        "pass",
        f"mean absolute difference {number(size.value)} [{number(size.low)}, {number(size.high)}], {agree:.1%} of "
        f"{'requests' if part else 'rows'} within {AGREEMENT}{most}; no limit, for reading (n={difference.size:,} on "
        f"{size.blocks} days)",
        part,
        measured=size.value,
        unit="probability",
        n=difference.size,
        evidence={
            "low": size.low,
            "high": size.high,
            "agreement": agree,
            "mean": float(difference.mean()),
            "quantiles": _quantiles(difference),
            "slices": slices,
        },
    )


def slices_that_moved(columns: Mapping[str, Texts], difference: Floats) -> list[dict[str, Any]]:
    """Slices by the size of their mean difference, largest first; each value of a column is a slice."""
    found: list[dict[str, Any]] = []
    for column, values in columns.items():
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
