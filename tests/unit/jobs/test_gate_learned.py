"""The rivals of a candidate are asked about its held-out rows, as they were declared last."""

from __future__ import annotations

import numpy as np
import pytest

from roadworthy.errors import DefinitionError
from roadworthy.features.arrow import batch_from_arrow
from roadworthy.gate.learned_facts import Learned
from roadworthy.jobs.gate import gate, held_out
from roadworthy.jobs.gate_learned import rivals, weights_of
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import train
from roadworthy.registry.versions import VersionRow
from roadworthy.stats import metrics
from small_workspace import HALF_MONTH, MODEL, SECOND_UNTIL, Small

LIMITS = "    limits="


def declared(own: Small, stores: Stores, more: str, functions: str = "") -> VersionRow:
    """Version 2 trained again from a file that says more."""
    text = own.definition.read_text()
    path = own.root.parent / "trips.py"
    path.write_text(
        text.replace(LIMITS, f"    {more}\n{LIMITS}").replace(
            "\ntrips = table(", f"{functions}\ntrips = table("
        )
    )
    found = train(stores, path, until=SECOND_UNTIL, holdout=HALF_MONTH)
    return stores.versions.get(MODEL, found.version)


def asked(stores: Stores, row: VersionRow) -> Learned:
    """What the rivals say."""
    table = held_out(stores, row)
    return rivals(stores, row, table, batch_from_arrow(table, stores.scorer(row).schema))


def test_the_twin_knows_nothing_and_the_candidate_is_better(small_stores: Stores) -> None:
    """Both versions of the small workspace learned something; their twins did not."""
    for version in (1, 2):
        row = small_stores.versions.get(MODEL, version)
        twins, labels = (
            asked(small_stores, row).shuffled,
            held_out(small_stores, row).column("label").to_numpy(),
        )
        assert twins is not None
        assert len(twins) == 5
        assert abs(np.mean([metrics.auc(twin, labels) for twin in twins]) - 0.5) < 0.1


def test_a_column_declared_as_heuristic_is_read_from_theheld_out_rows(own: Small, own_stores: Stores) -> None:
    """Declaring it makes no new version, and a column that ranks nothing is refused when the gate is run."""
    row = declared(own, own_stores, 'heuristic="-wind", ranks_within="gate", cut=0.4, weight="wind",')
    assert row.version == 2
    found, table = asked(own_stores, row), held_out(own_stores, row)
    wind = table.column("wind").to_numpy()
    assert found.heuristic is not None
    assert np.array_equal(found.heuristic.scores, -wind, equal_nan=True)
    assert found.groups is not None
    assert (found.cut, np.unique(found.groups).size) == (0.4, 2)
    assert np.array_equal(weights_of(row, table), wind, equal_nan=True)
    row = declared(own, own_stores, 'heuristic="origin",')
    with pytest.raises(DefinitionError, match="'origin' is text and ranks nothing"):
        asked(own_stores, row)


def test_a_rule_declared_as_heuristic_is_kept_with_the_version_and_compared(
    own: Small, own_stores: Stores
) -> None:
    """It gives probabilities; the report has a verdict about it."""
    (own.root.parent / "guess.py").write_text("def windy(wind):\n    return 0.1 + 0.01 * wind\n")
    row = declared(
        own,
        own_stores,
        'heuristic=rule(windy, "wind"),',
        "\nfrom guess import windy\nfrom roadworthy import rule\n",
    )
    assert row.version == 3
    found = asked(own_stores, row).heuristic
    assert found is not None
    wind = held_out(own_stores, row).column("wind").to_numpy()
    assert np.array_equal(found.scores, 0.1 + 0.01 * wind, equal_nan=True)
    report = gate(own_stores, row.reference, approve_first="a test").report
    rulings = {one.subject.split()[-1]: one.ruling for one in report.verdicts if one.check == "learned"}
    assert rulings["shuffled"] == "pass"
    assert set(rulings) == {"shuffled", "heuristic"}
