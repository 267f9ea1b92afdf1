"""Did it learn something: is it better than twins trained on shuffled labels, and than the rule its owner declared?

All on the same later rows and the same resampled days, each difference with its interval, all of which must lie on the
right side of 0. That it beats the base rate is asked by `better_than_baseline`.

shuffled    AUC minus that of a twin: the same recipe, trained on up to 10,000 of the training rows whose labels were
            dealt out anew; where there are fewer rows, minus the mean of up to five. AUC, because a twin of fewer rows
            is noisier, and log loss would praise whoever is merely less noisy. A twin that does well shows that the way
            of judging gives the outcome away.
heuristic   declared as `Model(heuristic=...)`: log loss minus the rule's where it gives probabilities, AUC where it is
            a column that only ranks. Rows of which the rule says nothing are left out. Without a declaration there is
            no such verdict.
ranking     where `Model(ranks_within="request")` is declared: NDCG at 10 within the groups, minus the twin's.

In the evidence stand the calls (confusion matrix, precision, recall, F1) at the declared `cut`, or else at the score
above which as many rows lie as were positive in training.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, compared, cut_of, guarded, holdout, number, verdict
from roadworthy.gate.evidence import MIN_ROWS, Evidence, Holdout
from roadworthy.gate.learned_facts import Heuristic, Learned
from roadworthy.stats import metrics
from roadworthy.stats.ranking import TOP, ndcg_of_groups
from roadworthy.stats.resampling import Interval, Metric, block_interval, paired_intervals
from roadworthy.verdict import Limit, Verdict

NAME = "learned"

BETTER: dict[str, Limit] = {"auc": Limit(">", 0.0), "log_loss": Limit("<", 0.0), "ndcg": Limit(">", 0.0)}

_UNITS = {"log_loss": "nats"}


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict for each rival there is."""
    facts = evidence.learned
    if facts is None:
        raise TooFewSamples("no rival was asked about these rows: run the gate on a registered version")
    holdout(evidence)
    asked: dict[str, Callable[[Evidence], tuple[Verdict, ...]]] = {"shuffled": _shuffled}
    if facts.heuristic is not None:
        asked["heuristic"] = _heuristic
    if facts.groups is not None:
        asked["ranking"] = _ranking
    return tuple(found for part, ask in asked.items() for found in guarded(NAME, evidence, ask, part))


def _shuffled(evidence: Evidence) -> tuple[Verdict, ...]:
    data, facts = holdout(evidence), _facts(evidence)
    twin = _twin(facts)
    found = _difference(data, twin, np.full(data.n, True), "auc", evidence)
    calls = calls_at(data, facts)
    more = {"twins": [metrics.auc(each, data.labels) for each in twin], "calls": calls}
    said = (
        f"; called positive from {number(calls['cut'])}: precision {_share(calls['precision'])}, recall "
        f"{_share(calls['recall'])}, F1 {_share(calls['f1'])}"
    )
    return (
        _ruled(evidence, "shuffled", "auc", found, "AUC, this minus that of shuffled labels:", more, said),
    )


def _heuristic(evidence: Evidence) -> tuple[Verdict, ...]:
    data, rival = holdout(evidence), _facts(evidence).heuristic
    assert rival is not None
    known = ~np.isnan(rival.scores)
    if known.sum() < MIN_ROWS:
        raise TooFewSamples(
            f"the heuristic {rival.name} says something of {int(known.sum()):,} rows, at least {MIN_ROWS} are needed"
        )
    metric: Metric = "log_loss" if rival.probabilities else "auc"
    found = _difference(data, _ranks(rival, known), known, metric, evidence)
    name = f"{'log loss' if rival.probabilities else 'AUC'}, this minus that of {rival.name}:"
    return (
        _ruled(evidence, "heuristic", metric, found, name, {"heuristic": rival.name}, n=int(known.sum())),
    )


