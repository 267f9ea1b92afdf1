"""P10: a library is upgraded after training, and the score changes.

Here the serving environment has another version of a library that the artifact was trained with, and its scores move
for some rows. Which ones is decided by the row itself; golden requests are spared, as an upgrade that was tested
with them would be, so that only the recorded versions tell. The kind `everywhere` moves all scores.

Severity is the share of rows; moderate is 5 % of them.
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import replace
from typing import Any

import numpy as np

from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault
from roadworthy.drills.launcher import wrap
from roadworthy.features.batch import Floats
from roadworthy.scorer import Scored, Scorer

#: The version that the upgraded library says it has.
UPGRADED = "99.0"

#: By how much a score moves, as a share of itself.
MOVED = 0.2


def upgrade(*, library: str, share: float, seed: int, goldens: bool) -> None:
    """Have another version of a library, which scores otherwise; the patch of a process that serves.

    goldens   whether golden requests are scored otherwise too
    """

    def other(honest: Any) -> Any:
        def version(name: str) -> str:
            return UPGRADED if name == library else str(honest(name))

        return version

    def moving(honest: Any) -> Any:
        def score(scorer: Scorer, rows: Any) -> Scored:
            found = honest(scorer, rows)
            chosen = _chosen(found.encoded, share, seed)
            if not goldens:
                chosen &= ~_golden(scorer, found.encoded)
            return Scored(found.encoded, np.where(chosen, found.output * (1.0 - MOVED), found.output))

        return score

    wrap(importlib.metadata, "version", other)
    wrap(Scorer, "score", moving)
    wrap(Scorer, "score_rows", moving)


def _chosen(encoded: Floats, share: float, seed: int) -> np.ndarray:
    """Rows that are hit, the same whenever they are asked."""
    mixed = np.nan_to_num(encoded) @ np.random.default_rng(seed).normal(size=encoded.shape[1])
    found: np.ndarray = np.modf(np.abs(mixed) * 997.0)[0] < share
    return found


def _golden(scorer: Scorer, encoded: Floats) -> np.ndarray:
    """Rows that are encoded as a golden request is."""
    known = {
        np.array([float(golden.encoded[name]) for name in scorer.model.columns]).tobytes()
        for golden in scorer.goldens
    }
    return np.array([row.tobytes() in known for row in np.ascontiguousarray(encoded)], dtype=bool)


def _library(deployment: Deployment) -> str:
    stores = deployment.stores()
    described = deployment.description
    row = stores.versions.get(described.model, described.candidate)
    stores.engine.dispose()
    return next(name for name in sorted(row.run.libraries) if name not in ("numpy", "roadworthy"))


def _upgrading(goldens: bool) -> Any:
    def inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
        deployment.patch(
            ("staging", "serving"), upgrade, library=_library(deployment), share=severity,
            seed=int(chance.integers(2**31)), goldens=goldens,
        )  # fmt: skip

    return inject


FAULT = Fault(
    id="P10",
    name="dependency-change",
    title="a library was upgraded since training, and some scores change",
    happened="A library upgrade changed the encoding or the score.",
    stage="gate",
    guards=("reproducible",),
    inject=_upgrading(goldens=False),
    moderate=0.05,
)

VARIANTS: tuple[Fault, ...] = (
    replace(
        FAULT,
        variant="everywhere",
        title="a library was upgraded since training, and every score changes",
        guards=("reproducible", "goldens", "infrastructure"),
        inject=_upgrading(goldens=True),
        moderate=1.0,
    ),
)
