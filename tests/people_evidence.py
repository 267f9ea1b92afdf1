"""What people said about the made-up candidate of the gate's tests."""

from __future__ import annotations

import numpy as np

from roadworthy.gate.blind_ratings_facts import BlindRatings


def rated(rows: int = 40, preferred: float = 0.7) -> BlindRatings:
    """Two raters on the same rows of ten days, who mostly agree, and prefer the candidate in such a share of rows."""
    chance = np.random.default_rng(13)
    first = (chance.uniform(size=rows) < preferred).astype(np.float64)
    second = np.where(chance.uniform(size=rows) < 0.8, first, 1.0 - first)
    numbers = np.arange(rows)
    return BlindRatings(
        rows=np.concatenate([numbers, numbers]),
        raters=np.repeat([0, 1], rows),
        choices=np.concatenate([first, second]),
        nearer=np.tile((chance.uniform(size=rows) < 0.6).astype(np.float64), 2),
        days=15_887 + np.tile(numbers % 10, 2),
    )
