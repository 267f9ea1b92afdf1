"""Evidence of a made-up candidate for the gate's tests: healthy, or with one thing wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np

from roadworthy.gate.evidence import Approval, Arrangement, Evidence, Holdout, Staging, TrainingFacts
from roadworthy.verdict import Limit

JULY = datetime(2013, 7, 1, tzinfo=UTC)
AUGUST = datetime(2013, 8, 1, tzinfo=UTC)

EMPTY = Evidence(model="flight-delay", version=2)

APPROVED = Approval(actor="ada", reason="replaces the spreadsheet")


@cache
def healthy(rows: int = 8_000) -> Evidence:
    """A candidate a little better than its champion, on 30 days that differ from each other."""
    chance = np.random.default_rng(7)
    days = np.sort(chance.integers(15_887, 15_917, rows))
    question = chance.normal(-1.1, 0.8, rows)
    weather = chance.normal(0.0, 0.15, 30)[days - 15_887]
    labels = (chance.uniform(size=rows) < _probability(question + weather)).astype(np.float64)
    arranged = chance.uniform(size=200)
    return Evidence(
        model="flight-delay",
        version=2,
        limits={"auc": Limit.parse(">= 0.65"), "calibration_error": Limit.parse("<= 0.05")},
        holdout=Holdout(
            labels=labels,
            days=days,
            candidate=_probability(question + chance.normal(0.0, 0.2, rows)),
            champion=_probability(question + chance.normal(0.0, 0.4, rows)),
            baseline=np.full(rows, 0.27),
            slices={
                "carrier": chance.choice(["UA", "B6", "EV"], rows),
                "origin": chance.choice(["EWR", "JFK", ""], rows),
            },
            asked_from=JULY,
            asked_until=JULY + timedelta(days=30),
        ),
        champion_version=1,
        arrangements=tuple(
            Arrangement(name=name, expected=arranged, got=arranged.copy())
            for name in ("alone", "permuted", "batches of 7")
        ),
        staging=Staging(expected=arranged[:24], answered=arranged[:24].copy(), seconds=1.2),
        training=TrainingFacts(rows=165_000, until=JULY - timedelta(hours=5)),
    )


def _probability(logit: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-logit))
