"""Measures what every feature of a candidate takes to encode and what it gives, on a few held-out rows.

Not here: judging it (gate.cost).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from roadworthy.features.batch import Batch
from roadworthy.gate.cost_facts import Cost, FeatureCost
from roadworthy.gate.evidence import Holdout
from roadworthy.jobs.declared_joins import kept_times
from roadworthy.registry.versions import VersionRow
from roadworthy.scorer import Scorer
from roadworthy.stats.metrics import log_losses

#: Rows on which features are given the values of other rows.
ROWS = 2_000

#: How often the encoding of a feature is timed; the quickest counts.
TIMED = 3

_MISSING = 1


def feature_costs(row: VersionRow, scorer: Scorer, batch: Batch, holdout: Holdout, seed: int) -> Cost:
    """Encode, permute and score; the same rows and the same permutation for every feature."""
    chosen = np.linspace(0, batch.n - 1, min(batch.n, ROWS)).astype(np.int64)
    sample, labels = batch.take(chosen), holdout.labels[chosen]
    encoded = scorer.features.encode(sample)
    losses = log_losses(scorer.predictor.predict(encoded), labels)
    missing = {
        name: float((found == _MISSING).mean()) for name, found in scorer.features.states(sample).items()
    }
    sources = _sources(row.run.details)
    shuffled = np.random.default_rng(seed).permutation(sample.n)
    features = []
    for record in scorer.features.records:
        own = [place for place, column in enumerate(scorer.features.columns) if column.feature == record.name]
        changed = encoded.copy()
        changed[:, own] = encoded[shuffled][:, own]
        features.append(
            FeatureCost(
                name=record.name,
                seconds=_seconds(scorer, sample, record.name),
                missing=missing[record.name],
                worse=log_losses(scorer.predictor.predict(changed), labels) - losses,
                sources=tuple(dict.fromkeys(sources[name] for name in record.columns if name in sources)),
            )
        )
    return Cost(
        features=tuple(features),
        days=holdout.days[chosen],
        loss=float(losses.mean()),
        sourced=kept_times(row.run.details) is not None,
        budgets=row.run.details.get("budgets", {}),
    )


def _sources(details: Mapping[str, Any]) -> dict[str, str]:
    """Joined column → the source it comes from."""
    times = kept_times(details)
    return {} if times is None else {join.column: join.source for join in times.joins}


def _seconds(scorer: Scorer, sample: Batch, feature: str) -> float:
    """To encode one feature, a row."""
    taken = []
    for _ in range(TIMED):
        started = time.perf_counter()
        scorer.features.encode_one(feature, sample)
        taken.append(time.perf_counter() - started)
    return min(taken) / max(1, sample.n)
