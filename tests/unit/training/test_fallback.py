"""Fallback rules, tried before they are needed: on training rows, on golden requests, from the snapshot."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from roadworthy.automation import Rule, ServingRules, band
from roadworthy.errors import DefinitionError
from roadworthy.registry.artifact import digest, publish, read_model
from roadworthy.scorer import Scorer
from roadworthy.training.fit import train
from roadworthy.training.pack import pack
from roadworthy.training.recipe import Recipe, Trained

from .conftest import ESTIMATORS, FUNCTIONS, History, features

RULES = (
    FUNCTIONS
    + """
def by_wind(wind, terminal):
    return np.where(np.isnan(wind), np.nan, np.where((wind > 10) & (terminal == "7"), 0.75, 0.125))

def over_one(wind, terminal):
    return np.nan_to_num(wind)

def looks_around(wind, terminal):
    return np.full(len(wind), 0.5 if len(wind) > 100 else 0.25)

def raises(wind, terminal):
    return 1 / 0

def silent(wind, terminal):
    return np.full(len(wind), np.nan)

def not_at_night(wind, terminal):
    if (wind == 250.25).any():
        raise ValueError("no such wind")
    return np.full(len(wind), 0.5)
"""
)


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """A user's module with rules beside functions of features."""
    file = tmp_path_factory.mktemp("rules") / "rule_functions.py"
    file.write_text(RULES)
    spec = importlib.util.spec_from_file_location("rule_functions", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["rule_functions"] = module
    spec.loader.exec_module(module)
    return module


def recipe(rules: ModuleType, name: str, *inputs: str) -> Recipe:
    """A model whose fallback is a rule of the module."""
    return Recipe(
        model="flight-delay", unit="flight", features=features(rules), estimator=ESTIMATORS["lightgbm"](),
        context=["terminal"], threads=1, rule=getattr(rules, name),
        serving=ServingRules(
            deadline_ms=50.0, fallback=("standby", "rule", 0.25), rule=Rule(name, inputs or ("wind", "terminal")),
            bands=(band(0.4, 0.6, "defer"),),
        ),
    )  # fmt: skip


def trained(rules: ModuleType, flights: History, name: str, *inputs: str) -> Trained:
    """That model, fitted."""
    return train(recipe(rules, name, *inputs), flights.schema, flights.rows, flights.y)


def test_a_rule_answers_from_the_artifact_as_it_did_in_training(
    rules: ModuleType, flights: History, tmp_path: Path
) -> None:
    """From the snapshot, with what is missing as NaN; the same bits as in memory."""
    made = trained(rules, flights, "by_wind")
    found, directory = publish(pack(made, tmp_path / "draft").directory, tmp_path / "store")
    scorer = Scorer.load(directory, found)
    rows: list[tuple[Any, ...]] = [
        tuple(row[name] for name in scorer.schema.names()) for row in flights.rows.take([0, 1, 31]).rows()
    ]
    assert scorer.rule(rows).tobytes() == made.scorer.rule(rows).tobytes()
    assert str(scorer.rule(rows)[2]) == "nan"
    assert read_model(directory).serving == recipe(rules, "by_wind").serving


def test_trained_twice_it_is_one_artifact_and_declared_otherwise_another(
    rules: ModuleType, flights: History, tmp_path: Path
) -> None:
    """Deadlines, fallbacks and bands are part of what a version is."""
    for name in ("a", "b"):
        pack(trained(rules, flights, "by_wind"), tmp_path / name)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    other = recipe(rules, "by_wind")
    slower = replace(
        other, serving=ServingRules(deadline_ms=51.0, fallback=("rule",), rule=other.serving.rule)
    )
    pack(train(slower, flights.schema, flights.rows, flights.y), tmp_path / "c")
    assert digest(tmp_path / "c") != digest(tmp_path / "a")
    written = json.loads((tmp_path / "a" / "model.json").read_bytes())["serving"]
    assert written == {
        "deadline_ms": 50.0,
        "fallback": ["standby", "rule", 0.25],
        "rule": {"function": "by_wind", "inputs": ["wind", "terminal"]},
        "bands": [{"low": 0.4, "high": 0.6, "decision": "defer"}],
    }


@pytest.mark.parametrize(
    ("name", "inputs", "says"),
    [
        ("over_one", (), "says .*, where the model's answers lie in 0 to 1"),
        ("looks_around", (), "looks_around is not row-wise"),
        ("raises", (), "raises raised ZeroDivisionError on the training rows"),
        ("silent", (), "would answer nobody"),
        ("by_wind", ("wind", "recent"), "recent holds .*, expected|numbers, times or text"),
        ("by_wind", ("wind", "nowhere"), "the rows have no column nowhere"),
    ],
)
def test_a_rule_that_would_fail_when_it_is_needed_fails_training(
    rules: ModuleType, flights: History, name: str, inputs: tuple[str, ...], says: str
) -> None:
    """Nobody asks a rule until the model has failed."""
    with pytest.raises(DefinitionError, match=says):
        trained(rules, flights, name, *inputs)


def test_a_rule_that_cannot_take_what_a_request_may_carry_is_not_packed(
    rules: ModuleType, flights: History, tmp_path: Path
) -> None:
    """Golden requests carry winds that the history never had."""
    made = trained(rules, flights, "not_at_night")
    with pytest.raises(DefinitionError, match="not_at_night cannot answer the golden request"):
        pack(made, tmp_path / "draft")
