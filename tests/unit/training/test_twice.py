"""The same recipe on the same rows gives the same bytes, and what does not is found on a sample."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from lightgbm import LGBMClassifier

from roadworthy.features.batch import Batch, Strings
from roadworthy.features.declare import Features, category, number
from roadworthy.features.schema import Field, InputSchema
from roadworthy.training import twice
from roadworthy.training.recipe import Recipe
from roadworthy.training.twice import sample_of, train_twice

N = 1_500
SCHEMA = InputSchema(
    (Field("wind", "number"), Field("origin", "string"), Field("flight", "string", role="unit"))
)


def _rows() -> tuple[Batch, np.ndarray]:
    chance = np.random.default_rng(2)
    wind = chance.uniform(0, 30, N)
    columns = {
        "wind": wind,
        "origin": Strings.of(chance.choice(["EWR", "JFK"], N).tolist()),
        "flight": Strings.of([str(place) for place in range(N)]),
    }
    return Batch(columns, N), (chance.uniform(size=N) < wind / 40).astype(np.float64)


RECIPE = Recipe(
    model="delay",
    unit="flight",
    features=Features(wind=number("wind"), origin=category("origin")),
    estimator=LGBMClassifier(n_estimators=4, num_leaves=4, verbose=-1),
)


def test_the_same_recipe_gives_the_same_digest_with_any_number_of_threads() -> None:
    """Features and estimator, byte for byte."""
    found = train_twice(RECIPE, SCHEMA, *_rows())
    assert len(found.digests) == 2
    assert len(set(found.digests)) == 1
    assert (found.rows, found.skipped) == (N, "")


def test_an_estimator_whose_chance_differs_every_time_gives_two_digests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As one that asks the operating system for its seed."""
    seeds = iter((1, 2))
    original = twice.train

    def unseeded(recipe: Recipe, *given: Any) -> Any:
        estimator = LGBMClassifier(
            n_estimators=4,
            num_leaves=4,
            subsample=0.5,
            subsample_freq=1,
            random_state=next(seeds),
            verbose=-1,
        )
        return original(replace(recipe, estimator=estimator), *given)

    monkeypatch.setattr(twice, "train", unseeded)
    assert len(set(train_twice(RECIPE, SCHEMA, *_rows()).digests)) == 2


def test_a_sample_that_cannot_be_trained_says_why() -> None:
    """It is skipped, which the gate takes for missing evidence."""
    batch, y = _rows()
    found = train_twice(RECIPE, SCHEMA, batch, np.zeros_like(y))
    assert found.digests == ()
    assert found.skipped.startswith("TooFewSamples: ")


def test_the_sample_is_small_spread_out_and_holds_rare_outcomes() -> None:
    """One row in ten, 5,000 at most, fifty of each outcome at least."""
    y = np.zeros(500_000)
    y[::25_000] = 1.0
    y[1::1000] = np.nan
    chosen = sample_of(y)
    assert 5_000 <= chosen.size <= 5_100
    assert int((y[chosen] == 1).sum()) == 20
    assert (np.diff(chosen) > 0).all()
    assert (chosen[0], chosen[-1]) == (0, 499_999)
    assert sample_of(np.zeros(900)).size == 900
