"""Protected attributes from a user's file to the gate's check."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from roadworthy.errors import DefinitionError
from roadworthy.jobs.gate_groups import groups_of
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import holdout_path
from roadworthy.model import load_definition
from smalltown import MODEL, Town


def test_what_is_protected_is_read_by_group_and_counts_without_a_new_version(
    town: Town, town_stores: Stores
) -> None:
    """Texts are groups as they are; a number with many values is cut into quarters of its rows."""
    text = town.definition.read_text()
    protects = '    protected=["district", "weight"],\n    context='
    town.definition.write_text(text.replace("    context=", protects))
    trained = town.train(town_stores)
    assert trained.redeclared == ("protected",)
    row = town_stores.versions.get(MODEL, 1)
    table = pq.read_table(holdout_path(town_stores, row.digest))
    values = groups_of(row, table).values
    assert set(values["district"]) == {"north", "south"}
    quarters, rows = np.unique(values["weight"], return_counts=True)
    assert quarters.size == 4
    assert rows.max() - rows.min() <= 2


def test_a_protected_column_must_be_in_the_question(town: Town) -> None:
    """What no request carries cannot be watched."""
    text = town.definition.read_text()
    town.definition.write_text(text.replace("    context=", '    protected=["sex"],\n    context='))
    with pytest.raises(DefinitionError, match="protected sex are neither inputs nor context"):
        load_definition(town.definition)
