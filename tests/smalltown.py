"""A small town whose parcels are late in the rain and uphill: an application with sources, fast to live through.

Not here: servers, and the claims. `answer` writes predictions to a journal as a worker does, where no HTTP is needed.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from roadworthy.clock import uuid7
from roadworthy.features.arrow import batch_from_arrow
from roadworthy.jobs.ingest import ingest_file
from roadworthy.jobs.questions import NEVER, Questions, load_questions
from roadworthy.jobs.stores import Stores, open_stores
from roadworthy.jobs.train import TrainedVersion, train
from roadworthy.model import load_definition
from roadworthy.node import NodeDirectory
from roadworthy.predictionlog.journal import Journal
from roadworthy.predictionlog.record import Number, Outcome, Prediction
from roadworthy.settings import Settings
from roadworthy.traffic import Route
from roadworthy.verdict import Ruling

MODEL = "parcel-late"

#: The file a user would write: 70 parcels a day for 61 days. The rain gauge is silent from 1 February on.
DEFINITION = '''"""Will this parcel be late, asked an hour before it leaves?"""

import numpy as np
import pyarrow as pa
from lightgbm import LGBMClassifier

from roadworthy import Features, Model, category, hour, number, outcome, source, table

HOUR = 3_600_000_000
START = 1_702_252_800_000_000  # 2023-12-11
DAYS, A_DAY = 61, 70
SILENT = START + 52 * 24 * HOUR
TIMES = pa.timestamp("us", "UTC")
STEEP = {"hill": 9.0, "mill": 4.0, "park": 1.0, "quay": 0.0}


def rain():
    chance = np.random.default_rng(3)
    return np.convolve(chance.gamma(0.4, 3.0, DAYS * 24 + 5), np.ones(6) / 6, mode="valid")


def load_parcels():
    chance = np.random.default_rng(5)
    n = DAYS * A_DAY
    leaves = START + np.arange(n) // A_DAY * 24 * HOUR + 6 * HOUR + chance.integers(0, 56, n) * HOUR // 4
    street = chance.choice(list(STEEP), n)
    seen = rain()[(leaves - START) // HOUR - 2]
    steep = np.array([STEEP[name] for name in street])
    late = chance.random(n) < 1 / (1 + np.exp(3.2 - 1.2 * seen - 0.3 * steep))
    return pa.table({
        "parcel": [f"P{number:05d}" for number in range(n)],
        "street": street,
        "district": chance.choice(["north", "south"], n),
        "weight": chance.uniform(0.1, 9.0, n),
        "leaves": pa.array(leaves, TIMES),
        "late": pa.array(late, mask=chance.random(n) < 0.02),
        "arrived": pa.array(leaves + chance.integers(1, 8, n) * HOUR // 2, TIMES),
    })


def load_weather():
    hours = START + np.arange(DAYS * 24) * HOUR
    kept = hours < SILENT
    fell = rain()[: len(hours)][kept]
    return pa.table({
        "district": ["north"] * len(fell) + ["south"] * len(fell),
        "observed": pa.array(np.tile(hours[kept], 2), TIMES),
        "rain": np.tile(fell, 2),
    })


parcels = table(
    "parcels",
    key="parcel",
    columns={
        "parcel": "string", "street": "string", "district": "string", "weight": "float > 0", "leaves": "timestamp",
        "late": "bool?", "arrived": "timestamp",
    },
    load=load_parcels,
)
weather_table = table(
    "weather", key=["district", "observed"],
    columns={"district": "string", "observed": "timestamp", "rain": "float >= 0"}, load=load_weather,
)
streets_table = table(
    "streets", key="street", columns={"street": "string", "steep": "float"},
    load=lambda: pa.table({"street": list(STEEP), "steep": list(STEEP.values())}),
)

weather = source("weather", key="district", known_at="observed + 1h", max_age="6h")
streets = source("streets", key="street", known_at="always")

late = Model(
    name="parcel-late",
    history="parcels",
    unit="parcel",
    asked_at="leaves - 1h",
    outcome=outcome("late", known_at="arrived", window="1d"),
    features=Features(
        street=category("street"),
        weight=number("weight"),
        hour=hour("leaves", timezone="America/New_York"),
        rain=number(weather.latest("rain"), missing=-1.0),
        wet=number(weather.mean("rain", over="6h"), missing=-1.0),
        steep=number(streets.latest("steep"), missing=-1.0),
    ),
    context=["district"],
    estimator=LGBMClassifier(n_estimators=10, learning_rate=0.3, num_leaves=4, min_child_samples=20, n_jobs=1),
    slices=["street"],
    limits={"auc": ">= 0.60", "calibration_error": "<= 0.20", "champion_log_loss": "<= 0.05"},
)
'''

#: A retraining that learned nothing: no tree ever splits.
UNLEARNED = '''"""Leaves so large that no tree ever splits."""

from dataclasses import replace

import parcels
from lightgbm import LGBMClassifier

unlearned = replace(parcels.late, estimator=LGBMClassifier(n_estimators=5, min_child_samples=10_000_000, n_jobs=1))
'''

DAY = timedelta(days=1)
#: Version 1 is trained until its first day of traffic.
OPENED = datetime(2024, 1, 22, tzinfo=UTC)
HOLDOUT = timedelta(days=7)
WEEK = OPENED + 7 * DAY


@dataclass(frozen=True)
class Town:
    """Where it lies: the workspace and the user's folder."""

    root: Path
    folder: Path

    @property
    def definition(self) -> Path:
        """The file that defines tables and model."""
        return self.folder / "parcels.py"

    @property
    def unlearned(self) -> Path:
        """The file that defines the model that learns nothing."""
        return self.folder / "unlearned.py"

    def stores(self) -> Stores:
        """The opened workspace; whoever opens it disposes of its engine."""
        return open_stores(Settings(self.root, "town"))

    def copy(self, directory: Path) -> Town:
        """The same town again, to change."""
        shutil.copytree(self.root, directory / "workspace")
        shutil.copytree(self.folder, directory / "user")
        return Town(directory / "workspace", directory / "user")

    def questions(self, stores: Stores, start: datetime, end: datetime) -> Questions:
        """What was asked in [start, end)."""
        return load_questions(stores.settings.tables, load_definition(self.definition).model(), start, end)

    def train(self, stores: Stores, until: datetime = OPENED) -> TrainedVersion:
        """A version of the model."""
        return train(stores, self.definition, until=until, holdout=HOLDOUT)


