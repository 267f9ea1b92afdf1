"""What the gate's checks of quality look at, for the made-up candidate of `gate_evidence`."""

from __future__ import annotations

import numpy as np

from roadworthy.gate.learned_facts import Heuristic, Learned


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


def probability(logit: np.ndarray) -> np.ndarray:
    """The probability of a logit."""
    return 1.0 / (1.0 + np.exp(-logit))
