"""What goes wrong with the data is caught when they come in, or by the gate; nothing else sees most of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from roadworthy.data.schema import table
from roadworthy.drills import d02_coverage_drop as d02
from roadworthy.drills import d04_etl_break as d04
from roadworthy.drills import d05_event_change as d05
from roadworthy.drills import p08_string_parsing as p08
from roadworthy.drills.fault import Fault
from roadworthy.drills.result import Cell

Drilled = Callable[..., Cell]


@pytest.mark.parametrize(
    ("fault", "guard", "stage", "said"),
    [
        (d04.FAULT, "ingest", "data", "as on these weekdays before, got none"),
        (d04.VARIANTS[0], "ingest", "data", "under another key"),
        (d04.VARIANTS[1], "ingest", "data", "as on these weekdays before, got 7"),
        (d05.FAULT, "ingest", "data", "as kilometres for miles"),
        (d05.VARIANTS[0], "ingest", "data", "$.wind_v2: expected one of"),
        (d05.VARIANTS[1], "ingest", "data", "got 0 in 9"),
        (p08.FAULT, "vocabulary", "gate", "which cleaner without_parameters would make one"),
        (p08.VARIANTS[0], "vocabulary", "gate", "which cleaner latin would make one"),
        (d02.VARIANTS[0], "served_like_trained", "gate", "wind"),
    ],
    ids=lambda given: given.key if isinstance(given, Fault) else None,
)
def test_at_moderate_severity_it_is_caught_at_its_stage(
    fault: Fault, guard: str, stage: str, said: str, drilled: Drilled
) -> None:
    """By the guard that is there for it, in a sentence that names the cause."""
    cell = drilled(fault)
    assert cell.outcome == "caught", cell
    assert cell.first is not None
    assert cell.first.stage == stage == fault.stage
    found = [catch for catch in cell.catches if catch.guard == guard]
    assert found, cell
    assert any(said in catch.sentence for catch in found), found


@pytest.mark.parametrize("fault", [d05.FAULT, p08.FAULT], ids=lambda fault: fault.key)
def test_with_its_guards_off_nothing_else_sees_it(fault: Fault, drilled: Drilled) -> None:
    """So the guards are what caught it."""
    cell = drilled(fault, off=fault.guards)
    assert (cell.outcome, cell.catches) == ("missed", ()), cell


def test_a_day_that_is_there_twice_has_every_row_again_under_a_key_of_its_own() -> None:
    """Or its keys alone would give it away."""
    schema = table("rides", key="ride", columns={"ride": "int", "left_at": "timestamp"})
    rows = pa.table({"ride": [1, 2, 3], "left_at": pa.array([0, 0, 1], pa.timestamp("us", "UTC"))})
    twice = d04.twice(rows, np.array([True, True, False]), schema)
    assert twice.num_rows == 5
    assert len(set(twice.column("ride").to_pylist())) == 5