def founded(directory: Path) -> Town:
    """The user's files, and a workspace with the tables."""
    town = Town(directory / "workspace", directory / "user")
    town.folder.mkdir(parents=True)
    town.definition.write_text(DEFINITION)
    town.unlearned.write_text(UNLEARNED)
    stores = town.stores()
    ingest_file(stores.settings, town.definition)
    stores.engine.dispose()
    return town


def answer(
    stores: Stores,
    version: int,
    questions: Questions,
    *,
    role: str = "champion",
    alter: Callable[[Prediction], Prediction] = lambda record: record,
) -> list[Prediction]:
    """Score questions and log them as a worker does, with their outcomes; `alter` changes what is logged."""
    scorer = stores.scorer(stores.versions.get(MODEL, version))
    batch = batch_from_arrow(questions.table, scorer.schema)
    scored = scorer.score(batch)
    journal = Journal(NodeDirectory(stores.settings.nodes / "n").journals, 0)
    schema = journal.declare(scorer.log_schema)
    entropy = random.Random(version)
    rows = batch.rows(scorer.schema)
    records = [
        alter(
            Prediction(
                id=uuid7(int(asked), entropy), request_id=f"{version}-{number}", namespace=stores.settings.namespace,
                model=MODEL, version=version, schema=schema, unit=str(rows[number][scorer.unit]), event_time=int(asked),
                logged_at=int(asked), inputs=tuple(rows[number].values()),
                encoded=scored.encoded[number].astype("<f8").tobytes(), output=Number(float(scored.output[number])),
                role=role, plan=version, node="n",
            )
        )
        for number, asked in enumerate(questions.asked_at)
    ]  # fmt: skip
    journal.append(records)
    known = np.flatnonzero(questions.label_known_at != NEVER)
    journal.append_outcomes(
        [
            told(stores, records[row].unit, float(questions.label[row]), int(questions.label_known_at[row]))
            for row in known
        ]
    )
    journal.seal()
    return records


def told(stores: Stores, unit: str, value: float, at: int, *, revision: int = 0, arrived: int = 0) -> Outcome:
    """An outcome as the town tells it, at `at` unless it `arrived` later (microseconds)."""
    return Outcome(
        id=f"late:{unit}", namespace=stores.settings.namespace, model=MODEL, name="late", value=value, unit=unit,
        event_time=at, arrival_time=arrived or at, logged_at=arrived or at, revision=revision,
    )  # fmt: skip


def tell(stores: Stores, outcomes: list[Outcome]) -> None:
    """Log outcomes that arrive by themselves."""
    journal = Journal(NodeDirectory(stores.settings.nodes / "late").journals, 0)
    journal.append_outcomes(outcomes)
    journal.seal()


def trained_town(directory: Path) -> Town:
    """Tables and version 1, gated by decree."""
    town = founded(directory)
    stores = town.stores()
    town.train(stores)
    passed(stores, 1)
    stores.engine.dispose()
    return town


def passed(stores: Stores, version: int, *, champion: int | None = None, ruling: Ruling = "pass") -> None:
    """Have an answer of the gate on record."""
    report = {"champion_version": champion}
    at = stores.clock.now()
    stores.gates.record_gate(MODEL, version, ruling, report, actor="gate", at=at, event_time=OPENED)


def serve(stores: Stores, route: Route, when: datetime = OPENED, *, action: str = "promote") -> None:
    """Change the route at a moment of virtual time."""
    number, _ = stores.plans.route(MODEL)
    stores.plans.flip(
        MODEL,
        number,
        route,
        actor="anna",
        reason="it was due",
        action=action,
        at=stores.clock.now(),
        event_time=when,
    )


def a_week(
    town: Town,
    stores: Stores,
    *,
    days: int = 7,
    alter: Callable[[Prediction], Prediction] = lambda record: record,
) -> list[Prediction]:
    """Version 1 answers for a week, or so many days, from its first day on."""
    serve(stores, Route(champion=1))
    return answer(stores, 1, town.questions(stores, OPENED, OPENED + days * DAY), alter=alter)
