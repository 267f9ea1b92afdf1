"""The false-alarm budget: how often a healthy model may be called sick, and which check may spend how much of it.

Not here: thresholds. They are learned from the reference's own days (`null`) so that these numbers come true; the
test of the whole set on resampled healthy half-years measures whether they do.

The numbers are expected false alarms (episodes, not days) per model and year of looking every day. A check with
several series (one an input, one a window) divides its share evenly among them, which keeps the promise whatever the
dependence between them (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from roadworthy.errors import UnknownName

Severity = Literal["alarm", "warning"]
CallsFor = Literal["look", "retrain", "roll back"]


class Share(msgspec.Struct, frozen=True):
    """What one check may spend, and what its failure means.

    per_year    expected false episodes per year of daily looks; 0 for checks that compare exactly
    severity    alarm: something is wrong; warning: something is different, which may well be the world
    calls_for   what a job may do by itself: retrain, roll back, or nothing but tell a person
    """

    per_year: float
    severity: Severity
    calls_for: CallsFor


#: Sums to one false episode per model and year. Drift and other warnings never retrain and never roll back.
SHARES: Mapping[str, Share] = {
    "calibration": Share(0.20, "alarm", "retrain"),
    "calibration_error": Share(0.10, "alarm", "retrain"),
    "performance": Share(0.20, "alarm", "retrain"),
    "volume": Share(0.10, "alarm", "look"),
    "missing": Share(0.10, "alarm", "look"),
    "unknown": Share(0.05, "warning", "look"),
    "prediction_mean": Share(0.05, "alarm", "look"),
    "prediction_p50": Share(0.04, "warning", "look"),
    "prediction_p99": Share(0.03, "warning", "look"),
    "prediction_distance": Share(0.03, "warning", "look"),
    "input_distance": Share(0.10, "warning", "look"),
    "encoding_parity": Share(0.0, "alarm", "roll back"),
    "source_parity": Share(0.0, "alarm", "look"),
    "vocabulary": Share(0.0, "warning", "look"),
}


class Budget(msgspec.Struct, frozen=True):
    """How many false episodes a year are accepted for one model; the shares stay in proportion.

    >>> round(Budget().of("calibration"), 3), round(Budget(0.5).of("calibration"), 3)
    (0.2, 0.1)
    """

    per_year: float = 1.0

    def of(self, check: str) -> float:
        """Expected false episodes per year that `check` may raise; UnknownName for a check that does not exist."""
        return self.per_year * share_of(check).per_year


def share_of(check: str) -> Share:
    """Share, severity and consequence of a check; UnknownName for a check that does not exist."""
    if check not in SHARES:
        raise UnknownName(f"there is no check {check!r}: it is one of {', '.join(SHARES)}")
    return SHARES[check]
