"""What goes wrong with the data is caught when they come in, or by the gate; nothing else sees most of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from roadworthy.data.schema import table
from roadworthy.drills import d02_coverage_drop as d02
from roadworthy.drills import d02_filled_in_history as filled
from roadworthy.drills import d04_etl_break as d04
from roadworthy.drills import d05_event_change as d05
from roadworthy.drills import p08_string_parsing as p08
from roadworthy.drills.cell import opened
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault
from roadworthy.drills.result import Cell

Drilled = Callable[..., Cell]

EVER = next(fault for fault in p08.VARIANTS if fault.variant == "ever")


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
        (EVER, "vocabulary", "gate", "which cleaner latin would make one"),
        (d02.VARIANTS[0], "served_like_trained", "gate", "wind"),
        (filled.FAULT, "carried", "gate", "wind is null in"),
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


@pytest.mark.parametrize("fault", [d05.FAULT, p08.FAULT, EVER, filled.FAULT], ids=lambda fault: fault.key)
def test_with_its_guards_off_nothing_else_sees_it(fault: Fault, drilled: Drilled) -> None:
    """So the guards are what caught it."""
    cell = drilled(fault, off=fault.guards)
    assert (cell.outcome, cell.catches) == ("missed", ()), cell


def test_a_name_that_was_always_written_in_two_ways_is_so_in_requests_too(broken: Deployment) -> None:
    """About the share of rows, of the same units in the log as in the history; joins are found as before."""
    assert p08.column_of_codes(broken) == "origin"
    EVER.inject(broken, 0.2, np.random.default_rng(3))
    with opened(broken) as stores:
        log = stores.log().predictions("trip-delay", namespace="drill")
    other = {text.translate(p08.LETTERS) for text in ("EWR", "JFK")}
    asked = {unit for unit, text in zip(*_both(log, "unit", "in_origin"), strict=True) if text in other}
    files = [pq.read_table(file) for _, _, file in broken.incoming]
    told = {
        unit
        for rows in files
        for unit, text in zip(*_both(rows, "trip", "origin"), strict=True)
        if text in other
    }
    assert asked <= told
    assert 0.1 < len(asked) / log.num_rows < 0.3
    assert log.column("enc_origin").to_pylist().count(1.0) == len(asked)  # unknown to the champion


def _both(rows: pa.Table, *names: str) -> list[list[str]]:
    return [rows.column(name).to_pylist() for name in names]


def test_a_number_that_is_never_missing_cannot_be_filled(broken: Deployment) -> None:
    """The drill says so; it takes the one that is."""
    assert filled.gappy_number(broken) == "wind"
    broken.redeclare(features='old.features.without(["wind"])')
    assert "missing anywhere" in filled.FAULT.applies(broken)


def test_a_day_that_is_there_twice_has_every_row_again_under_a_key_of_its_own() -> None:
    """Or its keys alone would give it away."""
    schema = table("rides", key="ride", columns={"ride": "int", "left_at": "timestamp"})
    rows = pa.table({"ride": [1, 2, 3], "left_at": pa.array([0, 0, 1], pa.timestamp("us", "UTC"))})
    twice = d04.twice(rows, np.array([True, True, False]), schema)
    assert twice.num_rows == 5
    assert len(set(twice.column("ride").to_pylist())) == 5
