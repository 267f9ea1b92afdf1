"""Parameters of a made-up network for the gate's tests: two embeddings and a layer, trained through and through."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from roadworthy.gate.weights_facts import ArrayFacts, WeightFacts


def parameters(rows: int = 4_000) -> WeightFacts:
    """Two rows were never trained: missing, which is nothing, and an entry that a repair set."""
    table = ArrayFacts(
        name="tail.weight", shape=(900, 8), norm=14.2, learned=0.9, change=0.4, columns=("tail",), untrained=2,
        repaired=1,
    )  # fmt: skip
    carrier = ArrayFacts(
        name="carrier.weight", shape=(18, 4), norm=3.1, learned=1.1, change=0.3, columns=("carrier",)
    )
    layer = ArrayFacts(name="layer.weight", shape=(1, 12), norm=2.0, learned=0.7, change=0.5)
    return WeightFacts(kind="arrays", arrays=(table, carrier, layer), sampled=rows, compared=(1,))


def with_nan(facts: WeightFacts) -> WeightFacts:
    """The same with a norm that is no number."""
    return replace(facts, arrays=(replace(facts.arrays[0], norm=float(np.nan)), *facts.arrays[1:]))
