"""Performance: does the model still rank; the area under the ROC curve within days, where outcomes have matured.

Within a day, because storms make whole days late: the pooled area rewards a model for knowing that June is not
September. The pooled one is in the evidence.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from roadworthy.monitoring.calibration import labelled, together
from roadworthy.monitoring.null import Score, Series
from roadworthy.monitoring.watch import Days, Lens, Watched
from roadworthy.profiles.reference import Reference
from roadworthy.profiles.scores import binned_auc

#: A loss of area below this is never an alarm, however sure it is.
SMALLEST = 0.01
LEAST_OF_EACH = 3


def watched(reference: Reference) -> list[Watched]:
    """Area under the curve over a week, four weeks and a quarter; only a loss counts."""
    series = _read(reference, reference.days, True)
    usual = float(series.value.mean()) if series.days.size else 0.5

    def matters(score: Score, days: Days) -> bool:
        return usual - score.mean >= SMALLEST

    return [
        Watched(
            "performance",
            "",
            (Lens(_read, (7, 28, 91), "below"),),
            "AUC within days {measured}",
            float,
            unit="AUC",
            material=matters,
            rows=lambda day: day.labels.n,
            evidence=_evidence,
        )
    ]


def _read(reference: Reference, days: Days, own: bool) -> Series:
    held = [
        day
        for day in labelled(days)
        if min(day.labels.observed, day.labels.n - day.labels.observed) >= LEAST_OF_EACH
    ]
    if not held:
        return Series(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))
    positives = np.array([day.labels.positives for day in held], dtype=np.float64)
    negatives = np.array([day.labels.negatives for day in held], dtype=np.float64)
    up, down = positives.sum(axis=1), negatives.sum(axis=1)
    area = float(np.nan_to_num(reference.labels.auc, nan=0.5))
    # Hanley and McNeil (1982), Radiology 143(1), with the reference's area for all days.
    first, second = area / (2.0 - area), 2.0 * area**2 / (1.0 + area)
    variance = (
        area * (1 - area) + (up - 1) * (first - area**2) + (down - 1) * (second - area**2)
    ) / (up * down)  # fmt: skip
    number = np.array([day.day for day in held], dtype=np.int64)
    return Series(number, binned_auc(positives, negatives), np.maximum(variance, 1e-8))


def _evidence(days: Days) -> dict[str, Any]:
    pooled = together(days).auc
    return {"pooled_auc": None if np.isnan(pooled) else round(pooled, 5)}
