"""E5: a version that is worse for a group is refused before any traffic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from roadworthy.drills import e05_protected_group as protected
from roadworthy.drills import e05_slice_harm as e05
from roadworthy.drills.cell import run_cell
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.result import Cell, Control
from roadworthy.gate import groups

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


def test_a_protected_group_whose_outcomes_were_not_recorded_is_caught_by_its_limit(
    broken: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group is named with how much too little is said of it; a model without such a limit is not drilled."""
    monkeypatch.setattr(groups, "MIN_ROWS", 100)  # the small model has 400 held-out rows
    monkeypatch.setattr(groups, "MIN_POSITIVES", 20)
    assert "no limit of it" in protected.FAULT.applies(broken)
    broken.redeclare(protected="['origin']", limits='{**old.limits, "groups_calibration_gap": "<= 0.15"}')
    assert protected.group_of(broken)[0] == "origin"
    others = tuple(guard for guard in protected.FAULT.guards if guard != "groups")
    cell = run_cell(
        broken, Control(), protected.FAULT, tmp_path / "cell", severity=1.0, off=(*others, "train")
    )
    assert cell.outcome == "caught", cell
    assert cell.guards == ("groups",)
    assert f"mean score of origin={protected.group_of(broken)[1]}" in cell.catches[0].sentence
    assert "beyond limit <= 0.15" in cell.catches[0].sentence


def test_a_share_of_all_rows_is_not_recorded_and_all_of_them_are_of_the_group() -> None:
    """What is unknown stays so."""
    chance = np.random.default_rng(4)
    y = np.where(chance.random(1_000) < 0.1, np.nan, (chance.random(1_000) < 0.5).astype(float))
    held = chance.random(1_000) < 0.4
    changed = protected.unrecorded(y, held, 0.05, 1)
    moved = ~((changed == y) | np.isnan(y))
    assert moved.sum() == 50
    assert held[moved].all()
    assert set(changed[moved]) == {0.0}
