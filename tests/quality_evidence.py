"""What the gate's checks of quality look at, for the made-up candidate of `gate_evidence`."""

from __future__ import annotations

import numpy as np

from roadworthy.gate.learned_facts import Heuristic, Learned
from roadworthy.gate.slices_facts import Grouping, Slices
from roadworthy.gate.sparse_categories_facts import SparseCategories, SparseColumn


def rivals(question: np.ndarray) -> Learned:
    """A twin that knows nothing, a rule that knows half of it, and requests of ten rows each."""
    chance = np.random.default_rng(8)
    rows = question.size
    rule = Heuristic(
        name="rule",
        scores=probability(question / 2 - 0.5 + chance.normal(0.0, 1.0, rows)),
        probabilities=True,
    )
    return Learned(
        shuffled=probability(chance.normal(-1.1, 0.3, (2, rows))),
        heuristic=rule,
        groups=np.arange(rows) // 10,
        trained_rate=0.27,
    )


def in_slices(question: np.ndarray) -> Slices:
    """Three carriers that were declared, and fifths of the question that were found."""
    chance = np.random.default_rng(10)
    fifths = np.searchsorted(np.quantile(question, [0.2, 0.4, 0.6, 0.8]), question).astype(np.int64)
    carriers = chance.integers(0, 3, question.size)
    return Slices(
        groupings=(
            Grouping(column="carrier", values=("B6", "EV", "UA"), index=carriers, declared=True),
            Grouping(column="queue", values=("0", "1", "2", "3", "4"), index=fifths, declared=False),
        ),
        trained_rate=0.27,
    )


def rare_entries(question: np.ndarray) -> SparseCategories:
    """A carrier of whose last entry training had five rows, and about which it is as right as about the others."""
    chance = np.random.default_rng(12)
    entry = chance.choice(4, question.size, p=[0.4, 0.3, 0.2, 0.1]).astype(np.int64)
    rows = np.flatnonzero(entry == 3)
    carrier = SparseColumn(
        column="carrier",
        entry=entry,
        trained=np.array([90_000.0, 50_000.0, 25_000.0, 5.0]),
        rows=rows,
        typical=probability(question[rows] + chance.normal(0.0, 0.5, rows.size)),
    )
    return SparseCategories(columns=(carrier,))


def probability(logit: np.ndarray) -> np.ndarray:
    """The probability of a logit."""
    return 1.0 / (1.0 + np.exp(-logit))
