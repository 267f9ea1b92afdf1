"""Made-up measurements of servers in staging."""

from __future__ import annotations

import numpy as np

from roadworthy.gate.cost_facts import Cost, FeatureCost
from roadworthy.gate.infrastructure_facts import Infrastructure, Served


def served(slower: float = 1.0) -> Infrastructure:
    """Servers of three versions beside each other, the candidate's so many times as slow."""
    chance = np.random.default_rng(11)
    times = 0.0004 * chance.lognormal(0.0, 0.15, (3, 8, 72))
    workers = [
        Served(version=version, start_seconds=1.1, memory_bytes=182e6, seconds=seconds, cpu_seconds=0.0003)
        for version, seconds in zip(
            (2, 1, 7), times * np.array([slower, 1.0, 1.0])[:, None, None], strict=True
        )
    ]
    return Infrastructure(
        warmups=24,
        size_bytes=1.4e6,
        budgets={"latency_p99": "<= 20ms"},
        own=workers[0],
        champion=workers[1],
        reference=workers[2],
    )


def weighed(rows: int = 2_000) -> Cost:
    """Three features: one that the model needs, one that gives little and takes nothing, one from a joined table."""
    chance = np.random.default_rng(13)

    def feature(name: str, gives: float, *, sources: tuple[str, ...] = ()) -> FeatureCost:
        worse = chance.normal(gives, 0.0004, rows)
        return FeatureCost(name=name, seconds=2e-6, missing=0.02, worse=worse, sources=sources)

    return Cost(
        features=(
            feature("wind", 0.03, sources=("weather",)),
            feature("heavy", 0.0),
            feature("rain", 0.02, sources=("weather",)),
        ),
        days=np.sort(chance.integers(15_887, 15_917, rows)),
        loss=0.53,
    )
