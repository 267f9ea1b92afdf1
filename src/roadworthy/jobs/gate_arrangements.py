"""Scores held-out rows again in other arrangements: alone, in another order, in batches, beside others.

Not here: whether they may differ (gate.batch_invariance).
"""

from __future__ import annotations

import numpy as np

from roadworthy.features.batch import Batch, Floats
from roadworthy.gate.evidence import Arrangement
from roadworthy.scorer import Scorer

#: Rows that are scored again in other arrangements.
ARRANGED = 512


def arrangements(scorer: Scorer, batch: Batch, seed: int) -> tuple[Arrangement, ...]:
    """The same rows alone, permuted and in batches of seven, brought back into their order."""
    rows = np.linspace(0, batch.n - 1, min(batch.n, ARRANGED)).astype(np.int64)
    sample = batch.take(rows)
    expected = scorer.score(sample).output
    shuffled = np.random.default_rng(seed).permutation(sample.n)
    permuted = np.empty_like(expected)
    permuted[shuffled] = scorer.score(sample.take(shuffled)).output

    def cut(size: int) -> Floats:
        starts = range(0, sample.n, size)
        parts = [sample.take(np.arange(start, min(start + size, sample.n))) for start in starts]
        return np.concatenate([scorer.score(part).output for part in parts])

    return (
        Arrangement(name="alone", expected=expected, got=cut(1)),
        Arrangement(name="permuted", expected=expected, got=permuted),
        Arrangement(name="batches of 7", expected=expected, got=cut(7)),
    )
