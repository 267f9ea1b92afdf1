"""A predictor as a worker has it, on versions that do what a test says; its journal and cases are real files.

Not here: HTTP and waiting.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from roadworthy.automation import ServingRules
from roadworthy.clock import SystemClock
from roadworthy.features.batch import Batch
from roadworthy.features.declare import Features, number
from roadworthy.features.schema import Field, InputSchema
from roadworthy.node import Prepared
from roadworthy.predictionlog.cases import MAX_OPEN, CaseFiles
from roadworthy.predictionlog.journal import Journal, journals_in, read_journal
from roadworthy.predictionlog.record import Prediction
from roadworthy.predictionlog.unlogged import FullLogPolicy, Unlogged
from roadworthy.registry.artifact import ArtifactModel
from roadworthy.scorer import Scorer
from roadworthy.serving.cases import Desk
from roadworthy.serving.exchange import Rejected
from roadworthy.serving.predicting import Predictor
from roadworthy.serving.questions import Predicted, Question
from roadworthy.serving.recording import Recorder
from roadworthy.serving.requests import RequestReader
from roadworthy.serving.table import Loaded, Served, Table
from roadworthy.serving.telemetry import Telemetry
from roadworthy.traffic import Plan, Route

Arithmetic = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]


@dataclass
class Estimator:
    """An estimator that does what a test says with the first column."""

    arithmetic: Arithmetic
    width: int
    tolerance: float = 0.0

    def predict(self, matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """What the test says."""
        return self.arithmetic(matrix[:, 0])


def version(
    number_of: int,
    arithmetic: Arithmetic,
    *inputs: str,
    unit: str = "flight",
    nullable: bool = False,
    serving: ServingRules = ServingRules(),  # noqa: B008  # frozen
    functions: Mapping[str, Callable[..., Any]] = MappingProxyType({}),
) -> Loaded:
    """A version with these number inputs, and what it declares beside its estimator; `nullable` is its unit."""
    names = inputs or ("wind",)
    of = Field(unit, "string", role="unit", nullable=nullable)
    schema = InputSchema((*(Field(name, "number") for name in names), of))
    batch = Batch.from_rows([{**dict.fromkeys(names, 1.0), unit: "a"}] * 3, schema)
    features = Features(**{name: number(name) for name in names}).fit(batch, schema)
    model = ArtifactModel(
        model="delay",
        unit=unit,
        input_schema=msgspec.to_builtins(schema),
        columns=tuple(column.name for column in features.columns),
        estimator_format="test",
        clamp=(0.0, 1.0),
        serving=serving,
    )
    scorer = Scorer(model, features, Estimator(arithmetic, len(names)), functions=functions)
    return Loaded(Prepared("delay", number_of, "ab" * 32), scorer, scorer.log_schema.digest)


class Bench:
    """A predictor with its journal, and a route of the given versions."""

    def __init__(
        self,
        directory: Path,
        route: Route,
        *versions: Loaded,
        policy: FullLogPolicy = "stop",
        max_open: int = MAX_OPEN,
        to_disk: bool = False,
    ) -> None:
        self.directory = directory
        self.journal = Journal(self.directory, 0, node="n")
        self.telemetry = Telemetry()
        self.unlogged = Unlogged(policy)
        recorder = Recorder(SystemClock(), random.Random(1), "n", "0.1")
        self.cases = CaseFiles(directory / "cases", max_open=max_open)
        desk = Desk(self.cases, "n", random.Random(2))
        self.predictor = Predictor(
            self.journal, self.telemetry, recorder, SystemClock(), self.unlogged, desk, to_disk=to_disk
        )
        for one in versions:
            self.journal.declare(one.scorer.log_schema)
        named = {one.prepared.version: one for one in versions}
        key = max((one.hash_key for one in versions), default=b"")
        reader = RequestReader({name: one.scorer.schema for name, one in named.items()}, 100, key)
        self.served = Served("delay", route, named, reader)
        self.table = Table(Plan(number=3), {"delay": self.served})

    def question(self, *rows: dict[str, Any]) -> Question:
        """A request with these rows."""
        request = self.served.reader.read(msgspec.json.encode({"instances": rows}))
        return Question(self.table, self.served, request, event_time=1_000_000, started_ns=0)

    def answer(self, *rows: dict[str, Any]) -> Predicted:
        """The answer to a request with these rows; raises the refusal."""
        (result,) = self.predictor.predict([self.question(*rows)])
        if isinstance(result, Rejected):
            raise result
        return result

    def log(self) -> list[Prediction]:
        """Everything written down."""
        return [record for path in journals_in([self.directory]) for record in read_journal(path).predictions]


def rows(*winds: float) -> list[dict[str, Any]]:
    """Requests with these winds."""
    return [{"wind": wind, "flight": f"f{place}"} for place, wind in enumerate(winds)]


def half(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A version that works."""
    return values / 100


def fail(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A version that raises."""
    raise ZeroDivisionError("no such luck")
