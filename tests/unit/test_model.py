"""A declared model: what it hands to training about deadlines, fallbacks and bands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lightgbm import LGBMClassifier

from roadworthy.automation import Rule, ServingRules, band, rule
from roadworthy.errors import DefinitionError
from roadworthy.features.declare import Features, hour, number
from roadworthy.jobs.train import recipe_of
from roadworthy.model import Model, load_definition, outcome


def windy(wind: Any, street: Any) -> Any:
    """A rule of thumb."""
    return np.where(wind > 20, 0.6, 0.1)


MODEL = Model(
    name="late",
    history="parcels",
    unit="parcel",
    asked_at="leaves",
    outcome=outcome("late", known_at="arrived"),
    features=Features(wind=number("wind")),
    context=["street"],
    estimator=LGBMClassifier(),
)


def test_training_is_told_what_the_definition_says() -> None:
    """The rule by name for the artifact, and live for the snapshot; inputs and context may be its columns."""
    model = replace(
        MODEL,
        deadline="50ms",
        fallback=["standby", rule(windy, "wind", "street")],
        automation=[band(0.4, 0.6, "defer")],
    )
    recipe = recipe_of(model)
    assert recipe.serving == ServingRules(
        deadline_ms=50.0, fallback=("standby", "rule"), rule=Rule("windy", ("wind", "street")),
        bands=(band(0.4, 0.6, "defer"),),
    )  # fmt: skip
    assert recipe.rule is windy
    assert (recipe_of(MODEL).serving, recipe_of(MODEL).rule) == (ServingRules(), None)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"fallback": 2.0}, "model late: fallback: the constant 2 is no answer"),
        ({"fallback": rule(windy, "wind", "dest")}, "model late: fallback: rule windy is given dest"),
        ({"fallback": rule(lambda wind: wind, "wind")}, "model late: fallback: <lambda> is not a plain function"),
        ({"fallback": rule(str.upper, "street")}, "a method of text gives no number"),
        ({"deadline": "-1s"}, "model late: duration '-1s' is not understood"),
        ({"limits": {"auc": 0.6}}, r"model late: limits\['auc'\]: limit 0\.6 is not understood: write .* '>= 0\.65'"),
        ({"limits": {"alone_auc": ">= 0.8"}}, r"limits\['alone_auc'\] is '>= 0\.8', .* upper bound, write '<= 0\.8'"),
        ({"limits": {"auc": "0.6"}}, r"model late: limits\['auc'\]: limit '0\.6' is not understood"),
        ({"asked_at": 3}, "model late: asked_at: time 3 is not understood"),
        ({"asked_at": "leaves minus 1h"}, "model late: asked_at: time 'leaves minus 1h' is not understood"),
        ({"features": {"wind": number("wind")}}, r"model late: features is a dict: write features=Features\("),
        ({"outcome": "late"}, r"model late: outcome is a str: write outcome=outcome\("),
        ({"automation": [band(0.4, 0.6, "defer"), band(0.5, 0.7, "people")]}, "model late: automation: the bands"),
    ],
)  # fmt: skip
def test_a_slip_is_named_with_its_model(changed: dict[str, Any], says: str) -> None:
    """When the file is read, before any training."""
    with pytest.raises(DefinitionError, match=says):
        replace(MODEL, **changed)


LANDED = Features(wind=number("wind"), landed=hour("arrived", timezone="UTC"))


@pytest.mark.parametrize("changed", [{"features": LANDED}, {"context": ["arrived"]}])
def test_when_the_outcome_became_known_cannot_be_asked_with(changed: dict[str, Any]) -> None:
    """It is not known at the question, so it tells the model what will happen."""
    with pytest.raises(DefinitionError, match=r"'arrived' says when the outcome 'late' became known"):
        replace(MODEL, **changed)


@pytest.mark.parametrize("known_at", ["leaves", "leaves + 1d", "planned + 2h"])
def test_a_time_known_at_the_question_may_say_when_the_outcome_will_be(known_at: str) -> None:
    """The time of the question itself, or a time after one that was planned."""
    features = Features(leaves=hour("leaves", timezone="UTC"), planned=hour("planned", timezone="UTC"))
    assert replace(MODEL, features=features, outcome=outcome("late", known_at=known_at)).context == ["street"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"window": 3}, r"^outcome 'late': window: duration 3 is not understood: write .* such as '2h'$"),
        ({"window": "3 days"}, "^outcome 'late': window: duration '3 days' is not understood"),
        ({"known_at": None}, "^outcome 'late': known_at: time None is not understood"),
    ],
)
def test_a_slip_in_an_outcome_is_named_with_its_field(given: dict[str, Any], says: str) -> None:
    """Numbers where a text is wanted are a slip as well."""
    with pytest.raises(DefinitionError, match=says):
        outcome("late", **({"known_at": "arrived"} | given))


def test_a_file_that_cannot_be_read_is_named_with_its_line(tmp_path: Path) -> None:
    """The last line of the user's own, whatever it called."""
    file = tmp_path / "slip.py"
    file.write_text("import math\n\n\ndef f():\n    return math.sqrt('a')\n\n\nf()\n")
    with pytest.raises(
        DefinitionError, match=r"slip\.py, line 5, could not be read: TypeError: must be real"
    ):
        load_definition(file)


def test_how_a_check_counts_is_one_of_two_words() -> None:
    """Whether its name is a check of the gate is seen when it is trained."""
    with pytest.raises(
        DefinitionError, match=r"checks\['goldens'\] is 'off': write 'required' or 'advisory'"
    ):
        replace(MODEL, checks={"goldens": "off"})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("anna", "is no list of names"),
        (["anna", ""], "is no list of names"),
        (["anna", "anna"], "stands there twice"),
    ],
)
def test_owners_are_a_list_of_different_names(given: Any, says: str) -> None:
    """A single text would be read as its letters."""
    with pytest.raises(DefinitionError, match=f"^model .*: owners: .*{says}"):
        replace(MODEL, owners=given)
