"""S2: the share of empty answers rises: the model says NaN to some rows, and callers get an error or nothing.

Here a library in the serving process gives NaN for some rows, from the release on.

Severity is the share of rows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault
from roadworthy.drills.launcher import wrap


def answer_nothing(*, share: float, seed: int) -> None:
    """Let some outputs be NaN; the patch of a serving process."""
    chance = np.random.default_rng(seed)

    def losing(honest: Any) -> Any:
        def scored(*given: Any) -> Any:
            found, hits = honest(*given)
            output = np.array(found.output, dtype=np.float64)
            output[chance.random(len(output)) < share] = np.nan
            return replace(found, output=output), hits

        return scored

    wrap("roadworthy.serving.scoring", "_scored", losing)


def _inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    deployment.patch("serving", answer_nothing, share=severity, seed=int(chance.integers(2**31)))


FAULT = Fault(
    id="S2",
    name="null-outputs",
    title="some answers are not numbers",
    happened="The share of empty or NaN answers rose.",
    stage="live",
    guards=("invalid_output", "volume"),
    inject=_inject,
    moderate=0.05,
    live=True,
)
