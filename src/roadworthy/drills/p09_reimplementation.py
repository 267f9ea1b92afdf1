"""P9: the model is written again in another language, and its answers differ slightly.

The usual differences are numbers that are kept in 32 bits and texts that are compared without their case. Here the
server is such a second scorer: what it encodes is rounded on its way into the estimator, and its answers too. Golden
requests with their answers are the test vectors that every implementation can be asked; of the kind `elsewhere` it is a
process that is none of ours, was asked them and only logs its answers.

Severity is how coarse its numbers are: from 7 significant digits, as 32 bits have them (0), to 1 (1).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault
from roadworthy.drills.launcher import wrap
from roadworthy.features.batch import Floats
from roadworthy.scorer import Scored, Scorer

#: Significant digits of a number in 32 bits.
DIGITS = 7


def score_coarsely(*, digits: int) -> None:
    """Score with fewer digits; the patch of a process that serves."""

    def coarsely(honest: Any) -> Any:
        def score(scorer: Scorer, rows: Any) -> Scored:
            found = honest(scorer, rows)
            encoded = rounded(found.encoded, digits)
            return Scored(encoded, rounded(scorer.predictor.predict(encoded), digits))

        return score

    wrap(Scorer, "score", coarsely)
    wrap(Scorer, "score_rows", coarsely)


def rounded(values: Floats, digits: int) -> Floats:
    """Numbers to so many significant digits; whole numbers below 10 ** digits stay what they are.

    >>> rounded(np.array([0.123456789, 12.0, np.nan]), 3).tolist()
    [0.123, 12.0, nan]
    """
    with np.errstate(all="ignore"):
        size = np.floor(np.log10(np.abs(values)))
        unit = 10.0 ** (digits - 1 - np.where(np.isfinite(size), size, 0.0))
        found: Floats = np.where(np.isfinite(values), np.round(values * unit) / unit, values)
    return found


def _inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    deployment.patch(("staging", "serving"), score_coarsely, digits=_digits(severity))


def _elsewhere(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    deployment.patch("elsewhere", score_coarsely, digits=_digits(severity))


def _digits(severity: float) -> int:
    return DIGITS - round(severity * (DIGITS - 1))


FAULT = Fault(
    id="P9",
    name="reimplementation",
    title="a second implementation of the scorer keeps fewer digits",
    happened="The model was re-written in another language and differed slightly.",
    stage="gate",
    guards=("goldens", "infrastructure", "reproducible"),
    inject=_inject,
    moderate=0.5,
)

VARIANTS = (
    replace(
        FAULT,
        variant="elsewhere",
        title="a scorer that only logs to us keeps fewer digits",
        guards=("reimplementation",),
        inject=_elsewhere,
    ),
)
