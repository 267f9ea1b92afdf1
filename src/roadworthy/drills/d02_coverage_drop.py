"""D2: an input that nearly every request carried is missing in some.

In the field the coverage of a feature dropped and the metric sagged for weeks before anybody knew. Here callers stop
sending one number in a share of their requests, after the release; of the kind `before`, they had stopped weeks before
the candidate was made, so that the gate can see it in the log.

Severity is the share of requests without it; moderate is one in twenty.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault
from roadworthy.drills.resent import heaviest_number, resend
from roadworthy.features.batch import Floats


def number_of(deployment: Deployment) -> str:
    """The number that moves its answers most among its inputs that may be missing; "" where there is none."""
    return heaviest_number(deployment, optional=True)


def _applies(deployment: Deployment) -> str:
    return "" if number_of(deployment) else "none of its inputs is a number that may be missing"


def _lost(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    name = number_of(deployment)

    def change(row: dict[str, Any]) -> dict[str, Any]:
        return {**row, name: None} if name in row and chance.random() < severity else row

    deployment.alter_requests(change)


def _lost_before(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    def sending(values: Floats, said: Floats, chance: np.random.Generator) -> Floats:
        return np.where(chance.random(len(values)) < severity, np.nan, values)

    resend(deployment, number_of(deployment), sending, chance)


FAULT = Fault(
    id="D2",
    name="coverage-drop",
    title="requests lose an input that they had carried",
    happened="A feature's coverage dropped; the metric sagged for weeks before anyone knew why.",
    stage="live",
    guards=(
        "missing",
        "input_distance",
        "prediction_distance",
        "prediction_mean",
        "prediction_p50",
        "prediction_p99",
    ),
    inject=_lost,
    moderate=0.05,
    live=True,
    applies=_applies,
)

VARIANTS = (
    replace(
        FAULT,
        variant="before",
        title="requests had lost an input before the candidate was made",
        stage="gate",
        guards=("served_like_trained",),
        inject=_lost_before,
        live=False,
    ),
)
