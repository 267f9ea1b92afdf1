"""What every server of the measurement serves: one real artifact, the rows it is asked, and what it must answer.

Trained through Roadworthy's own jobs into a temporary workspace. The floor is here too: the bare model call.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pyarrow.compute as pc
import pyarrow.dataset as ds

from bench.peers.encode import Encoder
from bench.results import ROOT
from roadworthy.clock import parse_instant
from roadworthy.features.batch import Batch
from roadworthy.jobs.questions import load_questions
from roadworthy.jobs.workspace import Workspace
from roadworthy.model import load_definition
from roadworthy.registry.versions import VersionRow
from roadworthy.scorer import Scorer
from roadworthy.settings import Settings

DEFINITION = ROOT / "bench" / "serve_definition.py"
NAMESPACE = "bench"
MODEL = "bench-delay"
UNTIL = parse_instant("2024-02-20")
HOLDOUT = timedelta(days=7)
CHECKED = 50
TREES = 200


@dataclass(frozen=True)
class Reference:
    """The model, the rows and the answers.

    rows       JSON rows that no version was trained on, the first with every value present
    expected   what the model says of them, in process
    shared     what peers get: model.txt and features.json
    """

    workspace: Workspace
    version: VersionRow
    rows: list[dict[str, Any]]
    expected: list[float]
    shared: Path

    @property
    def settings(self) -> Settings:
        """Of the workspace."""
        return self.workspace.stores.settings

    def logged(self) -> tuple[int, int, int]:
        """The log: predictions that were answered, those that failed (their client was told 504), and distinct ids."""
        files = list((self.settings.log / "predictions").rglob("*.parquet"))
        if not files:
            return 0, 0, 0
        table = ds.dataset([str(file) for file in files], format="parquet").to_table(columns=["id", "status"])
        answered = pc.sum(pc.equal(table.column("status"), "ok")).as_py()
        return answered, len(table) - answered, pc.count_distinct(table.column("id")).as_py()

    def forget(self) -> None:
        """Remove what was logged: every run starts with an empty log."""
        shutil.rmtree(self.settings.log, ignore_errors=True)
        shutil.rmtree(self.settings.nodes, ignore_errors=True)


def make_reference(directory: Path) -> Reference:
    """Train, release, and take rows from after training; about ten seconds."""
    shutil.rmtree(directory, ignore_errors=True)
    workspace = Workspace.of(Settings((directory / "workspace").resolve(), NAMESPACE))
    workspace.ingest(DEFINITION)
    trained = workspace.train(DEFINITION, until=UNTIL, holdout=HOLDOUT)
    workspace.release(
        trained.reference, how="promote", force="a benchmark asks for no quality", actor="bench"
    )
    version = workspace.stores.versions.resolve(trained.reference)
    scorer = workspace.stores.scorer(version)
    rows = _rows(workspace, scorer)
    shared = directory / "shared"
    shared.mkdir()
    artifact = workspace.stores.settings.artifacts / version.digest
    shutil.copy(artifact / "estimator" / "model.txt", shared)
    shutil.copy(artifact / "features.json", shared)
    expected = [float(scorer.score(Batch.from_rows([row], scorer.schema)).output[0]) for row in rows]
    trees = (shared / "model.txt").read_text().count("\nTree=")
    if trees != TREES:
        raise SystemExit(f"the model has {trees} trees, not {TREES}: nothing would be comparable")
    (shared / "rows.json").write_text(json.dumps({"rows": rows, "expected": expected}))
    return Reference(workspace, version, rows, expected, shared)


def _rows(workspace: Workspace, scorer: Scorer) -> list[dict[str, Any]]:
    """Rows of later questions as clients send them: a complete one first, then gaps and strangers as they come."""
    model = load_definition(DEFINITION).model()
    found = load_questions(workspace.stores.settings.tables, model, UNTIL, UNTIL + timedelta(days=5))
    names = scorer.schema.names()
    table = found.table.select(names).slice(0, 2_000).to_pylist()
    rows = [{name: _plain(value) for name, value in row.items()} for row in table]
    complete = next(row for row in rows if None not in row.values() and len(row["been"]) >= 5)
    others = [row for row in rows if row is not complete][: CHECKED - 3]
    stranger = {**others[0], "flight": "stranger", "dest": "??", "tailnum": "nobody", "been": ["??", "HDX"]}
    standing = {**others[1], "flight": "standing", "left": 0.0, "left_late": 0.0, "been": []}
    return [complete, *others, stranger, standing]


def _plain(value: Any) -> Any:
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else value


def call_costs(reference: Reference) -> dict[str, dict[str, float]]:
    """The floor: microseconds of one row in process, without any server."""
    scorer = reference.workspace.stores.scorer(reference.version)
    row = reference.rows[0]
    encoder = Encoder((reference.shared / "features.json").read_bytes())
    booster = lightgbm.Booster(model_file=str(reference.shared / "model.txt"))
    matrix = encoder.encode([row])
    (typed,) = Batch.from_rows([row], scorer.schema).rows()
    values = tuple(typed[name] for name in scorer.schema.names())

    def by_hand() -> None:
        booster.predict(encoder.encode([row]), num_threads=1)

    calls: dict[str, Callable[[], object]] = {
        "encode + predict, hand-written, Booster.predict": by_hand,
        "encode + predict, Roadworthy": lambda: scorer.score_rows([values]),
        "trees alone, prepared C call": lambda: scorer.predictor.predict(matrix),
    }
    return {name: _timed(call) for name, call in calls.items()}


def _timed(call: Callable[[], object], seconds: float = 1.0) -> dict[str, float]:
    for _ in range(200):
        call()
    taken = []
    end = time.perf_counter() + seconds
    while (started := time.perf_counter()) < end:
        call()
        taken.append(time.perf_counter() - started)
    found = np.percentile(np.array(taken) * 1e6, [50, 99, 99.9])
    return {"p50_us": float(found[0]), "p99_us": float(found[1]), "p999_us": float(found[2])}
