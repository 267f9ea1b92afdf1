"""Facts about leakage of a made-up candidate that was told nothing too early; the same spoiled, and of few rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from roadworthy.gate.evidence import Floats
from roadworthy.gate.leakage_facts import Alone, Carried, Followed, Leakage, Replayed, Units


def untold(labels: Floats, days: np.ndarray) -> Leakage:
    """Four joins, two inputs of the history itself, outcomes known at instants of their own."""
    chance = np.random.default_rng(11)
    faint = np.clip(0.5 + 0.05 * (labels - 0.5) + chance.normal(0.0, 0.1, labels.size), 0.0, 1.0)
    return Leakage(
        joined=4,
        looked=labels.size,
        replayed=(Replayed(column="departures_count_2h", declared="left_at", rows=500, differing=0),),
        own=tuple(
            Carried(column=name, trained=8_000, there=8_000, usual=900, served=500, sent=500)
            for name in ("carrier", "distance")
        ),
        served=500,
        timed=labels.size,
        followed=(Followed(column="distance", unit="seconds", rows=labels.size, fixed=500, offset=-60.0),),
        held_out=labels.size,
        units=Units(questions=165_000, trained=165_000, held_out=labels.size, shared=0),
        alone=Alone(
            labels=labels,
            days=days,
            scores={"carrier": faint, "distance": chance.uniform(size=labels.size)},
        ),
    )


def spoiled_alone(facts: Leakage) -> Leakage:
    """The same with one NaN in every score."""
    assert facts.alone is not None
    scores = {name: np.concatenate([[np.nan], held[1:]]) for name, held in facts.alone.scores.items()}
    return replace(facts, alone=replace(facts.alone, scores=scores))


def of_few(facts: Leakage, rows: int) -> Leakage:
    """The same with only a few rows everywhere."""
    alone, units = facts.alone, facts.units
    assert alone is not None
    assert units is not None
    return replace(
        facts, looked=rows, served=rows, timed=rows, held_out=rows, units=replace(units, held_out=rows),
        alone=replace(
            alone, labels=alone.labels[:rows], days=alone.days[:rows],
            scores={name: held[:rows] for name, held in alone.scores.items()},
        ),
    )  # fmt: skip
