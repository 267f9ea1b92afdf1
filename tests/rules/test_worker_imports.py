"""What a serving worker has in memory once it answers."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
from lightgbm import LGBMClassifier

from roadworthy.features.batch import Batch
from roadworthy.features.declare import Features, number
from roadworthy.features.schema import Field, InputSchema
from roadworthy.node import NodeDirectory
from roadworthy.registry.artifact import publish
from roadworthy.traffic import Plan, Route, Staged
from roadworthy.training.fit import train
from roadworthy.training.pack import pack
from roadworthy.training.recipe import Recipe

HEAVY = ["pandas", "sklearn", "sqlalchemy", "duckdb", "pyarrow", "scipy", "typer", "rich", "lightgbm"]

SCRIPT = """
    import asyncio, sys
    from pathlib import Path
    import roadworthy.serving.__main__
    from roadworthy.serving.worker import Options, Worker

    async def answer():
        worker = Worker(Options(node_dir=Path(sys.argv[1]), worker=0))
        while worker.table is None:
            worker.follow()
            await asyncio.sleep(0.01)
        parts = [{"type": "http.request", "body": b'{"instances": [{"wind": 9, "flight": "a"}]}', "more_body": False}]
        sent = []
        async def receive():
            return parts.pop()
        async def send(message):
            sent.append(message)
        scope = {"type": "http", "method": "POST", "path": "/v1/models/delay:predict", "headers": []}
        await worker.app(scope, receive, send)
        worker.finish()
        return sent[0]["status"]

    status = asyncio.run(answer())
    heavy = sorted(name for name in sys.argv[2:] if name in sys.modules)
    print(status, *heavy)
"""


def test_a_worker_that_answered_has_loaded_nothing_heavy(tmp_path: Path) -> None:
    """A LightGBM version answers without pandas, scikit-learn, SQL or even the LightGBM package."""
    chance = np.random.default_rng(0)
    rows = [{"wind": float(wind), "flight": str(wind)} for wind in chance.uniform(0, 30, 200)]
    schema = InputSchema((Field("wind", "number"), Field("flight", "string", role="unit")))
    batch = Batch.from_rows(rows, schema)
    estimator = LGBMClassifier(n_estimators=3, n_jobs=1, verbose=-1)
    recipe = Recipe(model="delay", unit="flight", features=Features(wind=number("wind")), estimator=estimator)
    late = (np.array([row["wind"] for row in rows]) > 15).astype(float)
    pack(train(recipe, schema, batch, late), tmp_path / "draft")
    digest, directory = publish(tmp_path / "draft", tmp_path / "store")
    node = NodeDirectory(tmp_path / "n")
    node.create()
    staged = Staged(model="delay", version=1, directory=str(directory), digest=digest)
    node.write_plan(Plan(number=1, routes={"delay": Route(champion=1)}, staged=(staged,)))
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(node.root), *HEAVY],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == "200", done.stdout + done.stderr
