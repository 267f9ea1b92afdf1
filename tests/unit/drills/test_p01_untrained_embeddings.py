"""P1: entries that the vocabulary knows and training never met are found before any traffic, and can be repaired."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from roadworthy.drills import p01_untrained_embeddings as p01
from roadworthy.drills.cell import ask_gate, opened, train_candidate
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.random_start import OneHotAtRandom
from roadworthy.drills.result import Cell
from roadworthy.features.columns import Strings

Drilled = Callable[..., Cell]

(ONE_HOT,) = p01.VARIANTS


def test_coefficients_that_training_never_moved_are_refused_by_the_gate(drilled: Drilled) -> None:
    """The check of parameters names the entry and how many rows ask for it."""
    cell = drilled(ONE_HOT)
    assert cell.outcome == "caught", cell
    caught = next(catch for catch in cell.catches if catch.guard == "weights")
    assert (caught.stage, caught.part) == ("gate", "untrained rows")
    assert "table of origin: 1 of 4" in caught.sentence
    assert cell.harmed == 0.0


def test_the_same_regression_trained_on_everything_passes_its_parameters(broken: Deployment) -> None:
    """So it is the fault that is caught, and not the random start."""
    ONE_HOT.inject(broken, 0.0, np.random.default_rng(0))
    with opened(broken) as stores:
        report = ask_gate(broken, stores, train_candidate(broken, stores))
    assert {each.ruling for each in report.verdicts if each.check == "weights"} == {"pass"}


def test_trees_cannot_have_it(broken: Deployment) -> None:
    """They have no rows; the drill says so, and its variant brings a model that has."""
    assert "has no rows" in p01.FAULT.applies(broken)
    assert ONE_HOT.applies(broken) == ""


def test_a_vocabulary_that_a_list_shares_is_left_alone(broken: Deployment) -> None:
    """An entry that lists still show has been trained, so there would be no fault to catch."""
    assert set(p01._categories(broken)) == {"origin"}
    broken.edit(
        "", lambda text: text.replace('"before", length=2', '"before", length=2, vocabulary_of="origin"')
    )
    assert "no category" in ONE_HOT.applies(broken)


def test_about_the_share_of_rows_loses_its_labels() -> None:
    """Whole entries, never all of them, and only those that the vocabulary has."""
    chance = np.random.default_rng(1)
    texts = Strings.of([f"N{number}" for number in chance.integers(0, 200, 5_000)] + ["rare"])
    for share in (0.02, 0.05, 0.3):
        lost = np.isnan(p01.without_labels(texts, np.ones(5_001), 5, share, 3))
        assert abs(lost.mean() - share) < 0.01
        assert not lost[-1]
        touched = {texts.texts()[row] for row in np.flatnonzero(lost)}
        assert all(lost[texts.codes == texts.uniques.index(str(text))].all() for text in touched)


def test_entries_are_left_out_of_a_column_that_has_enough_of_them() -> None:
    """Of two columns the one with more entries, unless those have too few rows to make the severity."""
    few = Strings.of(["UA", "B6"] * 500)
    many = Strings.of([f"N{number % 50}" for number in range(1_000)])
    rare = Strings.of([f"X{number}" for number in range(1_000)])
    assert p01.finest([(few, 1), (many, 1), (rare, 5)], 0.05)[0] is many
    assert p01.finest([(few, 1), (many, 30), (rare, 5)], 0.05)[0] is few


def test_a_random_start_learns_what_it_is_shown() -> None:
    """Else the drill would show a model that nobody would release."""
    column = type("Column", (), {"name": "carrier", "kind": "category", "size": 5})
    wind = type("Column", (), {"name": "wind", "kind": "number", "size": 0})
    chance = np.random.default_rng(2)
    codes, gust = chance.integers(2, 5, 4_000), chance.normal(size=4_000)
    late = (chance.random(4_000) < np.array([0, 0, 0.1, 0.5, 0.9])[codes]).astype(float)
    rows = np.column_stack([codes, gust]).astype(float)
    fitted = OneHotAtRandom(["carrier"], random_state=0).fit(rows, late, (column, wind))
    rates = 1 / (1 + np.exp(-(fitted.weights_[2:5, 0] + fitted.intercept_)))
    assert np.abs(rates - [0.1, 0.5, 0.9]).max() < 0.05
