"""D1: what an input could not have known is refused before any traffic."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest

from roadworthy.drills import d01_future_leakage as d01
from roadworthy.drills import d01_overwritten_afterwards as overwritten
from roadworthy.drills.cell import opened
from roadworthy.drills.deployment import DESCRIPTION, Deployment, Description, Timeline
from roadworthy.drills.fault import Fault
from roadworthy.drills.result import Cell
from smalltown import HOLDOUT, MODEL, OPENED, WEEK, founded

Drilled = Callable[..., Cell]


def variant(name: str) -> Fault:
    """The kind of that name."""
    return next(fault for fault in d01.VARIANTS if fault.variant == name)


@pytest.fixture
def town(tmp_path: Path) -> Deployment:
    """The town's tables and definition as a deployment that nobody trained."""
    founded(tmp_path)
    (tmp_path / "user").rename(tmp_path / "definition")
    when = Timeline(
        served_from=OPENED, latest_from=OPENED, live_from=WEEK, live_until=WEEK + HOLDOUT, holdout=HOLDOUT
    )
    described = Description(file="parcels.py", model=MODEL, timeline=when)
    (tmp_path / DESCRIPTION).write_bytes(msgspec.json.encode(described))
    return Deployment.at(tmp_path)


def test_an_average_of_outcomes_that_are_not_known_yet_is_refused(drilled: Drilled) -> None:
    """A little more than an hour too soon is enough: the outcome's own declaration says so."""
    cell = drilled(variant("own-outcome"))
    assert cell.outcome == "caught", cell
    assert cell.first is not None
    assert (cell.first.stage, cell.first.guard, cell.first.how) == ("gate", "leakage", "refused")
    assert "the outcome 'late' says it is known from landed_at" in cell.first.sentence


def test_with_all_its_guards_off_it_is_missed(drilled: Drilled) -> None:
    """Nothing else looks at when an input was known."""
    fault = variant("own-outcome")
    assert drilled(fault, off=fault.guards).outcome == "missed"


def test_a_number_that_knows_too_much_is_told_of_where_nothing_proves_it(drilled: Drilled) -> None:
    """Requests carry it as the history does, so that only the jump in quality speaks; nobody is refused for it."""
    cell = drilled(overwritten.FAULT)
    assert cell.outcome == "caught", cell
    assert [(catch.guard, catch.part, catch.how) for catch in cell.catches] == [
        ("too_good_alone", "jump", "warning")
    ]
    assert drilled(overwritten.FAULT, off=overwritten.FAULT.guards).outcome == "missed"


def test_requests_held_the_number_as_it_was_overwritten(broken: Deployment) -> None:
    """In all of the rows with the outcome at severity 1, and in no other."""
    overwritten.FAULT.inject(broken, 1.0, np.random.default_rng(0))
    files = [pq.read_table(file, columns=["trip", "late", "wind"]) for _, _, file in broken.incoming]
    told = {row["trip"]: row for rows in files for row in rows.to_pylist()}
    smallest = min(row["wind"] for row in told.values() if row["wind"] is not None)
    assert {row["wind"] for row in told.values() if row["late"]} == {smallest}
    with opened(broken) as stores:
        log = stores.log().predictions("trip-delay", namespace="drill")
    for unit, wind in zip(log["unit"].to_pylist(), log["in_wind"].to_pylist(), strict=True):
        assert wind == told[unit]["wind"]


def test_the_source_that_arrives_latest_is_joined_too_soon_and_no_other(town: Deployment) -> None:
    """The gauge takes an hour; at moderate severity three minutes of it are forgotten."""
    before = {join.column: join.source.known_at for join in town.model.joins()}
    d01.FAULT.inject(town, d01.FAULT.moderate, np.random.default_rng(0))
    after = {join.column: join.source.known_at for join in town.model.joins()}
    assert after.keys() == before.keys()
    for name, known in before.items():
        sooner = after[name]
        if known is None:
            assert sooner is None
        else:
            assert sooner is not None
            assert known.offset - sooner.offset == timedelta(minutes=3)


def test_a_column_that_no_question_carries_becomes_an_input(town: Deployment, broken: Deployment) -> None:
    """The small model's history has none, so it is skipped there; the town's model leaves out its context."""
    assert "no column" in variant("filled-in-later").applies(broken)
    town.redeclare(context="()", features="type(old.features)(street=old.features.features['street'])")
    assert d01.filled_in_later(town)[0] == "weight"
    variant("filled-in-later").inject(town, 0.5, np.random.default_rng(0))
    assert "weight" in town.model.input_columns()


def test_a_model_without_joins_has_no_lag_to_forget(broken: Deployment) -> None:
    """The drill says so and is not run."""
    assert "joined from a table" in d01.FAULT.applies(broken)
