"""P3: a retraining that ends without an error and learned nothing is refused before any traffic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from roadworthy.drills import p03_untrained_model as p03
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault
from roadworthy.drills.result import Cell

Drilled = Callable[..., Cell]


def variant(name: str) -> Fault:
    """The kind of that name."""
    return next(fault for fault in p03.VARIANTS if fault.variant == name)


def test_one_answer_for_everybody_is_refused_by_the_gate(drilled: Drilled) -> None:
    """Every feature arrived empty in training; the constant output is what a person reads first."""
    cell = drilled(p03.FAULT)
    assert cell.outcome == "caught", cell
    assert cell.first is not None
    assert (cell.first.stage, cell.first.guard, cell.first.how) == ("gate", "constant_output", "refused")
    assert "hardly differ" in cell.first.sentence
    assert cell.harmed == 0.0


def test_a_training_that_diverged_is_refused_too(drilled: Drilled) -> None:
    """The model varies, and is wrong."""
    cell = drilled(variant("diverged"))
    assert (cell.outcome, cell.without) == ("caught", ()), cell


def test_labels_are_spoiled_where_they_are_known_only() -> None:
    """A label nobody knows is not invented, and shuffling keeps the rate."""
    y = np.array([1.0, np.nan, 0.0, 0.0, 1.0, np.nan])
    days = np.array([1, 1, 1, 2, 2, 2])
    for kind in ("noise", "shuffled", "day-late"):
        got = p03.spoiled(y, days, kind, 1.0, 3)
        assert np.array_equal(np.isnan(got), np.isnan(y)), kind
    assert np.nansum(p03.spoiled(y, days, "shuffled", 1.0, 3)) == 2.0
    assert p03.spoiled(y, days, "noise", 0.0, 3).tolist()[:1] == [1.0]


def test_a_late_label_comes_from_the_row_in_its_place_on_the_day_before() -> None:
    """The second day gets the first day's labels, whatever their number."""
    got = p03.day_before(np.array([1.0, 0.0, 1.0, 1.0, 1.0]), np.array([1, 1, 2, 2, 2]))
    assert got.tolist() == [1.0, 0.0, 1.0, 0.0, 1.0]


def test_a_model_without_a_step_cannot_diverge(broken: Deployment) -> None:
    """A forest has no learning rate; the drill says so and is not run."""
    assert not variant("diverged").applies(broken)
    broken.redeclare(
        estimator="RandomForestClassifier()", imports="from sklearn.ensemble import RandomForestClassifier"
    )
    assert "no step" in variant("diverged").applies(broken)
