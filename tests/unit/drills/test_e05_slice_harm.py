"""E5: a version that is worse for a group is refused before any traffic."""

from __future__ import annotations

from collections.abc import Callable

from roadworthy.drills import e05_slice_harm as e05
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.result import Cell

Drilled = Callable[..., Cell]


def test_a_group_whose_labels_went_wrong_is_caught_by_its_slice(drilled: Drilled) -> None:
    """The slices find it, whatever else does."""
    others = tuple(guard for guard in e05.FAULT.guards if guard != "slices")
    cell = drilled(e05.FAULT, severity=1.0, off=others)
    assert cell.outcome == "caught", cell
    assert cell.first is not None
    assert (cell.first.stage, cell.first.guard) == ("gate", "slices")
    assert "surely lose more log loss" in cell.first.sentence


def test_with_all_its_guards_off_it_is_missed(drilled: Drilled) -> None:
    """Nothing else looks at groups."""
    assert drilled(e05.FAULT, off=e05.FAULT.guards).outcome == "missed"


def test_the_group_is_the_largest_value_of_a_declared_slice_that_is_no_majority(broken: Deployment) -> None:
    """In the small town: an airport; a model that carries no text has no group."""
    assert e05.group_of(broken)[0] == "origin"
    assert e05.FAULT.applies(broken) == ""
    broken.redeclare(
        slices="()",
        context="()",
        features="_Features(wind=old.features.features['wind'])",
        imports="from roadworthy import Features as _Features",
    )
    assert "no text" in e05.FAULT.applies(broken)
