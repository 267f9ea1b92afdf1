"""Scores held-out rows again in other arrangements: alone, in another order, in batches, padded, beside other rows.

Not here: whether they may differ (gate.batch_invariance).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from roadworthy.features.batch import Batch, Floats
from roadworthy.features.schema import InputSchema
from roadworthy.gate.batch_invariance import EMPTY_LISTS
from roadworthy.gate.evidence import Arrangement
from roadworthy.scorer import Scorer

#: Rows that are scored again in other arrangements.
ARRANGED = 256

#: Rows of one small batch, and how many it is padded to.
BATCH, PADDED = 7, 16


def arrangements(scorer: Scorer, batch: Batch, seed: int) -> tuple[Arrangement, ...]:
    """The same rows in every arrangement, brought back into their order."""
    rows = np.linspace(0, batch.n - 1, min(batch.n, ARRANGED)).astype(np.int64)
    sample = batch.take(rows)
    nothing = Batch.from_rows(emptied(sample, scorer.schema), scorer.schema)
    expected = scorer.score(sample).output
    shuffled = np.random.default_rng(seed).permutation(sample.n)
    permuted = np.empty_like(expected)
    permuted[shuffled] = scorer.score(sample.take(shuffled)).output
    found = {
        "alone": _cut(scorer, sample, 1),
        "permuted": permuted,
        f"batches of {BATCH}": _cut(scorer, sample, BATCH),
        "as single requests": _requests(scorer, sample),
        "padded": _padded(scorer, sample, nothing),
        "beside rows of nothing": _between(scorer, sample, nothing),
    }
    tried = [Arrangement(name=name, expected=expected, got=got) for name, got in found.items()]
    return (*tried, *_empty_lists(scorer, sample))


def emptied(batch: Batch, schema: InputSchema, kinds: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """The rows with everything missing that may be, and every list empty; only columns of `kinds` where given."""
    changes: dict[str, Any] = {
        field.name: [] if field.kind == "strings" else None
        for field in schema.fields
        if (field.kind == "strings" or field.nullable) and (not kinds or field.kind in kinds)
    }
    return [{**row, **changes} for row in batch.rows(schema)]


def _cut(scorer: Scorer, sample: Batch, size: int) -> Floats:
    return np.concatenate([scorer.score(sample.take(part)).output for part in _parts(sample.n, size)])


def _requests(scorer: Scorer, sample: Batch) -> Floats:
    """One by one, as plain values: how a worker reads a request."""
    names = scorer.schema.names()
    rows = [tuple(row[name] for name in names) for row in sample.rows(scorer.schema)]
    return np.concatenate([scorer.score_rows([row]).output for row in rows])


def _padded(scorer: Scorer, sample: Batch, nothing: Batch) -> Floats:
    """Small batches, filled up with their last row and then with rows of nothing."""
    found = []
    for part in _parts(sample.n, BATCH):
        repeated = np.append(part, np.full(PADDED // 2, part[-1]))
        behind = nothing.take(np.arange(min(nothing.n, PADDED - BATCH)))
        filled = Batch.concat([sample.take(repeated), behind])
        found.append(scorer.score(filled).output[: part.size])
    return np.concatenate(found)


def _between(scorer: Scorer, sample: Batch, nothing: Batch) -> Floats:
    """Each row between two rows of nothing."""
    both = Batch.concat([sample, nothing])
    order = np.stack([np.arange(sample.n), np.arange(sample.n) + sample.n], axis=1).ravel()
    return scorer.score(both.take(order)).output[::2]


def _empty_lists(scorer: Scorer, sample: Batch) -> Iterator[Arrangement]:
    """The rows with their lists empty: alone, and each beside itself with full ones; nothing without lists."""
    if not any(field.kind == "strings" for field in scorer.schema.fields):
        return
    empty = Batch.from_rows(emptied(sample, scorer.schema, ("strings",)), scorer.schema)
    yield Arrangement(name=EMPTY_LISTS, expected=_cut(scorer, empty, 1), got=_between(scorer, empty, sample))


def _parts(n: int, size: int) -> list[np.ndarray]:
    return [np.arange(start, min(start + size, n)) for start in range(0, n, size)]
