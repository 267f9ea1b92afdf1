"""Days of rows of a made-up candidate for the gate's tests: healthy, or with one thing wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from roadworthy.gate.data_facts import DataFacts, EarlierSet, Source

JULY = datetime(2013, 7, 1, tzinfo=UTC)


def days_of_rows(days: int = 200) -> DataFacts:
    """Two hundred days with quiet Saturdays, one holiday, outcomes that come and go, and two sources of labels."""
    chance = np.random.default_rng(11)
    rows = chance.poisson(np.where(np.arange(days) % 7 == 5, 400, 900)).astype(np.float64)
    rows[120 % days] = 560.0
    labelled = np.floor(rows * chance.uniform(0.95, 1.0, days))
    rate = 1.0 / (1.0 + np.exp(-chance.normal(-1.1, 0.5, days)))
    desk = np.floor(labelled * 0.2)
    half = chance.binomial(desk.astype(np.int64), rate).astype(np.float64)
    rest = chance.binomial((labelled - desk).astype(np.int64), rate).astype(np.float64)
    return DataFacts(
        first_day=15_716,
        rows=rows,
        repeated=np.zeros(days),
        labelled=labelled,
        positive=half + rest,
        ripe=(np.arange(days) < days - 2).astype(np.float64),
        columns={"carrier": "string", "scheduled": "timestamp"},
        fingerprint="b" * 32,
        since=JULY - timedelta(days=172),
        until=JULY - timedelta(hours=5),
        sources=(
            Source(column="desk", value="front", labelled=desk, positive=half),
            Source(column="desk", value="back", labelled=labelled - desk, positive=rest),
        ),
        earlier=(
            EarlierSet(
                version=1,
                fingerprint="a" * 32,
                since=JULY - timedelta(days=172),
                until=JULY - timedelta(days=30),
                columns={"carrier": "string", "scheduled": "timestamp"},
            ),
        ),
        training=(float(labelled[:172].sum()), float((half + rest)[:172].sum())),
        held_out=(float(labelled[172:].sum()), float((half + rest)[172:].sum())),
        declared=("desk",),
    )


def with_nan(facts: DataFacts) -> DataFacts:
    """The same with a count that is no number."""
    return replace(facts, rows=np.concatenate([[np.nan], facts.rows[1:]]))
