"""The live half: real server, real traffic, the beat of production; and nothing that fails without the fault counts."""

from __future__ import annotations

from collections.abc import Callable

from roadworthy.drills import s01_scale_shift as s01
from roadworthy.drills import s02_null_outputs as s02
from roadworthy.drills.result import Cell

Drilled = Callable[..., Cell]


def test_a_scale_that_shifts_by_a_thousand_is_noticed_live(drilled: Drilled) -> None:
    """The gate saw a healthy candidate; the server was updated afterwards, and the mean is off within a day."""
    cell = drilled(s01.FAULT, severity=1.0)
    assert cell.outcome == "caught", cell
    assert cell.first is not None
    assert cell.first.stage == "live"
    assert {"prediction_mean", "mean_output"} & set(cell.guards)
    assert 0 < cell.first.rows < cell.live_rows
    assert cell.harmed == cell.first.rows / cell.live_rows


def test_with_all_its_guards_off_a_fault_is_missed(drilled: Drilled) -> None:
    """And all of the traffic is harmed: the guards are what caught it."""
    cell = drilled(s02.FAULT, severity=0.05, off=s02.FAULT.guards)
    assert (cell.outcome, cell.catches, cell.harmed) == ("missed", (), 1.0), cell
