"""A version that breaks, says nothing sensible or takes its time on winds of its own, as a real artifact.

Not here: processes (processes).
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from processes import Version
from roadworthy.automation import ServingRules
from roadworthy.features.batch import Batch
from roadworthy.features.declare import Features, function, number
from roadworthy.features.schema import Field, InputSchema
from roadworthy.registry.artifact import publish
from roadworthy.training.fit import train
from roadworthy.training.pack import pack
from roadworthy.training.recipe import Recipe

RAISES, NAN, SLOW = 666.0, 667.0, 777.0
SLOW_SECONDS = 0.8

FUNCTIONS = f'''"""Functions that no golden request and no training row makes fail."""
import time

import numpy as np


def strong(wind):
    if (wind == {RAISES}).any():
        raise ZeroDivisionError("no such luck")
    if (wind == {SLOW}).any():
        time.sleep({SLOW_SECONDS})
    return np.where(wind == {NAN}, np.inf, wind / 10)


def weak(wind):
    return np.where(wind == {NAN}, -np.inf, wind / 10)


def by_wind(wind):
    return np.where((wind > 700) | (wind < 1), 0.125, np.nan)
'''

SCHEMA = InputSchema((Field("wind", "number"), Field("flight", "string", role="unit")))


def brittle(room: Path, serving: ServingRules, model: str = "brittle") -> Version:
    """A linear version in a directory of its own, which is stored in `room`; its rule, if declared, is `by_wind`."""
    home = room / model
    home.mkdir(parents=True)
    file = home / f"{model.replace('-', '_')}_functions.py"
    file.write_text(FUNCTIONS)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    chance = np.random.default_rng(1)
    winds = chance.uniform(0, 30, 300)
    rows = [{"wind": float(wind), "flight": f"f{place}"} for place, wind in enumerate(winds)]
    late = (winds + chance.normal(0, 6, 300) > 15).astype(float)
    recipe = Recipe(
        model=model, unit="flight", threads=1, estimator=LogisticRegression(), serving=serving,
        features=Features(
            wind=number("wind"), strong=function(module.strong, "wind"), weak=function(module.weak, "wind")
        ),
        rule=module.by_wind if serving.rule is not None else None,
    )  # fmt: skip
    pack(train(recipe, SCHEMA, Batch.from_rows(rows, SCHEMA), late), home / "draft")
    return Version(*publish(home / "draft", room / "store"))