def _ranking(evidence: Evidence) -> tuple[Verdict, ...]:
    data, facts = holdout(evidence), _facts(evidence)
    assert facts.groups is not None
    metrics.checked(data.candidate, data.labels)
    kinds, own = ndcg_of_groups(data.candidate, data.labels, facts.groups)
    other = np.mean([ndcg_of_groups(each, data.labels, facts.groups)[1] for each in _twin(facts)], axis=0)
    numbers, first = np.unique(facts.groups, return_index=True)
    days = data.days[first[np.searchsorted(numbers, kinds)]]
    found = block_interval(own - other, days, evidence.chance())
    more = {"candidate": float(own.mean()), "twin": float(other.mean()), "groups": int(kinds.size)}
    name = f"NDCG@{TOP} within {kinds.size:,} groups, this {number(more['candidate'])} minus the twin's:"
    return (_ruled(evidence, "ranking", "ndcg", found, name, more),)


def calls_at(data: Holdout, facts: Learned) -> dict[str, Any]:
    """Confusion matrix and ratios at the declared cut, or where as many are called as were positive in training."""
    scores, labels = metrics.checked(data.candidate, data.labels)
    cut = cut_of(data, facts.cut, facts.trained_rate)
    counts = metrics.confusion(scores, labels, cut, data.weights)
    return {
        "cut": cut,
        "true_negatives": counts.true_negatives,
        "false_positives": counts.false_positives,
        "false_negatives": counts.false_negatives,
        "true_positives": counts.true_positives,
        "precision": counts.precision,
        "recall": counts.recall,
        "f1": counts.f1,
        "accuracy": counts.accuracy,
    }


def _difference(
    data: Holdout, rival: np.ndarray, chosen: np.ndarray, metric: Metric, evidence: Evidence
) -> Interval:
    return paired_intervals(
        data.candidate[chosen],
        rival[..., chosen],
        data.labels[chosen],
        data.days[chosen],
        evidence.chance(),
        names=[metric],
        weights=None if data.weights is None else data.weights[chosen],
    )[metric]


def _ranks(rival: Heuristic, known: np.ndarray) -> np.ndarray:
    """Its probabilities, or the place of each value among all as a number in [0, 1]: the same order."""
    if rival.probabilities:
        return rival.scores
    places = np.full(rival.scores.shape, np.nan)
    kinds, index = np.unique(rival.scores[known], return_inverse=True)
    places[known] = (index + 0.5) / kinds.size
    return places


def _ruled(
    evidence: Evidence,
    part: str,
    metric: str,
    found: Interval,
    name: str,
    more: dict[str, Any],
    said: str = "",
    n: int | None = None,
) -> Verdict:
    limit = BETTER[metric]
    ruling = limit.ruling(found.value, found.low, found.high)
    rows = holdout(evidence).n if n is None else n
    return verdict(
        NAME,
        evidence,
        ruling,
        compared(name, found, limit, ruling, rows) + said,
        part,
        measured=found.value,
        limit=str(limit),
        unit=_UNITS.get(metric, ""),
        n=rows,
        evidence={
            "low": found.low,
            "high": found.high,
            "level": found.level,
            "days": found.blocks,
            **more,
        },
    )


def _twin(facts: Learned) -> np.ndarray:
    if facts.shuffled is None:
        raise TooFewSamples("this version was trained without a shuffled twin: change the model and train it")
    return facts.shuffled


def _facts(evidence: Evidence) -> Learned:
    assert evidence.learned is not None
    return evidence.learned


def _share(ratio: float | None) -> str:
    return "unknown" if ratio is None else f"{ratio:.3f}"


CHECK = Check(
    name=NAME,
    required=True,
    question="Did it learn something: is it better than twins trained on shuffled labels, and than a declared rule?",
    remedy="Look at labels, features and convergence of the training; where a simple rule is as good, use the rule.",
    measured=judge,
)
