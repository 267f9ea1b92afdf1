"""A small history of flights, made of arithmetic, with every kind of column and feature."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from lightgbm import LGBMClassifier
from sklearn.linear_model import LogisticRegression

from roadworthy.features.batch import Batch, Floats
from roadworthy.features.collection import Features
from roadworthy.features.declare import categories, category, cross, function, hour, number, ratio
from roadworthy.features.schema import Field, InputSchema
from roadworthy.training.recipe import Days, Recipe

N = 1_200
DESTS = ("SEA", "LAX", "BOS", "MIA")
START = 1_372_636_800_000_000

FUNCTIONS = '''"""Functions of the model."""
import numpy as np

def tidy(text):
    return text.strip().upper() or None

def gustiness(wind, gust):
    return np.maximum(gust - wind, 0.0)
'''

SCHEMA = InputSchema(
    (
        Field("carrier", "string", nullable=True),
        Field("origin", "string", nullable=True),
        Field("dest", "string", nullable=True),
        Field("wind", "number", nullable=True),
        Field("gust", "number", nullable=True),
        Field("late", "number"),
        Field("total", "number"),
        Field("holiday", "boolean", nullable=True),
        Field("at", "timestamp"),
        Field("recent", "strings"),
        Field("flight", "string", role="unit"),
        Field("terminal", "string", nullable=True, role="context"),
        Field("unused", "number"),
    )
)


@dataclass(frozen=True)
class History:
    """Rows to train on."""

    schema: InputSchema
    rows: Batch
    y: Floats
    days: Days


def _row(i: int, rng: np.random.Generator) -> dict[str, Any]:
    return {
        "carrier": None if i % 50 == 0 else ["ua", " B6", "AA"][int(rng.integers(3))],
        "origin": ["JFK", "EWR"][i % 2],
        "dest": DESTS[int(rng.integers(4))],
        "wind": None if i % 31 == 0 else float(rng.gamma(2, 5)),
        "gust": None if i % 37 == 0 else float(rng.gamma(3, 5)),
        "late": float(rng.integers(3)),
        "total": float(rng.integers(6)),
        "holiday": bool(i % 9 == 0),
        "at": START + i * 3_600_000_000,
        "recent": [DESTS[int(k)] for k in rng.integers(0, 4, int(rng.integers(5)))],
        "flight": f"flight {i}",
        "terminal": "7",
        "unused": 1.0,
    }


def history(n: int = N) -> History:
    """Rows over `n / 24` days, one an hour."""
    rng = np.random.default_rng(11)
    batch = Batch.from_rows([_row(i, rng) for i in range(n)], SCHEMA)
    wind = np.nan_to_num(np.asarray(batch.columns["wind"], dtype=np.float64))
    y = (rng.random(n) < 1 / (1 + np.exp(2.0 - wind / 8))).astype(np.float64)
    return History(SCHEMA, batch, y, np.arange(n) // 24)


def features(functions: ModuleType) -> Features:
    """One feature of every kind."""
    return Features(
        carrier=category("carrier", clean=functions.tidy),
        route=cross("origin", "dest", min_count=10),
        wind=number("wind", missing=-1.0),
        holiday=number("holiday", missing=0.0),
        queue=ratio("late", "total", when_zero=-1.0),
        hour=hour("at", timezone="America/New_York"),
        recent=categories("recent", length=3),
        gustiness=function(functions.gustiness, "wind", "gust", missing=0.0),
    )


ESTIMATORS: dict[str, Callable[[], Any]] = {
    "lightgbm": lambda: LGBMClassifier(n_estimators=15, subsample=0.7, subsample_freq=1),
    "linear": lambda: LogisticRegression(max_iter=500),
}


@pytest.fixture(scope="session")
def flights() -> History:
    return history()


@pytest.fixture(scope="session")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The user's module of functions, imported from a file as a model's definition would."""
    file = tmp_path_factory.mktemp("user") / "flight_functions.py"
    file.write_text(FUNCTIONS)
    spec = importlib.util.spec_from_file_location("flight_functions", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["flight_functions"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["flight_functions"]


@pytest.fixture(scope="session", params=sorted(ESTIMATORS))
def recipe(request: pytest.FixtureRequest, functions: ModuleType) -> Recipe:
    return Recipe(
        model="flight-delay",
        unit="flight",
        features=features(functions),
        estimator=ESTIMATORS[request.param](),
        context=["terminal"],
        asked_at="at",
        outcome={"name": "late"},
        seed=3,
        threads=1,
    )
