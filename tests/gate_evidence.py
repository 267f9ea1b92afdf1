"""Evidence of a made-up candidate for the gate's tests: healthy, or with one thing wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np

from data_evidence import days_of_rows
from leakage_evidence import untold
from parameter_evidence import parameters
from people_evidence import rated
from quality_evidence import in_slices, rare_entries, rivals
from roadworthy.features.batch import Batch, Strings
from roadworthy.gate.approvals_facts import Approvals
from roadworthy.gate.batch_invariance_facts import Padding
from roadworthy.gate.evidence import Approval, Arrangement, Evidence, Holdout, Staging, TrainingFacts
from roadworthy.gate.groups_facts import Groups
from roadworthy.gate.reproducible_facts import Reproducible
from roadworthy.gate.sampling_facts import Sampling
from roadworthy.gate.traffic_facts import Traffic
from roadworthy.gate.vocabulary_facts import VocabularyFacts, VocabularyTexts
from roadworthy.verdict import Limit
from served_evidence import served, weighed
from traffic_evidence import as_trained

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
            for name in ("alone", "permuted", "batches of 7", "padded")
        ),
        padding=Padding(texts=3),
        staging=Staging(expected=arranged[:24], answered=arranged[:24].copy(), seconds=1.2),
        infrastructure=served(),
        cost=weighed(),
        reproducible=Reproducible(
            rows=20_000,
            digests=("ab" * 32, "ab" * 32),
            trained_with={"lightgbm": "4.7.0"},
            served_with={"lightgbm": "4.7.0"},
        ),
        training=TrainingFacts(rows=165_000, until=JULY - timedelta(hours=5)),
        traffic=requests(),
        served_like_trained=as_trained(requests(), "carrier"),
        ratings=rated(),
        approvals=Approvals(owners=("anna", "ben"), given={"anna": "read the report", "ben": "asked anna"}),
        leakage=untold(labels, days),
        groups=Groups(values={"age": np.where(np.arange(rows) % 3 == 0, "young", "old")}),
        vocabularies=texts(rows),
        data=days_of_rows(),
        learned=rivals(question),
        slices=in_slices(question),
        sparse_categories=rare_entries(question),
        sampling=Sampling(declared=""),
        parameters=parameters(),
    )


def texts(rows: int) -> VocabularyFacts:
    """One feature of text, whose rare value is unknown to its vocabulary."""
    carrier = VocabularyTexts(
        feature="carrier",
        entries=("UA", "B6", "EV"),
        trained=np.array([90_000.0, 50_000.0, 25_000.0]),
        held_out={"UA": rows // 2, "B6": rows // 3, "EV": rows // 6, "HA": rows // 100},
    )
    return VocabularyFacts(texts=(carrier,), rows=165_000 + rows)


@cache
def requests(rows: int = 2_000) -> Traffic:
    """Requests of the two weeks before the held-out rows, answered by version 1, which both versions read alike."""
    chance = np.random.default_rng(9)
    day = 86_400_000_000
    carrier = Strings.of(chance.choice(["UA", "B6", "EV", "HA"], rows, p=[0.5, 0.33, 0.16, 0.01]).tolist())
    inputs = Batch({"carrier": carrier}, rows)
    scores = _probability(chance.normal(-1.1, 0.8, rows))
    numbers = np.array([{"UA": 2, "B6": 3, "EV": 4}.get(text or "", 1) for text in carrier.texts()])
    return Traffic(
        asked_at=np.sort(chance.integers(15_873 * day, 15_887 * day, rows)),
        units=np.arange(rows).astype(str),
        answered_by=np.ones(rows, dtype=np.int64),
        logged=scores,
        inputs=inputs,
        encoded=numbers.astype(np.float64)[:, np.newaxis],
        columns={"carrier": "carrier"},
        states={"carrier": np.where(numbers == 1, 2, 0).astype(np.int8)},
        cleaned=inputs,
        candidate=_probability(np.log(scores / (1 - scores)) + chance.normal(0.0, 0.2, rows)),
        champion=scores.copy(),
        looked_at=rows,
    )


def _probability(logit: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-logit))
