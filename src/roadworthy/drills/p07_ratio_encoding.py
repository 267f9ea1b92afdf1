"""P7: a division by zero is -1 in training and 0 when served.

In the field both sides were written by different people. Here the library of the server has another number for a zero
denominator than the one that trained; of the kind `elsewhere` that is a scorer of somebody else's, which was asked the
golden requests and only logs its answers.

Severity is how far the number moves: from what the feature declares (0) to 0.0 (1). Moderate is all the way, as it
was: how many rows it touches is how often the denominator is zero.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault
from roadworthy.drills.launcher import wrap
from roadworthy.features.numeric import RatioEncoder


def divide_otherwise(*, share: float) -> None:
    """Let a zero denominator become another number; the patch of a process that serves."""

    def making(honest: Any) -> Any:
        def made(encoder: RatioEncoder, *given: Any) -> None:
            honest(encoder, *given)
            encoder._zero = np.float64(encoder._zero * (1.0 - share) + 0.0)  # never -0.0

        return made

    wrap(RatioEncoder, "__init__", making)


def _inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    deployment.patch(("staging", "serving"), divide_otherwise, share=severity)


def _elsewhere(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    deployment.patch("elsewhere", divide_otherwise, share=severity)


def _divides(deployment: Deployment) -> str:
    features = deployment.model.features.features.values()
    zeros = [feature.options.when_zero for feature in features if type(feature.options).__name__ == "Ratio"]  # type: ignore[union-attr]  # only a ratio has one
    if not zeros:
        return "none of its features divides"
    return "" if any(zero != 0.0 for zero in zeros) else "it declares 0 for every zero denominator already"


FAULT = Fault(
    id="P7",
    name="ratio-encoding",
    title="a zero denominator is encoded otherwise when served",
    happened="Division by zero was -1 in training and 0 in serving.",
    stage="gate",
    guards=("goldens", "infrastructure", "reproducible", "release", "encoding_parity"),
    inject=_inject,
    moderate=1.0,
    live=True,
    applies=_divides,
)

VARIANTS = (
    replace(
        FAULT,
        variant="elsewhere",
        title="a scorer that only logs to us encodes a zero denominator otherwise",
        guards=("reimplementation",),
        inject=_elsewhere,
        live=False,
    ),
)
