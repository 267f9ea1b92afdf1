"""S1: after an update of the code around the model, the mean prediction moves by orders of magnitude; nothing fails.

In the field nothing raised an error, and decisions went on. Here the serving process is updated after the release was
gated: what the model said is divided on its way into the answer, as when one side means parts per thousand.

Severity is how far: answers are divided by 10 ** (3 * severity), by a thousand at 1. Moderate is a little more than
ten, the least that is an order of magnitude; what costs 5 % of log loss is a fifth, and the detection curve in
docs/drills.md shows that a few dozen rows a day cannot tell it from the weather.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault
from roadworthy.drills.launcher import wrap


def divide_answers(*, by: float) -> None:
    """Let the worker answer with smaller numbers than the model said; the patch of a serving process."""

    def divided(honest: Any) -> Any:
        def said(*given: Any, **more: Any) -> Any:
            found = honest(*given, **more)
            outputs = None if found.outputs is None else [output / by for output in found.outputs]
            return replace(found, outputs=outputs)

        return said

    wrap("roadworthy.serving.scoring", "said", divided)


def _inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    deployment.patch("serving", divide_answers, by=10.0 ** (3.0 * severity))


FAULT = Fault(
    id="S1",
    name="scale-shift",
    title="after an update every answer is many times smaller",
    happened="After a code update the mean prediction moved by orders of magnitude; nothing raised an error.",
    stage="live",
    guards=(
        "mean_output", "prediction_mean", "prediction_p50", "prediction_p99", "prediction_distance", "calibration",
        "calibration_error", "performance", "constant_output",
    ),
    inject=_inject,
    moderate=0.35,
    live=True,
)  # fmt: skip
