"""A small workspace as a user would have it: a history, two trained versions, and a month and a half of logged traffic.

Not here: servers. Predictions are scored and written to a journal as a worker does it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from roadworthy.clock import uuid7
from roadworthy.features.arrow import batch_from_arrow
from roadworthy.jobs.ingest import ingest_file
from roadworthy.jobs.questions import NEVER, Questions, load_questions
from roadworthy.jobs.stores import Stores, open_stores
from roadworthy.jobs.train import train
from roadworthy.model import load_definition
from roadworthy.node import NodeDirectory
from roadworthy.predictionlog.journal import Journal
from roadworthy.predictionlog.record import Number, Outcome, Prediction
from roadworthy.predictionlog.roll import roll
from roadworthy.settings import Settings

MODEL = "trip-delay"

#: The file a user would write. Rows a day: 30, from 2013-01-01 for 110 days; late more often in wind and from EWR.
DEFINITION = '''"""Will this trip be late, asked an hour before it leaves?"""

import numpy as np
import pyarrow as pa
from lightgbm import LGBMClassifier

from roadworthy import Features, Model, categories, category, hour, number, outcome, table

HOUR = 3_600_000_000
START = 1_356_998_400_000_000


def load():
    rng = np.random.default_rng(5)
    n = 3_300
    leaves = START + np.arange(n) // 30 * 24 * HOUR + rng.integers(6, 23, n) * HOUR
    origin = rng.choice(["EWR", "JFK"], n)
    wind = rng.uniform(0, 30, n)
    late = rng.random(n) < 1 / (1 + np.exp(3.0 - wind / 8 - (origin == "EWR")))
    never = rng.random(n) < 0.03
    times = pa.timestamp("us", "UTC")
    return pa.table({
        "trip": [f"T{number:05d}" for number in range(n)],
        "origin": origin,
        "wind": pa.array(wind, mask=rng.random(n) < 0.02),
        "heavy": rng.random(n) < 0.5,
        "before": [["JFK", "EWR", "LGA"][: k % 4] for k in range(n)],
        "gate": rng.choice(["A", "B"], n),
        "leaves": pa.array(leaves, times),
        "late": pa.array(late, mask=never),
        "landed_at": pa.array(leaves + 2 * HOUR, times),
    })


trips = table(
    "trips",
    key="trip",
    columns={
        "trip": "string", "origin": "string(3)", "wind": "float? >= 0", "heavy": "bool", "before": "strings",
        "gate": "string", "leaves": "timestamp", "late": "bool?", "landed_at": "timestamp",
    },
    load=load,
)

delay = Model(
    name="trip-delay",
    history="trips",
    unit="trip",
    asked_at="leaves - 1h",
    outcome=outcome("late", known_at="landed_at", window="1d"),
    features=Features(
        origin=category("origin"),
        wind=number("wind", missing=-1.0),
        heavy=number("heavy"),
        hour=hour("leaves", timezone="America/New_York"),
        before=categories("before", length=2),
    ),
    context=["gate"],
    estimator=LGBMClassifier(n_estimators=10, num_leaves=4, min_child_samples=20, n_jobs=1),
    slices=["origin"],
    limits={"auc": ">= 0.55", "calibration_error": "<= 0.30", "champion_log_loss": "<= 0.05"},
)
'''

FIRST_UNTIL = datetime(2013, 3, 1, tzinfo=UTC)
SECOND_UNTIL = datetime(2013, 3, 15, tzinfo=UTC)
HALF_MONTH = timedelta(days=14)
TRAFFIC = datetime(2013, 3, 1, tzinfo=UTC)
PROMOTED = datetime(2013, 4, 1, tzinfo=UTC)
TRAFFIC_END = datetime(2013, 4, 20, tzinfo=UTC)


@dataclass(frozen=True)
class Small:
    """Where it lies: the workspace, and the file that defines the model."""

    root: Path
    definition: Path

    def stores(self) -> Stores:
        """The opened workspace; whoever opens it disposes of its engine."""
        return open_stores(Settings(self.root))


def build(directory: Path) -> Small:
    """Ingest, train version 1 to 15 February and version 2 to 1 March, answer March by 1 and April by 2.

    March is rolled into Parquet, April is still in the journal.
    """
    small = define(directory)
    stores = small.stores()
    ingest_file(stores.settings, small.definition)
    for until in (FIRST_UNTIL, SECOND_UNTIL):
        train(stores, small.definition, until=until, holdout=HALF_MONTH)
    journals = NodeDirectory(stores.settings.nodes / "n").journals
    model = load_definition(small.definition).model(MODEL)
    march = load_questions(stores.settings.tables, model, TRAFFIC, PROMOTED)
    april = load_questions(stores.settings.tables, model, PROMOTED, TRAFFIC_END)
    rolled = Journal(journals, 0)
    answer(stores, rolled, 1, march)
    sealed = rolled.seal()
    assert sealed is not None
    roll([sealed], stores.settings.log)
    answer(stores, Journal(journals, 1), 2, april)
    stores.engine.dispose()
    return small


def define(directory: Path) -> Small:
    """Write the user's file, and name a workspace that does not exist yet."""
    definition = directory / "trips.py"
    definition.write_text(DEFINITION)
    return Small(directory / "workspace", definition)


def answer(
    stores: Stores, journal: Journal, version: int, questions: Questions, role: str = "champion"
) -> list[str]:
    """Score questions and log them as a worker does, one request a row, with their outcomes; identifiers in order."""
    scorer = stores.scorer(stores.versions.get(MODEL, version))
    batch = batch_from_arrow(questions.table, scorer.schema)
    scored = scorer.score(batch)
    schema = journal.declare(scorer.log_schema)
    entropy = random.Random(version)
    rows = batch.rows(scorer.schema)
    records = [
        Prediction(
            id=uuid7(int(asked), entropy), request_id=f"{rows[number][scorer.unit]}-{asked}",
            model=MODEL, version=version, schema=schema,
            unit=str(rows[number][scorer.unit]), event_time=int(asked), logged_at=int(asked),
            inputs=tuple(rows[number].values()), encoded=scored.encoded[number].astype("<f8").tobytes(),
            output=Number(float(scored.output[number])), role=role, plan=version, node="n",
        )
        for number, asked in enumerate(questions.asked_at)
    ]  # fmt: skip
    journal.append(records)
    known = np.flatnonzero(questions.label_known_at != NEVER)
    journal.append_outcomes(
        [
            Outcome(
                id=f"late:{records[number].unit}", model=MODEL, name="late", value=float(questions.label[number]),
                unit=records[number].unit, event_time=int(questions.label_known_at[number]),
                arrival_time=int(questions.label_known_at[number]), logged_at=int(questions.label_known_at[number]),
            )
            for number in known
        ]
    )  # fmt: skip
    return [record.id for record in records]


def questions_of(stores: Stores, small: Small, start: datetime, end: datetime) -> Questions:
    """What was asked in [start, end)."""
    return load_questions(stores.settings.tables, load_definition(small.definition).model(MODEL), start, end)
