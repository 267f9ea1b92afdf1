"""Slices are laid by what was declared and by what the scores depend on."""

from __future__ import annotations

import numpy as np
import pytest

from roadworthy.features.arrow import batch_from_arrow
from roadworthy.gate.slices_facts import Slices
from roadworthy.jobs import gate_slices
from roadworthy.jobs.gate import _holdout, held_out
from roadworthy.jobs.gate_slices import lay_slices
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import train
from roadworthy.registry.versions import VersionRow
from small_workspace import HALF_MONTH, MODEL, SECOND_UNTIL, Small


def laid(stores: Stores, row: VersionRow) -> Slices:
    """The slices of the held-out rows of a version."""
    table = held_out(stores, row)
    scorer = stores.scorer(row)
    batch = batch_from_arrow(table, scorer.schema)
    return lay_slices(row, table, batch, _holdout(row, table, scorer.score(batch).output))


def test_declared_slices_come_first_then_what_the_scores_depend_on_most(small_stores: Stores) -> None:
    """The wind decides in this town; the unit, a name of its own for each row, is no slice."""
    found = laid(small_stores, small_stores.versions.get(MODEL, 2)).groupings
    assert [(one.column, one.declared) for one in found][:2] == [("origin", True), ("wind", False)]
    assert {"trip", "leaves", "before"}.isdisjoint(one.column for one in found)
    wind = found[1]
    assert wind.values[-1] == ""
    assert np.bincount(wind.index)[:5].min() > 50


@pytest.mark.parametrize(
    ("often", "expected"),
    [
        ({0.0: 500, 1.0: 500}, {"0": 500, "1": 500}),
        ({0.0: 150, 1.0: 850}, {"0": 150, "1": 850}),
        ({0.0: 900, 2.0: 40, 3.0: 40, 7.0: 20}, {"0": 900, "2 to 7": 100}),
        ({1.0: 60, 2.0: 40, 9.0: 800, np.nan: 100}, {"1 to 2": 100, "9": 800, "": 100}),
        (dict.fromkeys(map(float, range(10)), 50), {f"{n} to {n + 1}": 100 for n in range(0, 10, 2)}),
        ({4.0: 700}, {"4": 700}),
        ({np.nan: 700}, {}),
    ],
)
def test_flags_and_numbers_that_are_mostly_one_value_are_slices_too(
    often: dict[float, int], expected: dict[str, int]
) -> None:
    """A fifth has no room for a value that fills several; the rows beside it are where harm hides."""
    values = np.repeat(list(often), list(often.values()))
    found = gate_slices._of_numbers("heavy", np.random.default_rng(1).permutation(values))
    counts = np.bincount(found.index[found.index >= 0]).tolist()
    assert dict(zip(found.values, counts, strict=True)) == expected


def test_slices_that_must_be_perfect_are_found_by_their_value(own: Small, own_stores: Stores) -> None:
    """Declared anew it counts at once, without a new version."""
    text = own.definition.read_text()
    path = own.root.parent / "trips.py"
    path.write_text(text.replace("    limits=", '    perfect={"gate": ["A", "Z"]},\n    limits='))
    assert train(own_stores, path, until=SECOND_UNTIL, holdout=HALF_MONTH).redeclared == ("perfect",)
    row = own_stores.versions.get(MODEL, 2)
    found, table = laid(own_stores, row).perfect, held_out(own_stores, row)
    assert list(found) == ["gate=A", "gate=Z"]
    assert found["gate=A"].tolist() == [value == "A" for value in table.column("gate").to_pylist()]
    assert not found["gate=Z"].any()
