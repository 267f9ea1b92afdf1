"""P2: a server that cannot batch empty lists puts the number of a real value in their place, only when serving.

In the field the server was sent `[0]` for an empty list, and 0 was a real identifier. Here the library of the server
does it: an empty list that comes in one batch with fuller ones is encoded as the most frequent known text; alone it is
encoded as ever. The kind `always` is the client that sends `[0]` whatever the batch.

Severity is the share of such empty lists. Moderate touches 5 % of rows where one list in ten is empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault
from roadworthy.drills.launcher import wrap
from roadworthy.features.plain import Plain
from roadworthy.features.reading import Reading
from roadworthy.features.textual import CategoriesEncoder
from roadworthy.features.vocabulary import MISSING, RESERVED


def collide(*, share: float, seed: int, alone: bool) -> None:
    """Encode empty lists as a real value; the patch of a process that serves.

    alone   whether also where there is no fuller list beside them
    """
    chance = np.random.default_rng(seed)

    def hit(empty: np.ndarray) -> np.ndarray:
        together = alone or not empty.all()
        found: np.ndarray = empty & (chance.random(empty.size) < share) & together
        return found

    def writing(honest: Any) -> Any:
        def write(encoder: CategoriesEncoder, reading: Reading, matrix: np.ndarray) -> None:
            honest(encoder, reading, matrix)
            columns = matrix[:, encoder._at : encoder._at + len(encoder._steps)]
            columns[hit((columns == MISSING).all(axis=1)), 0] = RESERVED

        return write

    def few(honest: Any) -> Any:
        def encoded(encoder: CategoriesEncoder, plain: Plain) -> list[Sequence[float]]:
            columns = np.array(honest(encoder, plain), dtype=np.float64)
            columns[0, hit((columns == MISSING).all(axis=0))] = RESERVED
            return [column.tolist() for column in columns]

        return encoded

    wrap(CategoriesEncoder, "write", writing)
    wrap(CategoriesEncoder, "few", few)


def _inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    seed = int(chance.integers(2**31))
    deployment.patch(("staging", "serving"), collide, share=severity, seed=seed, alone=False)


def _always(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    seed = int(chance.integers(2**31))
    deployment.patch(("staging", "serving"), collide, share=severity, seed=seed, alone=True)


def _reads_lists(deployment: Deployment) -> str:
    features = deployment.model.features.features.values()
    listed = any(type(feature.options).__name__ == "Categories" for feature in features)
    return "" if listed else "it reads no list, so nothing is padded"


FAULT = Fault(
    id="P2",
    name="padding-collision",
    title="an empty list in a batch is encoded as a real value",
    happened="A server that could not batch empty lists was sent [0], and 0 was a real identifier.",
    stage="gate",
    guards=("batch_invariance",),
    inject=_inject,
    moderate=0.5,
    applies=_reads_lists,
)

VARIANTS: tuple[Fault, ...] = (
    replace(
        FAULT,
        variant="always",
        title="every empty list is encoded as a real value",
        guards=("goldens", "infrastructure", "reproducible", "batch_invariance"),
        inject=_always,
    ),
)
