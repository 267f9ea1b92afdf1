"""A small workspace whose vocabulary was learned on more rows than its models: one origin had no outcome in training.

The rows from LGA count for the vocabulary; their outcomes became known only from the middle of February on.
"""

from __future__ import annotations

from pathlib import Path

from roadworthy.jobs.ingest import ingest_file
from roadworthy.jobs.train import TrainedVersion, train
from small_workspace import DEFINITION, FIRST_UNTIL, HALF_MONTH, Small

MODELS = """

from dataclasses import replace

from graph_estimators import OneHotRegression
from sklearn.linear_model import LogisticRegression

linear = replace(delay, name="linear", estimator=LogisticRegression())
told = replace(delay, name="told", estimator=OneHotRegression())
untold = replace(delay, name="untold", estimator=OneHotRegression(tells=False))
"""


def define(directory: Path) -> Small:
    """The user's file, and the workspace with its table."""
    text = DEFINITION
    for old, new in (
        ('["EWR", "JFK"], n)', '["EWR", "JFK", "LGA"], n, p=[0.45, 0.45, 0.1])'),
        (
            "rng.random(n) < 0.03\n",
            'rng.random(n) < 0.03\n    never |= (origin == "LGA") & (np.arange(n) < 45 * 30)\n',
        ),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    definition = directory / "trips.py"
    definition.write_text(text + MODELS)
    small = Small(directory / "workspace", definition)
    stores = small.stores()
    ingest_file(stores.settings, small.definition)
    stores.engine.dispose()
    return small


def trained(small: Small, model: str) -> TrainedVersion:
    """One of its models, trained before the origin had outcomes."""
    stores = small.stores()
    try:
        return train(stores, small.definition, model=model, until=FIRST_UNTIL, holdout=HALF_MONTH)
    finally:
        stores.engine.dispose()
